//! Intake on a real database, with a wallet in memory and a shard whose owner is the real fold in a small loop.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

mod breaking;
mod changing;
mod clocks;
mod healing;
mod house;
mod operating;
mod placing;
mod sessions;
mod shard;
