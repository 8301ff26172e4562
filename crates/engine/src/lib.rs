//! The markets of one shard as one deterministic fold: books, order life, stops, timers, fees, client ids.
//!
#![doc = include_str!("../README.md")]
#![deny(clippy::float_arithmetic)]

mod amend;
mod cancel;
mod check;
mod close;
mod doorstep;
mod due;
mod engine;
mod enter;
mod fees;
mod funds;
mod market;
mod operate;
mod orders;
mod place;
mod rest;
mod sessions;
mod snapshot;
mod steps;
mod stops;
mod switches;
mod tables;
mod trade;
mod turn;
mod users;

pub use check::EngineFault;
pub use doorstep::Doorstep;
pub use engine::{Answer, DepthLevel, Engine};
pub use fees::OwnFees;
pub use funds::{Funds, FundsSlot};
pub use snapshot::{EngineSnapshot, MarketSnapshot, OrderSnapshot, UserSnapshot};
pub use steps::CancelSome;
pub use tables::{LiveMarket, LiveOrder};

/// The version of the rules by which this engine folds commands. A log is replayed only by a program that knows its
/// version. Any change that alters an event of an old log needs a new one.
pub const RULES_VERSION: u16 = 1;

/// How many orders one command may cancel, expire or trigger before the rest waits for the next tick.
pub const CHUNK: usize = 1_000;

/// How long a client order id stays taken after its order ended: 24 hours of command time, in microseconds.
pub const CLIENT_ID_WINDOW_MICROS: u64 = 24 * 60 * 60 * 1_000_000;

/// How many client order ids of ended orders are kept for one user; the oldest are forgotten first.
pub const CLIENT_IDS_PER_USER: usize = 100_000;
