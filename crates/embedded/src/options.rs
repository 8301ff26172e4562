//! How the embedded exchange is set up.

use std::path::PathBuf;
use std::time::Duration;

use runtime::Clock;

use crate::{Fatal, HistoryLimits, Probe};

/// How the embedded exchange is set up.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where journal, snapshots and poison lie.
    pub dir: PathBuf,
    /// How many jobs may wait for the writer. Placements and reads are taken below 80 % of it only.
    pub queue_capacity: usize,
    /// How many jobs the writer applies before it hands them to the journal.
    pub batch_max: usize,
    /// A snapshot is made after so many records.
    pub snapshot_every: u64,
    /// Archived segments are dropped, oldest first, beyond so many bytes; none: never.
    pub archive_keep_bytes: Option<u64>,
    /// How far history may lie behind.
    pub history: HistoryLimits,
    /// How many questions history answers at once.
    pub history_connections: usize,
    /// The journal's own options.
    pub journal: journal::Options,
    /// Below so many free bytes on the disk placements are refused.
    pub min_free_bytes: u64,
    /// How long a caller waits for an answer.
    pub answer_timeout: Duration,
    /// Keys the hashes over callers' input; best random, never needed again.
    pub hash_seed: u64,
    /// Where time comes from.
    pub clock: Clock,
    /// What happens when nothing may go on.
    pub fatal: Fatal,
    /// Sees each command before it is applied; for tests.
    pub probe: Probe,
}

impl Options {
    /// The usual options for this directory.
    pub fn new(dir: PathBuf) -> Self {
        Self {
            dir,
            queue_capacity: 8_192,
            batch_max: 1_024,
            snapshot_every: 500_000,
            archive_keep_bytes: None,
            history: HistoryLimits::default(),
            history_connections: 2,
            journal: journal::Options::default(),
            min_free_bytes: 256 << 20,
            answer_timeout: Duration::from_secs(2),
            hash_seed: 0,
            clock: Clock::System,
            fatal: Fatal::default(),
            probe: Probe::default(),
        }
    }
}
