//! Publishing and consuming over real brokers: the one of this machine under names of each test's own, and brokers of
//! their own for tests that kill, freeze, purge or fill them.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

mod bench;
mod consuming;
mod dead_letters;
mod definitions;
mod encryption;
mod outages;
mod publishing;
mod reconnecting;
mod unreadable;
