//! What can go wrong with the log, by what the caller can do about it.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// Why the log could not be opened, written or read.
#[derive(Debug, Error)]
pub enum JournalError {
    /// The file system refused an operation. When `append` returns it, the caller must abort the process.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was tried, as a verb: "write", "sync", "rename".
        action: &'static str,
        /// The file or directory it was tried on.
        path: PathBuf,
        /// The operating system's answer.
        source: io::Error,
    },
    /// Another process (or another handle of this one) has the log open.
    #[error("{} is locked: another process is using this directory", path.display())]
    Locked {
        /// The lock file.
        path: PathBuf,
    },
    /// Bytes that had been written safely are no longer what they were. Nothing was changed on disk.
    #[error("damage in {} at byte {offset}: {fault}; restore this file from a copy", segment.display())]
    Damaged {
        /// The segment file.
        segment: PathBuf,
        /// Where in the file the first bad batch (or the bad file header, at 0) starts.
        offset: u64,
        /// What is wrong there.
        fault: Fault,
    },
    /// Entries between two segments, or between the archive and the log, are missing.
    #[error("entries from {expected_seq} on are missing: expected the file {}", segment.display())]
    MissingSegment {
        /// The file that should be there.
        segment: PathBuf,
        /// The first missing entry.
        expected_seq: u64,
    },
    /// The file was written in a format that this program does not know.
    #[error("{} has format version {version}, this program reads version {}", path.display(), crate::FORMAT_VERSION)]
    UnknownVersion {
        /// The segment file.
        path: PathBuf,
        /// The version written in it.
        version: u32,
    },
    /// An earlier append failed. The log accepts nothing until it is opened again.
    #[error("an earlier append failed; the log accepts nothing until it is opened again")]
    Poisoned,
    /// The wanted entries lie before the first one that is kept.
    #[error("entry {wanted_seq} is not kept any more: the first one is {first_seq}")]
    NotKept {
        /// The first wanted entry.
        wanted_seq: u64,
        /// The first entry there is.
        first_seq: u64,
    },
    /// The log ends before an entry that should be in it.
    #[error("the log ends at entry {last_seq}, before entry {wanted_seq} that should be in it")]
    EndsEarly {
        /// The entry that should be there.
        wanted_seq: u64,
        /// The last entry there is.
        last_seq: u64,
    },
    /// An option is out of its bounds.
    #[error("bad journal option: {0}")]
    BadOption(&'static str),
    /// The 2^64 sequence numbers are used up.
    #[error("the sequence numbers of the log are used up")]
    Exhausted,
}

/// What is wrong with the bytes of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Fault {
    /// The file ends inside its own header.
    #[error("the file header is cut short")]
    ShortFileHeader,
    /// The file header has a wrong magic number or checksum.
    #[error("the file header is not valid")]
    BadFileHeader,
    /// The file header names another first entry than the file's name.
    #[error("the file header says its first entry is {found}, its name says {named}")]
    WrongName {
        /// First entry by the file's name.
        named: u64,
        /// First entry by the file's header.
        found: u64,
    },
    /// The file's name says that it starts with entry 0, but the first entry of a log is 1.
    #[error("its name says that it starts with entry 0, the first entry of a log is 1")]
    NumberedZero,
    /// The file ends inside a batch header.
    #[error("a batch header is cut short")]
    ShortBatchHeader,
    /// The batch header has a wrong magic number or checksum.
    #[error("a batch header is not valid")]
    BadBatchHeader,
    /// The file ends inside the payloads of a batch.
    #[error("a batch is cut short")]
    ShortBatch,
    /// The payloads do not match the checksum of their batch.
    #[error("a batch does not match its checksum")]
    BadChecksum,
    /// The batch is whole, but it does not follow the one before it.
    #[error("a batch starts at entry {found}, expected {expected}")]
    WrongSequence {
        /// The entry that should come next.
        expected: u64,
        /// The entry the batch starts with.
        found: u64,
    },
    /// The checksum is right, but the contents make no sense: it was written by a faulty program.
    #[error("a batch has a valid checksum but impossible contents")]
    Impossible,
}

impl Fault {
    /// True when no interrupted write can explain it, so that it is damage even at the very end of the log.
    pub(crate) fn is_never_torn(self) -> bool {
        use Fault::{Impossible, NumberedZero, WrongName, WrongSequence};
        matches!(
            self,
            NumberedZero | WrongName { .. } | WrongSequence { .. } | Impossible
        )
    }
}

/// Adds to an I/O error what was tried and where.
pub(crate) trait Context<T> {
    /// `action` is a verb: "write", "sync", "rename".
    fn context(self, action: &'static str, path: &Path) -> Result<T, JournalError>;
}

impl<T> Context<T> for io::Result<T> {
    fn context(self, action: &'static str, path: &Path) -> Result<T, JournalError> {
        self.map_err(|source| JournalError::Io {
            action,
            path: path.to_path_buf(),
            source,
        })
    }
}
