//! The exchange in one process: writer thread, journal, snapshots.
//!
#![doc = include_str!("../README.md")]

mod ask;
mod commit;
mod entry;
mod fatal;
mod gauge;
mod job;
mod open;
mod options;
mod poison;
mod probe;
mod said;
mod snapshots;
mod writer;

pub use ask::Audit;
pub use fatal::Fatal;
pub use open::{Embedded, OpenError, Opened};
pub use options::Options;
pub use probe::Probe;
