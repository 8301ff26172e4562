//! The snapshot thread: makes the next snapshot from the last one and the log, so that the writer never stops.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use exchange::{Exchange, LogEntry, Output};
use journal::{JournalError, ReadOptions, Reader, Snapshots};

use crate::commit::Handover;
use crate::figures::tell_disk;
use crate::gauge::Gauge;

/// How often it looks whether a snapshot is due.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// After a failure it waits for so many looks before it tries again.
const LOOKS_AFTER_FAILURE: u32 = 5;
/// How many snapshots are kept: the newest, and one to fall back on.
const SNAPSHOTS_KEPT: usize = 2;
/// How much nicer than the others the thread is.
const NICENESS: i32 = 10;

pub(crate) struct SnapshotMaker {
    pub dir: PathBuf,
    pub every: u64,
    pub hash_seed: u64,
    pub min_free_bytes: u64,
    pub gauge: Arc<Gauge>,
    pub handovers: Sender<Handover>,
    /// Closes when the exchange stops.
    pub stop: Receiver<()>,
}

impl SnapshotMaker {
    /// Works until the exchange stops.
    pub fn run(self) {
        if let Err(error) = rustix::process::nice(NICENESS) {
            tracing::debug!(%error, "the snapshot thread keeps its priority");
        }
        let mut wait_looks = 0;
        while self.stop.recv_timeout(LOOK_EVERY) == Err(RecvTimeoutError::Timeout) {
            self.look_at_disk();
            let (durable, covered) = (self.gauge.durable(), self.gauge.covered.load(Ordering::Acquire));
            if wait_looks > 0 || durable.saturating_sub(covered) < self.every {
                wait_looks = u32::saturating_sub(wait_looks, 1);
                continue;
            }
            let made = catch_unwind(AssertUnwindSafe(|| self.make(durable)));
            match made.unwrap_or_else(|_| Err("the replay panicked".to_owned())) {
                Ok(()) => {
                    tracing::info!(seq = durable, "wrote a snapshot");
                    if self.handovers.send(Handover::Covered(durable)).is_err() {
                        return;
                    }
                }
                // The log has everything: a start replays more, and a later look tries again.
                Err(error) => {
                    wait_looks = LOOKS_AFTER_FAILURE;
                    tracing::error!(error, "no snapshot could be made");
                }
            }
        }
    }

    /// Looks whether placements have room.
    pub fn look_at_disk(&self) {
        match journal::free_bytes(&self.dir) {
            Ok(free) => {
                tell_disk(free);
                let room = free >= self.min_free_bytes;
                if self.gauge.disk_has_room.swap(room, Ordering::AcqRel) != room {
                    tracing::warn!(free, room, "room on the disk changed: placements follow");
                }
            }
            Err(error) => tracing::warn!(%error, "free space cannot be read"),
        }
    }

    /// Every digest that stands in the log on the way is compared, and what is written was restored once: a snapshot
    /// that a start could not use must not send the log to the archive.
    fn make(&self, to_seq: u64) -> Result<(), String> {
        let snapshots = Snapshots::new(&self.dir);
        let (_, mut exchange, _) = newest(&self.dir, self.hash_seed).map_err(|error| error.to_string())?;
        let options = ReadOptions {
            to_seq: Some(to_seq),
            include_archive: true,
        };
        let reader = Reader::open(&self.dir, exchange.seq() + 1, options);
        let mut reader = reader.map_err(|error| error.to_string())?;
        replay(&mut exchange, &mut reader)?;
        let contents = exchange.snapshot().map_err(|error| error.to_string())?;
        let (seq, digest) = (exchange.seq(), exchange.event_digest());
        drop(exchange);
        let again = Exchange::restore(&contents, self.hash_seed).map_err(|error| error.to_string())?;
        if (again.seq(), again.event_digest()) != (seq, digest) {
            return Err("what was written does not restore to the same state".to_owned());
        }
        drop(again);
        let free = journal::free_bytes(&self.dir).map_err(|error| error.to_string())?;
        if free < self.min_free_bytes.saturating_add(contents.len() as u64) {
            return Err(format!(
                "{free} bytes are free on the disk: not enough for a snapshot"
            ));
        }
        snapshots
            .write(to_seq, &contents)
            .map_err(|error| error.to_string())?;
        snapshots.check(to_seq).map_err(|error| error.to_string())?;
        prune(&self.dir, self.gauge.history.projected());
        Ok(())
    }
}

/// Removes old snapshots. Where history lies behind, the newest that it has already stays: it is caught up from there.
pub(crate) fn prune(dir: &Path, projected: u64) {
    let snapshots = Snapshots::new(dir);
    let pruned = snapshots.list().and_then(|seqs| {
        let newest = seqs.iter().rposition(|seq| *seq <= projected);
        let needed = seqs.len() - newest.unwrap_or(0);
        snapshots.prune(SNAPSHOTS_KEPT.max(needed))
    });
    if let Err(error) = pruned {
        tracing::warn!(%error, "old snapshots stay where they are");
    }
}

/// The exchange of one snapshot.
pub(crate) fn usable(dir: &Path, seq: u64, hash_seed: u64) -> Result<Exchange, String> {
    let bytes = Snapshots::new(dir).read(seq).map_err(|fault| fault.to_string())?;
    Exchange::restore(&bytes, hash_seed).map_err(|error| error.to_string())
}

/// The newest snapshot that makes a sound exchange, and the newer ones that do not, with the reason.
pub(crate) type Newest = (Option<u64>, Exchange, Vec<(PathBuf, String)>);

/// The exchange of the newest usable snapshot, or an empty one where there is none.
pub(crate) fn newest(dir: &Path, hash_seed: u64) -> Result<Newest, JournalError> {
    let snapshots = Snapshots::new(dir);
    let mut skipped = Vec::new();
    for seq in snapshots.list()?.into_iter().rev() {
        match usable(dir, seq, hash_seed) {
            Ok(exchange) => return Ok((Some(seq), exchange, skipped)),
            Err(reason) => skipped.push((snapshots.path(seq), reason)),
        }
    }
    Ok((None, Exchange::new(hash_seed), skipped))
}

/// Applies all that the reader has; the text says at which record it stopped.
pub(crate) fn replay(exchange: &mut Exchange, reader: &mut Reader) -> Result<u64, String> {
    let mut out = Output::default();
    let mut count = 0;
    while let Some((seq, bytes)) = reader.next_entry().map_err(|error| error.to_string())? {
        let wrong = |text: String| format!("record {seq}: {text}");
        if seq != exchange.seq() + 1 {
            return Err(wrong(format!("follows record {}", exchange.seq())));
        }
        let entry = LogEntry::decode(bytes).map_err(|error| wrong(error.to_string()))?;
        exchange
            .replay(&entry, &mut out)
            .map_err(|error| wrong(error.to_string()))?;
        out.events.clear();
        count += 1;
    }
    Ok(count)
}
