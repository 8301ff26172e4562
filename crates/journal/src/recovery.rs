//! What happens when a log is opened: validate everything, cut a torn tail, put the last segment on sure ground.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use crate::error::{Context, Fault, JournalError};
use crate::format::{FORMAT_VERSION, SEGMENT_HEADER_BYTES, SegmentHeader};
use crate::layout::{Layout, SegmentFile, sync_dir, temporary};
use crate::scan::{Scanner, Step};

const COPY_BYTES: usize = 1 << 20;

/// What `Journal::open` found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovery {
    /// First entry in the log (not counting the archive); `last_seq + 1` when it holds no entry.
    pub first_seq: u64,
    /// Last entry in the log; 0 when nothing was ever appended.
    pub last_seq: u64,
    /// The unfinished batch that was cut off the end, if there was one.
    pub torn_tail: Option<TornTail>,
}

/// An unfinished batch at the end of the log; nobody was told that it is durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TornTail {
    /// The segment file it was cut from.
    pub segment: PathBuf,
    /// Where it began in that file; 0 when the file's own header was unfinished.
    pub offset: u64,
    /// How many bytes were cut.
    pub bytes: u64,
    /// What was wrong with it.
    pub fault: Fault,
}

impl Recovery {
    /// Checks that a start from a snapshot at `snapshot_seq` (0: none) finds every entry that it needs.
    ///
    /// # Errors
    /// `NotKept` when entries after the snapshot are gone from the log, `EndsEarly` when the log ends before the
    /// snapshot: in both cases the log and the snapshot do not belong together and the start must be refused.
    pub fn check_snapshot(&self, snapshot_seq: u64) -> Result<(), JournalError> {
        if snapshot_seq > self.last_seq {
            return Err(JournalError::EndsEarly {
                wanted_seq: snapshot_seq,
                last_seq: self.last_seq,
            });
        }
        let wanted_seq = snapshot_seq.saturating_add(1);
        if wanted_seq < self.first_seq {
            return Err(JournalError::NotKept {
                wanted_seq,
                first_seq: self.first_seq,
            });
        }
        Ok(())
    }
}

/// A segment that takes no more batches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ClosedSegment {
    pub first_seq: u64,
    pub last_seq: u64,
}

/// Everything an opened log starts from.
pub(crate) struct Recovered {
    pub closed: Vec<ClosedSegment>,
    pub active: ActiveSegment,
    pub torn_tail: Option<TornTail>,
}

/// The segment that batches are appended to.
#[derive(Debug)]
pub(crate) struct ActiveSegment {
    pub file: File,
    pub path: PathBuf,
    pub first_seq: u64,
    pub next_seq: u64,
    pub bytes: u64,
}

struct Walk {
    next_seq: u64,
    valid_bytes: u64,
    file_bytes: u64,
    torn: Option<Fault>,
}

/// Validates every segment and returns the state to append from. The caller holds the lock.
pub(crate) fn recover(layout: &Layout) -> Result<Recovered, JournalError> {
    layout.remove_temporaries()?;
    let mut segments = layout.active_segments()?;
    let Some(newest) = segments.pop() else {
        refuse_lost_log(layout)?;
        let active = create_segment(layout, 1)?;
        return Ok(Recovered {
            closed: Vec::new(),
            active,
            torn_tail: None,
        });
    };
    let mut closed = Vec::with_capacity(segments.len());
    let mut expected_seq = None;
    for segment in &segments {
        check_follows(layout, expected_seq, segment)?;
        let walk = walk(Scanner::open(layout, segment, false)?)?;
        let last_seq = walk.next_seq - 1;
        closed.push(ClosedSegment {
            first_seq: segment.first_seq,
            last_seq,
        });
        expected_seq = Some(walk.next_seq);
    }
    check_follows(layout, expected_seq, &newest)?;
    let walk = walk(Scanner::open(layout, &newest, true)?)?;
    let torn_tail = walk.torn.map(|fault| TornTail {
        segment: newest.path.clone(),
        offset: walk.valid_bytes,
        bytes: walk.file_bytes - walk.valid_bytes,
        fault,
    });
    let active = if walk.valid_bytes == 0 {
        begin_again(layout, &newest)?
    } else {
        renew(layout, &newest, &walk)?
    };
    Ok(Recovered {
        closed,
        active,
        torn_tail,
    })
}

/// Checks that a segment starts where the one before it ends.
pub(crate) fn check_follows(
    layout: &Layout,
    expected_seq: Option<u64>,
    segment: &SegmentFile,
) -> Result<(), JournalError> {
    match expected_seq {
        Some(expected_seq) if expected_seq < segment.first_seq => Err(JournalError::MissingSegment {
            segment: layout.segment(expected_seq),
            expected_seq,
        }),
        Some(expected) if expected > segment.first_seq => {
            let fault = Fault::WrongSequence {
                expected,
                found: segment.first_seq,
            };
            Err(JournalError::Damaged {
                segment: segment.path.clone(),
                offset: 0,
                fault,
            })
        }
        _ => Ok(()),
    }
}

/// An empty log beside an archive or a snapshot was not always empty: to start again at entry 1 would use numbers
/// twice.
fn refuse_lost_log(layout: &Layout) -> Result<(), JournalError> {
    let mut expected_seq = match layout.archived_segments()?.pop() {
        Some(newest) => walk(Scanner::open(layout, &newest, false)?)?.next_seq,
        None => 1,
    };
    if let Some(snapshot_seq) = layout.snapshot_seqs()?.pop() {
        expected_seq = expected_seq.max(snapshot_seq.saturating_add(1));
    }
    if expected_seq == 1 {
        return Ok(());
    }
    Err(JournalError::MissingSegment {
        segment: layout.segment(expected_seq),
        expected_seq,
    })
}

fn walk(mut scanner: Scanner) -> Result<Walk, JournalError> {
    let torn = loop {
        match scanner.next_batch()? {
            Step::Batch { .. } => {}
            Step::End => break None,
            Step::TornTail { fault } => break Some(fault),
        }
    };
    let (next_seq, valid_bytes) = (scanner.next_seq(), scanner.valid_bytes());
    Ok(Walk {
        next_seq,
        valid_bytes,
        file_bytes: scanner.file_bytes()?,
        torn,
    })
}

/// Creates the segment that starts with `first_seq`; it exists durably when this returns.
pub(crate) fn create_segment(layout: &Layout, first_seq: u64) -> Result<ActiveSegment, JournalError> {
    let path = layout.segment(first_seq);
    let file = write_header(&path, first_seq)?;
    sync_dir(&layout.journal)?;
    Ok(ActiveSegment {
        file,
        path,
        first_seq,
        next_seq: first_seq,
        bytes: SEGMENT_HEADER_BYTES as u64,
    })
}

/// Replaces a newest segment whose header was never finished: nothing is in it, but its name says which entry comes
/// next, and there may be no other segment that says so.
fn begin_again(layout: &Layout, segment: &SegmentFile) -> Result<ActiveSegment, JournalError> {
    let (path, first_seq) = (segment.path.clone(), segment.first_seq);
    let temporary = temporary(&path);
    let file = write_header(&temporary, first_seq)?;
    fs::rename(&temporary, &path).context("rename", &temporary)?;
    sync_dir(&layout.journal)?;
    Ok(ActiveSegment {
        file,
        path,
        first_seq,
        next_seq: first_seq,
        bytes: SEGMENT_HEADER_BYTES as u64,
    })
}

fn write_header(path: &Path, first_seq: u64) -> Result<File, JournalError> {
    let mut file = File::create_new(path).context("create", path)?;
    let header = SegmentHeader {
        version: FORMAT_VERSION,
        first_seq,
    }
    .encode();
    file.write_all(&header).context("write", path)?;
    file.sync_all().context("sync", path)?;
    Ok(file)
}

/// Replaces the newest segment by a synced copy of its valid part, and opens that for appending.
///
/// After a failed sync the system marks pages clean that never reached the disk, and a later sync of the same file
/// succeeds without writing them. A new file has no such past.
fn renew(layout: &Layout, segment: &SegmentFile, walk: &Walk) -> Result<ActiveSegment, JournalError> {
    let path = &segment.path;
    let temporary = temporary(path);
    let source = File::open(path).context("open", path)?;
    let mut file = File::create_new(&temporary).context("create", &temporary)?;
    copy(source, &mut file, walk.valid_bytes).context("copy", path)?;
    file.sync_all().context("sync", &temporary)?;
    check_copy(&temporary, segment.first_seq, walk)?;
    fs::rename(&temporary, path).context("rename", &temporary)?;
    sync_dir(&layout.journal)?;
    let (first_seq, next_seq) = (segment.first_seq, walk.next_seq);
    Ok(ActiveSegment {
        file,
        path: path.clone(),
        first_seq,
        next_seq,
        bytes: walk.valid_bytes,
    })
}

/// Copies through our own memory: `io::copy` may ask the file system to share blocks between the two files, and then
/// the copy would be no better than the original.
fn copy(mut source: File, target: &mut File, bytes: u64) -> io::Result<()> {
    let mut buffer = vec![0; COPY_BYTES];
    let mut left = bytes;
    while left > 0 {
        let chunk = usize::try_from(left).unwrap_or(COPY_BYTES).min(COPY_BYTES);
        source.read_exact(&mut buffer[..chunk])?;
        target.write_all(&buffer[..chunk])?;
        left -= chunk as u64;
    }
    Ok(())
}

/// Reads the copy back: pages of the original may have been dropped, and read again from disk, since we validated it.
fn check_copy(path: &Path, first_seq: u64, original: &Walk) -> Result<(), JournalError> {
    let file = File::open(path).context("open", path)?;
    let copy = walk(Scanner::new(file, path.to_path_buf(), first_seq, false))?;
    if copy.next_seq == original.next_seq {
        return Ok(());
    }
    Err(JournalError::EndsEarly {
        wanted_seq: original.next_seq - 1,
        last_seq: copy.next_seq - 1,
    })
}
