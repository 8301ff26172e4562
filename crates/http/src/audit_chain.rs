//! The file of the audit log: how its last line is found again, and how its chain is checked.

use std::fmt;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{SHA256, digest};

use crate::audit::{Head, Line};
use crate::secret_box::hex;

/// The longest line, in bytes.
pub(crate) const LINE_BYTES: usize = 64 * 1024;
/// What stands before the hash of a line.
pub(crate) const HASH_FIELD: &str = ",\"hash\":\"";
/// How many hex digits a hash has.
const HASH_DIGITS: usize = 64;
/// How much of the end is read at opening: more than two of the longest lines.
const TAIL_BYTES: u64 = 4 * LINE_BYTES as u64;
/// How many cut lines may lie beside the log for one place in it.
const ASIDE: u32 = 1_000;

/// The first line of an audit log that is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("audit log, line {line}, where entry {seq} belongs: {what}")]
pub struct AuditFault {
    /// The line, counted from 1; 0 where the file cannot be opened.
    pub line: u64,
    /// The `seq` of the entry that belongs there.
    pub seq: u64,
    /// What is wrong with it.
    pub what: AuditDamage,
}

/// What is wrong with a line of an audit log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuditDamage {
    /// It cannot be read.
    Unreadable(String),
    /// It is no whole entry.
    NoEntry,
    /// Its own hash does not fit it.
    Altered,
    /// It is the entry of another place: entries before it were removed, repeated or moved.
    OutOfPlace,
    /// It does not follow the line before it: that one was replaced as a whole.
    NotChained,
}

impl fmt::Display for AuditDamage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(why) => write!(f, "cannot be read: {why}"),
            Self::NoEntry => f.write_str("is no whole entry"),
            Self::Altered => f.write_str("was altered"),
            Self::OutOfPlace => f.write_str("is out of place: entries were removed, repeated or moved"),
            Self::NotChained => f.write_str("does not follow the line before it"),
        }
    }
}

impl Head {
    /// Before the first line.
    pub(crate) fn start() -> Self {
        Self {
            seq: 0,
            hash: "0".repeat(HASH_DIGITS),
        }
    }

    /// After this line, if it follows.
    fn after(&self, text: &[u8]) -> Result<Self, AuditDamage> {
        let line = entry(text)?;
        if line.seq != self.seq + 1 {
            return Err(AuditDamage::OutOfPlace);
        }
        if line.prev != self.hash {
            return Err(AuditDamage::NotChained);
        }
        Ok(Self {
            seq: line.seq,
            hash: sha256_hex(text),
        })
    }
}

/// The hash of these bytes in hex digits.
pub(crate) fn sha256_hex(bytes: &[u8]) -> String {
    hex(digest(&SHA256, bytes).as_ref())
}

/// The entry of a line whose own hash fits it.
fn entry(text: &[u8]) -> Result<Line, AuditDamage> {
    let line: Line = serde_json::from_slice(text).map_err(|_| AuditDamage::NoEntry)?;
    let hashed = text.len().checked_sub(HASH_FIELD.len() + HASH_DIGITS + 2);
    let (hashed, rest) = hashed
        .and_then(|at| text.split_at_checked(at))
        .ok_or(AuditDamage::NoEntry)?;
    let expected = format!("{HASH_FIELD}{}\"}}", sha256_hex(hashed));
    if rest != expected.as_bytes() {
        return Err(AuditDamage::Altered);
    }
    Ok(line)
}

/// Checks lines that follow a head, without their ends; the head after them.
pub(crate) fn follow<'a>(from: Head, lines: impl IntoIterator<Item = &'a [u8]>) -> Result<Head, AuditFault> {
    lines.into_iter().try_fold(from, |head, text| {
        let line = head.seq + 1;
        head.after(text).map_err(|what| AuditFault {
            line,
            seq: line,
            what,
        })
    })
}

/// Checks the chain of a file.
pub(crate) fn verify(path: &Path) -> Result<u64, AuditFault> {
    let mut head = Head::start();
    let unreadable = |head: &Head, line: u64, error: io::Error| AuditFault {
        line,
        seq: head.seq + 1,
        what: AuditDamage::Unreadable(error.to_string()),
    };
    let file = File::open(path).map_err(|error| unreadable(&head, 0, error))?;
    let mut reader = BufReader::new(file);
    loop {
        let line = head.seq + 1;
        let mut text = Vec::new();
        let limit = LINE_BYTES as u64 + 1;
        let read = reader.by_ref().take(limit).read_until(b'\n', &mut text);
        if read.map_err(|error| unreadable(&head, line, error))? == 0 {
            return Ok(head.seq);
        }
        let text = text.strip_suffix(b"\n").ok_or(AuditDamage::NoEntry);
        head = text
            .and_then(|text| head.after(text))
            .map_err(|what| AuditFault {
                line,
                seq: line,
                what,
            })?;
    }
}

/// Opens a file for appending, and finds where its chain goes on.
pub(crate) fn open(path: &Path) -> io::Result<(File, Head)> {
    let mut file = OpenOptions::new()
        .read(true)
        .append(true)
        .create(true)
        .open(path)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            return Err(io::Error::other("another process writes the audit log"));
        }
        Err(TryLockError::Error(error)) => return Err(error),
    }
    sync_folder(path)?;
    let length = file.metadata()?.len();
    let start = length.saturating_sub(TAIL_BYTES);
    let mut tail = Vec::new();
    file.seek(SeekFrom::Start(start))?;
    (&file).take(TAIL_BYTES).read_to_end(&mut tail)?;
    let (head, good) = last_line(&tail, start == 0)?;
    let torn = tail.get(good..).unwrap_or_default();
    if !torn.is_empty() {
        let aside = move_aside(path, start + good as u64, torn)?;
        file.set_len(start + good as u64)?;
        file.sync_all()?;
        tracing::warn!(
            bytes = torn.len(),
            aside = %aside.display(),
            last = head.seq,
            "moved a torn last line of the audit log aside"
        );
    }
    Ok((file, head))
}

/// The chain's head in the end of a file, and how many bytes of that end are good. A last line is torn when it does not
/// end or is no JSON.
fn last_line(tail: &[u8], whole: bool) -> io::Result<(Head, usize)> {
    let damaged = |what: &AuditDamage| {
        io::Error::new(
            io::ErrorKind::InvalidData,
            format!("the last whole line of the audit log {what}"),
        )
    };
    let mut end = tail
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |at| at + 1);
    // The second time round, a line that ended but was no JSON has been passed over.
    for _ in 0..2 {
        let before = tail.get(..end.saturating_sub(1)).unwrap_or_default();
        let start = before.iter().rposition(|byte| *byte == b'\n').map(|at| at + 1);
        let start = match start {
            Some(start) => start,
            None if whole => 0,
            None => break,
        };
        if end == 0 {
            return Ok((Head::start(), 0));
        }
        let text = before.get(start..).unwrap_or_default();
        match entry(text) {
            Ok(line) => {
                let hash = sha256_hex(text);
                return Ok((Head { seq: line.seq, hash }, end));
            }
            Err(AuditDamage::NoEntry) => end = start,
            Err(what) => return Err(damaged(&what)),
        }
    }
    if end == 0 && whole {
        return Ok((Head::start(), 0));
    }
    Err(damaged(&AuditDamage::NoEntry))
}

/// Keeps what is cut off, in a new file beside the log.
fn move_aside(path: &Path, at: u64, torn: &[u8]) -> io::Result<PathBuf> {
    for number in 0..ASIDE {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".torn-{at}-{number}"));
        let aside = PathBuf::from(name);
        match File::create_new(&aside) {
            Ok(mut file) => {
                file.write_all(torn)?;
                file.sync_all()?;
                sync_folder(path)?;
                return Ok(aside);
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::other(
        "too many torn lines of the audit log lie beside it",
    ))
}

/// Makes the names of files in the log's folder last.
fn sync_folder(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => File::open(folder)?.sync_all(),
        _ => File::open(".")?.sync_all(),
    }
}
