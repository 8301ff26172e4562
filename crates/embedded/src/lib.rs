//! The exchange in one process: writer thread, journal, snapshots, history.
//!
#![doc = include_str!("../README.md")]

mod ask;
mod commit;
mod entry;
mod fatal;
mod feeds;
mod figures;
mod gathered;
mod gauge;
mod history;
mod job;
mod open;
mod operations;
mod options;
mod poison;
mod probe;
mod projector;
mod queries;
mod said;
mod snapshots;
mod traced;
mod writer;

pub use ask::Audit;
pub use fatal::Fatal;
pub use history::HistoryLimits;
pub use open::{Embedded, OpenError, Opened};
pub use options::Options;
pub use probe::Probe;
