//! The exchange in one process: writer thread, journal, snapshots.
//!
//! One writer thread owns the whole exchange in memory. It takes commands from one bounded queue, applies them, and
//! hands their records to the journal thread, which makes them durable and only then lets answers and events out. Reads
//! go through the same queue and wait for the same durability, so nobody ever sees what a crash could take back.

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
mod snapshots;
mod writer;

pub use ask::Audit;
pub use fatal::Fatal;
pub use open::{Embedded, OpenError, Opened};
pub use options::Options;
pub use probe::Probe;
