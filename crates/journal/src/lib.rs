//! The durable command log on local disk: segments, checksums, group commit, snapshot files.
//!
#![doc = include_str!("../README.md")]

mod archive;
mod batch;
mod error;
mod format;
mod layout;
mod log;
mod reader;
mod recovery;
mod scan;
mod snapshot;
mod verify;

pub use archive::{Dropped, Retention};
pub use batch::{Batch, TooLarge};
pub use error::{Fault, JournalError};
pub use format::{FORMAT_VERSION, MAX_BATCH_BYTES};
pub use layout::free_bytes;
pub use log::{Journal, Options};
pub use reader::{ReadOptions, Reader};
pub use recovery::{Recovery, TornTail};
pub use snapshot::{Latest, SNAPSHOT_VERSION, SnapshotFault, Snapshots};
pub use verify::{Gap, Report, SegmentReport, SegmentState, dump, verify};
