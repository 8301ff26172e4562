//! Engine and ledger applied at once: the embedded exchange as one pure fold, with snapshot, restore and digest.
//!
#![doc = include_str!("../README.md")]
#![deny(clippy::float_arithmetic)]

mod digest;
mod ended;
mod exchange;
mod funds;
mod log;
mod register;
mod silent;
mod snapshot;
mod tape;
mod touched;

pub use exchange::{Exchange, Fault, Output};
pub use ledger::{Balance, gather_entries};
pub use log::{LogBody, LogEntry, LogError};
pub use register::{Register, RegisterFault};
pub use snapshot::SnapshotError;
pub use touched::Touched;

/// A digest of the events stands in the log after so many commands.
pub const DIGEST_EVERY: u32 = 1_000;

/// How many of a market's last trades are kept.
pub const RECENT_TRADES: usize = 1_000;

/// How many ended orders are kept, over all users; the oldest are forgotten first.
pub const ENDED_ORDERS: usize = 50_000;
