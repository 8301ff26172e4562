//! Moves segments that are not needed for a start out of the way, and drops them by a retention setting.

use std::fs;
use std::path::Path;

use crate::error::{Context, JournalError};
use crate::layout::{Layout, sync_dir};
use crate::log::Journal;

/// How much of the archive is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retention {
    /// The newest segments that together take at most this many bytes.
    Bytes(u64),
    /// This many of the newest segments.
    Segments(usize),
}

/// What `drop_archived` removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Dropped {
    /// Number of segment files.
    pub segments: usize,
    /// Their bytes.
    pub bytes: u64,
}

impl Journal {
    /// Moves every closed segment whose last entry is at or before `seq` into the archive; never the active one.
    /// Returns how many were moved. The caller names a `seq` that it no longer needs for a start: one that a valid
    /// snapshot covers.
    ///
    /// # Errors
    /// `Io`. The log stays usable: segments not moved are moved by a later call.
    pub fn archive_covered(&mut self, seq: u64) -> Result<usize, JournalError> {
        let covered = self.closed.partition_point(|segment| segment.last_seq <= seq);
        for moved in 0..covered {
            let first_seq = self.closed[moved].first_seq;
            let (from, to) = (
                self.layout.segment(first_seq),
                self.layout.archived_segment(first_seq),
            );
            if let Err(error) = fs::rename(&from, &to).context("rename", &from) {
                self.closed.drain(..moved);
                return Err(error);
            }
        }
        self.closed.drain(..covered);
        if covered > 0 {
            // The new names first: after a power loss a segment may have two names, but never none.
            sync_dir(&self.layout.archive)?;
            sync_dir(&self.layout.journal)?;
        }
        Ok(covered)
    }

    /// Removes the oldest segments of the archive that `retention` does not keep, as far as all their entries lie at or
    /// before `up_to_seq`: the oldest snapshot that a start may fall back on needs the rest.
    ///
    /// # Errors
    /// `Io`; what was not removed is removed by a later call.
    pub fn drop_archived(&mut self, retention: Retention, up_to_seq: u64) -> Result<Dropped, JournalError> {
        drop_archived(&self.layout, retention, up_to_seq, self.first_seq())
    }
}

fn drop_archived(
    layout: &Layout,
    retention: Retention,
    up_to_seq: u64,
    first_outside: u64,
) -> Result<Dropped, JournalError> {
    let (mut kept_segments, mut kept_bytes) = (0_usize, 0_u64);
    let mut surplus = Vec::new();
    // A segment ends where the next one begins.
    let mut next_first_seq = first_outside;
    for segment in layout.archived_segments()?.into_iter().rev() {
        let bytes = file_bytes(&segment.path)?;
        let last_seq = next_first_seq - 1;
        next_first_seq = segment.first_seq;
        let is_kept = surplus.is_empty()
            && (last_seq > up_to_seq
                || match retention {
                    Retention::Bytes(limit) => kept_bytes.saturating_add(bytes) <= limit,
                    Retention::Segments(limit) => kept_segments < limit,
                });
        if is_kept {
            kept_segments += 1;
            kept_bytes += bytes;
        } else {
            surplus.push((segment.path, bytes));
        }
    }
    let mut dropped = Dropped::default();
    // Oldest first, so that what is left never has a gap.
    for (path, bytes) in surplus.iter().rev() {
        fs::remove_file(path).context("remove", path)?;
        dropped.segments += 1;
        dropped.bytes += bytes;
    }
    if dropped.segments > 0 {
        sync_dir(&layout.archive)?;
    }
    Ok(dropped)
}

fn file_bytes(path: &Path) -> Result<u64, JournalError> {
    Ok(fs::metadata(path).context("read", path)?.len())
}
