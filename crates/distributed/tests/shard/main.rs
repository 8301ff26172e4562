//! The owner of a shard on a real database.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

mod auditing;
mod bed;
mod broker;
mod commands;
mod digest;
mod gateway;
mod moving;
mod outlet;
mod ownership;
mod poison;
mod purse;
mod relay_traces;
mod retention;
mod rubbish;
mod settling;
