//! Looks at a log without changing it: a report per segment, and a walk over all entries.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use crate::error::{Fault, JournalError};
use crate::layout::{Layout, SegmentFile};
use crate::reader::Reader;
use crate::scan::{Scanner, Step};

/// What `verify` found, archive included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Every segment, oldest first.
    pub segments: Vec<SegmentReport>,
    /// Places where a segment does not start where the one before it ends.
    pub gaps: Vec<Gap>,
}

/// What is in one segment file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentReport {
    /// The file.
    pub path: PathBuf,
    /// True when it lies in the archive.
    pub archived: bool,
    /// First entry by the file's name.
    pub first_seq: u64,
    /// Last valid entry before the end or the fault; `None` when there is none.
    pub last_seq: Option<u64>,
    /// Valid entries before the end or the fault.
    pub entries: u64,
    /// Valid batches before the end or the fault.
    pub batches: u64,
    /// Length of the file in bytes.
    pub bytes: u64,
    /// Whether it is as it was written.
    pub state: SegmentState,
}

/// Whether a segment is as it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SegmentState {
    /// Every batch is valid.
    Sound,
    /// The newest segment ends in an unfinished batch: the next start cuts it. On a live log it is usually the
    /// batch that is being written.
    TornTail {
        /// Where it starts, in bytes.
        offset: u64,
        /// What is wrong with it.
        fault: Fault,
    },
    /// Bytes that had been written safely have changed: a start is refused.
    Damaged {
        /// Where the first bad batch starts, in bytes.
        offset: u64,
        /// What is wrong there.
        fault: Fault,
    },
    /// Written in a format that this program does not know.
    UnknownVersion {
        /// The version written in the file.
        version: u32,
    },
}

/// Entries that are missing between two segments, or that are in both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    /// Where the later segment should start.
    pub expected_seq: u64,
    /// Where it starts.
    pub found_seq: u64,
}

impl Report {
    /// True when a start would accept the log: no damage, no gap, no unknown version. A torn tail is accepted.
    pub fn is_sound(&self) -> bool {
        let is_accepted = |segment: &SegmentReport| {
            matches!(segment.state, SegmentState::Sound | SegmentState::TornTail { .. })
        };
        self.gaps.is_empty() && self.segments.iter().all(is_accepted)
    }
}

/// Validates every batch of every segment, archive included. Changes nothing and takes no lock, so it can look at a
/// copy or at a log in use.
///
/// # Errors
/// `Io` when a file cannot be read. Damage is no error here: it is in the report.
pub fn verify(dir: &Path) -> Result<Report, JournalError> {
    let layout = Layout::new(dir);
    let listed = layout.all_segments()?;
    let mut report = Report {
        segments: Vec::with_capacity(listed.len()),
        gaps: Vec::new(),
    };
    let mut expected_seq = None;
    for (index, segment) in listed.iter().enumerate() {
        let found_seq = segment.first_seq;
        if let Some(expected_seq) = expected_seq.filter(|expected_seq| *expected_seq != found_seq) {
            report.gaps.push(Gap {
                expected_seq,
                found_seq,
            });
        }
        let (checked, next_seq) = check_segment(&layout, segment, index + 1 == listed.len())?;
        // Behind damage nobody knows where the next segment should start.
        expected_seq = (checked.state == SegmentState::Sound).then_some(next_seq);
        report.segments.push(checked);
    }
    Ok(report)
}

/// Calls `entry` with the sequence and payload of each entry from `from_seq` to `to_seq` (both included, as far as
/// they are there), archive included, until it says `Break`. Changes nothing and takes no lock.
///
/// # Errors
/// `Damaged`, `MissingSegment` and `UnknownVersion` where they are met, after the entries before; `Io`.
pub fn dump(
    dir: &Path,
    from_seq: u64,
    to_seq: u64,
    mut entry: impl FnMut(u64, &[u8]) -> ControlFlow<()>,
) -> Result<(), JournalError> {
    let layout = Layout::new(dir);
    let segments = layout.all_segments()?;
    let first_seq = segments.first().map_or(1, |segment| segment.first_seq);
    let mut reader = Reader::over(layout, segments, from_seq.max(first_seq), None)?;
    while let Some((seq, payload)) = reader.next_entry()? {
        if seq > to_seq || entry(seq, payload).is_break() {
            break;
        }
    }
    Ok(())
}

fn check_segment(
    layout: &Layout,
    segment: &SegmentFile,
    is_newest: bool,
) -> Result<(SegmentReport, u64), JournalError> {
    let mut scanner = Scanner::open(layout, segment, is_newest)?;
    let mut batches = 0;
    let state = loop {
        match scanner.next_batch() {
            Ok(Step::Batch { .. }) => batches += 1,
            Ok(Step::End) => break SegmentState::Sound,
            Ok(Step::TornTail { fault }) => {
                break SegmentState::TornTail {
                    offset: scanner.valid_bytes(),
                    fault,
                };
            }
            Err(JournalError::Damaged { offset, fault, .. }) => {
                break SegmentState::Damaged { offset, fault };
            }
            Err(JournalError::UnknownVersion { version, .. }) => {
                break SegmentState::UnknownVersion { version };
            }
            Err(error) => return Err(error),
        }
    };
    let next_seq = scanner.next_seq();
    let entries = next_seq - segment.first_seq;
    let report = SegmentReport {
        path: segment.path.clone(),
        archived: segment.archived,
        first_seq: segment.first_seq,
        last_seq: (entries > 0).then(|| next_seq - 1),
        entries,
        batches,
        bytes: scanner.file_bytes()?,
        state,
    };
    Ok((report, next_seq))
}
