//! The embedded exchange from outside: the behaviour suite, and what only a process with a disk and a clock can do.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

mod behaviour;
mod durability;
mod faults;
mod history;
mod house;
mod intake;
mod lagging;
mod logs;
mod past;
mod rebuilding;
mod sessions;
mod snapshots;
mod starting;
mod timers;
