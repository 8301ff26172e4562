//! What the threads of the exchange measure: how long commands wait, are applied and are made durable, and what the disk has.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use journal::Snapshots;
use metrics::{Histogram, gauge, histogram};
use runtime::Clock;

/// How long the stages of a command take.
#[derive(Debug, Clone)]
pub(crate) struct Stages {
    queue: Histogram,
    apply: Histogram,
    matching: Histogram,
    journal: Histogram,
    sync: Histogram,
}

impl Default for Stages {
    fn default() -> Self {
        let stage = |name: &'static str| histogram!("order_stage_duration_seconds", "stage" => name);
        Self {
            queue: stage("queue"),
            apply: stage("apply"),
            journal: stage("journal"),
            matching: histogram!("matching_duration_seconds"),
            sync: histogram!("journal_sync_seconds"),
        }
    }
}

impl Stages {
    /// A command has waited so long for the writer.
    pub fn waited(&self, time: Duration) {
        self.queue.record(time.as_secs_f64());
    }

    /// A command was applied.
    pub fn applied(&self, took: Duration) {
        self.apply.record(took.as_secs_f64());
        self.matching.record(took.as_secs_f64());
    }

    /// A batch was made durable.
    pub fn synced(&self, took: Duration) {
        self.journal.record(took.as_secs_f64());
        self.sync.record(took.as_secs_f64());
    }
}

/// When the newest snapshot was made.
#[derive(Debug, Default)]
pub(crate) struct LastSnapshot(AtomicU64);

impl LastSnapshot {
    /// The one that a start has found; where there is none, or its file does not tell, it counts from now on.
    pub fn found(dir: &Path, seq: Option<u64>, clock: &Clock) -> Self {
        let path = seq.map(|seq| Snapshots::new(dir).path(seq));
        let written = path.and_then(|path| path.metadata().ok()?.modified().ok());
        let written = written.and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
        let micros = written.and_then(|since| u64::try_from(since.as_micros()).ok());
        Self(AtomicU64::new(micros.unwrap_or_else(|| clock.wall_us())))
    }

    /// One was made.
    pub fn made(&self, clock: &Clock) {
        self.0.store(clock.wall_us(), Ordering::Release);
    }

    /// Its age.
    pub fn age(&self, clock: &Clock) -> Duration {
        Duration::from_micros(clock.wall_us().saturating_sub(self.0.load(Ordering::Acquire)))
    }
}

/// Sets how much room the disk has.
#[allow(clippy::cast_precision_loss, reason = "metrics are floats")]
pub(crate) fn tell_disk(free: u64) {
    gauge!("disk_free_bytes").set(free as f64);
}
