//! The log itself: one writer that appends batches, each durable when `append` returns.

use std::fs::{self, File, TryLockError};
use std::io::{self, IoSlice, Write};
use std::path::Path;

use crate::batch::Batch;
use crate::error::{Context, JournalError};
use crate::format::{BATCH_HEADER_BYTES, BatchHeader, LENGTH_BYTES, MAX_BATCH_BYTES, SEGMENT_HEADER_BYTES};
use crate::layout::Layout;
use crate::reader::{ReadOptions, Reader};
use crate::recovery::{ActiveSegment, ClosedSegment, Recovered, Recovery, create_segment, recover};

/// The limits of a log. They may differ from one start to the next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// A batch that would make a segment file larger than this, in bytes, begins a new one.
    pub segment_bytes: u64,
    /// Most bytes of all payloads of one batch, each with its length prefix of 4 bytes; at most `MAX_BATCH_BYTES`.
    pub max_batch_bytes: usize,
    /// Most bytes of one payload; at least 4 below `max_batch_bytes`.
    pub max_payload_bytes: usize,
}

impl Default for Options {
    /// Segments of 64 MiB, batches of 4 MiB, payloads of 256 KiB.
    fn default() -> Self {
        Self {
            segment_bytes: 64 << 20,
            max_batch_bytes: 4 << 20,
            max_payload_bytes: 256 << 10,
        }
    }
}

impl Options {
    fn check(&self) -> Result<(), JournalError> {
        if self.max_batch_bytes > MAX_BATCH_BYTES {
            return Err(JournalError::BadOption("max_batch_bytes is over 64 MiB"));
        }
        if self.max_payload_bytes > self.max_batch_bytes.saturating_sub(LENGTH_BYTES) {
            return Err(JournalError::BadOption(
                "max_payload_bytes does not fit into max_batch_bytes",
            ));
        }
        Ok(())
    }
}

/// An open log. Holds the lock on its directory until it is dropped.
#[derive(Debug)]
pub struct Journal {
    pub(crate) layout: Layout,
    pub(crate) closed: Vec<ClosedSegment>,
    pub(crate) active: ActiveSegment,
    options: Options,
    is_poisoned: bool,
    /// Never read: closing it releases the lock.
    _lock: File,
}

impl Journal {
    /// Opens the log in `dir`, or begins one there. Validates every batch, cuts a torn tail, and replaces the last
    /// segment by a synced copy before it returns.
    ///
    /// # Errors
    /// `Locked` when it is open elsewhere; `Damaged`, `MissingSegment` and `UnknownVersion` when the files are not
    /// what was written (nothing is changed then); `BadOption`; `Io`.
    pub fn open(dir: &Path, options: Options) -> Result<(Self, Recovery), JournalError> {
        options.check()?;
        let layout = Layout::new(dir);
        layout.create()?;
        let lock = lock(&layout.lock)?;
        let Recovered {
            closed,
            active,
            torn_tail,
        } = recover(&layout)?;
        let journal = Self {
            layout,
            closed,
            active,
            options,
            is_poisoned: false,
            _lock: lock,
        };
        let recovery = Recovery {
            first_seq: journal.first_seq(),
            last_seq: journal.last_seq(),
            torn_tail,
        };
        Ok((journal, recovery))
    }

    /// An empty batch with the limits of this log.
    pub fn new_batch(&self) -> Batch {
        Batch::new(&self.options)
    }

    /// Writes the batch as one and syncs it. When this returns `Ok`, its payloads are durable as the entries up to
    /// the returned sequence. An empty batch writes nothing.
    ///
    /// # Errors
    /// After any error the batch may or may not be found at the next start, and every later call returns
    /// `Poisoned`. The caller must abort the process; neither write nor sync may be tried again.
    pub fn append(&mut self, batch: &Batch) -> Result<u64, JournalError> {
        if self.is_poisoned {
            return Err(JournalError::Poisoned);
        }
        if batch.is_empty() {
            return Ok(self.last_seq());
        }
        let appended = self.write_and_sync(batch);
        self.is_poisoned = appended.is_err();
        appended
    }

    /// First entry in the log, not counting the archive; `last_seq() + 1` when there is none.
    pub fn first_seq(&self) -> u64 {
        self.closed
            .first()
            .map_or(self.active.first_seq, |segment| segment.first_seq)
    }

    /// Last durable entry; 0 when nothing was ever appended.
    pub fn last_seq(&self) -> u64 {
        self.active.next_seq - 1
    }

    /// The directory of this log.
    pub fn dir(&self) -> &Path {
        &self.layout.root
    }

    /// Reads the entries from `from_seq` to the last durable one. The reader can go to another thread; to read
    /// archived entries too, or from a thread without the `Journal`, use `Reader::open`.
    ///
    /// # Errors
    /// `NotKept` when `from_seq` lies before `first_seq()`; otherwise as `Reader::open`.
    pub fn read(&self, from_seq: u64) -> Result<Reader, JournalError> {
        let options = ReadOptions {
            to_seq: Some(self.last_seq()),
            include_archive: false,
        };
        Reader::open(&self.layout.root, from_seq, options)
    }

    fn write_and_sync(&mut self, batch: &Batch) -> Result<u64, JournalError> {
        let batch_bytes = (BATCH_HEADER_BYTES + batch.bytes()) as u64;
        let has_batches = self.active.bytes > SEGMENT_HEADER_BYTES as u64;
        if has_batches && self.active.bytes.saturating_add(batch_bytes) > self.options.segment_bytes {
            self.rotate()?;
        }
        let active = &mut self.active;
        let (first_seq, count) = (active.next_seq, batch.count());
        let next_seq = first_seq
            .checked_add(u64::from(count))
            .ok_or(JournalError::Exhausted)?;
        let header = BatchHeader::new(first_seq, count, batch.body_bytes(), batch.body()).encode();
        write_both(&mut active.file, &header, batch.body()).context("write", &active.path)?;
        active.file.sync_data().context("sync", &active.path)?;
        active.bytes += batch_bytes;
        active.next_seq = next_seq;
        Ok(next_seq - 1)
    }

    /// The new segment exists durably before any batch goes into it; the old one was synced with its last batch.
    fn rotate(&mut self) -> Result<(), JournalError> {
        let next = create_segment(&self.layout, self.active.next_seq)?;
        let full = std::mem::replace(&mut self.active, next);
        self.closed.push(ClosedSegment {
            first_seq: full.first_seq,
            last_seq: full.next_seq - 1,
        });
        Ok(())
    }
}

fn lock(path: &Path) -> Result<File, JournalError> {
    let file = fs::OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
        .context("open", path)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(JournalError::Locked {
            path: path.to_path_buf(),
        }),
        Err(TryLockError::Error(error)) => Err(error).context("lock", path),
    }
}

/// Writes header and body with one system call where the system takes them whole.
fn write_both(file: &mut File, header: &[u8], body: &[u8]) -> io::Result<()> {
    let mut slices = [IoSlice::new(header), IoSlice::new(body)];
    let mut left = &mut slices[..];
    while !left.is_empty() {
        match file.write_vectored(left) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => IoSlice::advance_slices(&mut left, written),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(dir: &Path) -> (Journal, Recovery) {
        Journal::open(dir, Options::default()).unwrap()
    }

    fn one(journal: &Journal, payload: &[u8]) -> Batch {
        let mut batch = journal.new_batch();
        batch.push(payload).unwrap();
        batch
    }

    /// `/dev/full` refuses each write, `/dev/null` takes each write and refuses to sync it.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_failed_write_or_sync_is_never_tried_again() {
        for (device, action_wanted) in [("/dev/full", "write"), ("/dev/null", "sync")] {
            let dir = tempfile::tempdir().unwrap();
            let (mut journal, _) = open(dir.path());
            let batch = one(&journal, b"kept");
            assert_eq!(journal.append(&batch).unwrap(), 1);

            let device = File::options().write(true).open(device).unwrap();
            let good = std::mem::replace(&mut journal.active.file, device);
            let error = journal.append(&batch).unwrap_err();
            assert!(
                matches!(error, JournalError::Io { action, .. } if action == action_wanted),
                "{error}"
            );

            // Even a disk that works again gets no second chance.
            journal.active.file = good;
            assert!(matches!(journal.append(&batch), Err(JournalError::Poisoned)));
            assert!(matches!(
                journal.append(&Batch::new(&Options::default())),
                Err(JournalError::Poisoned)
            ));
            assert_eq!(journal.last_seq(), 1);
            drop(journal);
            assert_eq!(open(dir.path()).1.last_seq, 1);
        }
    }

    #[test]
    fn a_failed_rotation_is_sticky() {
        let dir = tempfile::tempdir().unwrap();
        let options = Options {
            segment_bytes: 1,
            ..Options::default()
        };
        let (mut journal, _) = Journal::open(dir.path(), options).unwrap();
        let batch = one(&journal, b"kept");
        assert_eq!(journal.append(&batch).unwrap(), 1);
        let obstacle = journal.layout.segment(2);
        fs::create_dir(&obstacle).unwrap();
        let error = journal.append(&batch).unwrap_err();
        assert!(
            matches!(error, JournalError::Io { action: "create", .. }),
            "{error}"
        );
        fs::remove_dir(&obstacle).unwrap();
        assert!(matches!(journal.append(&batch), Err(JournalError::Poisoned)));
    }

    #[test]
    fn the_last_segment_is_a_new_file_after_each_start() {
        use std::os::unix::fs::MetadataExt;
        let dir = tempfile::tempdir().unwrap();
        let (mut journal, _) = open(dir.path());
        let batch = one(&journal, b"kept");
        journal.append(&batch).unwrap();
        let path = journal.active.path.clone();
        // The old file is kept open, so that its number cannot be used again.
        let old = File::open(&path).unwrap();
        drop(journal);
        let (mut journal, _) = open(dir.path());
        assert_ne!(fs::metadata(&path).unwrap().ino(), old.metadata().unwrap().ino());
        assert_eq!(journal.append(&batch).unwrap(), 2);
        drop(journal);
        assert_eq!(open(dir.path()).1.last_seq, 2);
    }

    #[test]
    fn the_last_sequence_number_is_an_error_not_a_panic() {
        let dir = tempfile::tempdir().unwrap();
        let (mut journal, _) = open(dir.path());
        journal.active.next_seq = u64::MAX;
        let batch = one(&journal, b"one too many");
        assert!(matches!(journal.append(&batch), Err(JournalError::Exhausted)));
    }

    #[test]
    fn options_out_of_bounds_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let too_large = Options {
            max_batch_bytes: MAX_BATCH_BYTES + 1,
            ..Options::default()
        };
        let does_not_fit = Options {
            max_batch_bytes: 100,
            max_payload_bytes: 97,
            ..Options::default()
        };
        for options in [too_large, does_not_fit] {
            assert!(matches!(
                Journal::open(dir.path(), options),
                Err(JournalError::BadOption(_))
            ));
        }
    }
}
