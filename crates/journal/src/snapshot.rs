//! Snapshot files: one whole state at one sequence, written beside a running log.
//!
//! File: `magic 8 | version u32 | seq u64 | length u64 | crc32 of the contents u32 | crc32 of these 32 bytes u32`,
//! then the contents (all integers little-endian). A snapshot appears under its name only when it is whole and synced.

use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::error::{Context, JournalError};
use crate::format::{take, take_u32, take_u64};
use crate::layout::{Layout, sync_dir, temporary};

/// Version of the snapshot file format that this program writes and reads.
pub const SNAPSHOT_VERSION: u32 = 1;

const HEADER_BYTES: usize = 36;
const MAGIC: [u8; 8] = *b"\x89SNAPSHT";
const BUFFER_BYTES: usize = 1 << 20;

/// The snapshot files of one log. One thread at a time may write; it needs no lock against the writer of the log.
#[derive(Debug, Clone)]
pub struct Snapshots {
    layout: Layout,
}

/// The newest snapshot that can be used, and the newer ones that cannot.
#[derive(Debug)]
pub struct Latest {
    /// Its sequence and its contents; `None` when there is no valid snapshot.
    pub snapshot: Option<(u64, Vec<u8>)>,
    /// Newer files that were passed over, newest first, with the reason: log them.
    pub skipped: Vec<(PathBuf, SnapshotFault)>,
}

/// Why a snapshot file cannot be used.
#[derive(Debug, Error)]
pub enum SnapshotFault {
    /// The file cannot be read.
    #[error("it cannot be read")]
    Io(#[from] io::Error),
    /// The header is cut short, or its magic number or checksum is wrong.
    #[error("its header is not valid")]
    BadHeader,
    /// Written in a format that this program does not know.
    #[error("it has format version {version}, this program reads version {SNAPSHOT_VERSION}")]
    UnknownVersion {
        /// The version written in it.
        version: u32,
    },
    /// The header names another sequence than the file's name.
    #[error("its header says sequence {found}")]
    WrongSequence {
        /// The sequence in the header.
        found: u64,
    },
    /// The file is longer or shorter than its header says.
    #[error("its contents have {found} bytes, its header says {expected}")]
    WrongLength {
        /// Bytes of contents by the header.
        expected: u64,
        /// Bytes of contents there are.
        found: u64,
    },
    /// The contents do not match their checksum.
    #[error("its contents do not match their checksum")]
    BadChecksum,
}

struct Header {
    version: u32,
    seq: u64,
    length: u64,
    checksum: u32,
}

impl Snapshots {
    /// The snapshots of the log in `dir` (the directory that is given to `Journal::open`).
    pub fn new(dir: &Path) -> Self {
        Self {
            layout: Layout::new(dir),
        }
    }

    /// Writes the snapshot that holds the effect of all entries up to `seq`; durable when this returns.
    ///
    /// # Errors
    /// `Io`; no file is left under the snapshot's name then, unless one was there before.
    pub fn write(&self, seq: u64, contents: &[u8]) -> Result<(), JournalError> {
        self.write_with(seq, |writer| writer.write_all(contents))
    }

    /// As `write`, with contents that `fill` writes bit by bit (buffered: small writes are fine).
    ///
    /// # Errors
    /// As `write`; an error of `fill` is returned as `Io`.
    pub fn write_with(
        &self,
        seq: u64,
        fill: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> Result<(), JournalError> {
        let dir = &self.layout.snapshots;
        fs::create_dir_all(dir).context("create", dir)?;
        let path = self.layout.snapshot(seq);
        let temporary = temporary(&path);
        if let Err(error) = write_file(&temporary, seq, fill).context("write", &temporary) {
            // The error that counts is the first one; a file that stays is removed at the next start.
            let _ = fs::remove_file(&temporary);
            return Err(error);
        }
        fs::rename(&temporary, &path).context("rename", &temporary)?;
        sync_dir(dir)
    }

    /// Where the snapshot of this sequence lies, if there is one.
    pub fn path(&self, seq: u64) -> PathBuf {
        self.layout.snapshot(seq)
    }

    /// Sequences of the snapshot files, oldest first, valid or not.
    ///
    /// # Errors
    /// `Io`.
    pub fn list(&self) -> Result<Vec<u64>, JournalError> {
        self.layout.snapshot_seqs()
    }

    /// The newest valid snapshot. Those that are not valid are passed over and reported.
    ///
    /// # Errors
    /// `Io` when the directory cannot be listed.
    pub fn latest_valid(&self) -> Result<Latest, JournalError> {
        let mut skipped = Vec::new();
        for seq in self.list()?.into_iter().rev() {
            match self.read(seq) {
                Ok(contents) => {
                    return Ok(Latest {
                        snapshot: Some((seq, contents)),
                        skipped,
                    });
                }
                Err(fault) => skipped.push((self.layout.snapshot(seq), fault)),
            }
        }
        Ok(Latest {
            snapshot: None,
            skipped,
        })
    }

    /// The contents of the snapshot at `seq`.
    ///
    /// # Errors
    /// Why it cannot be used.
    pub fn read(&self, seq: u64) -> Result<Vec<u8>, SnapshotFault> {
        let (mut file, header) = self.open(seq)?;
        let mut contents = Vec::new();
        // The header's length is that of the file, so it can be asked for; what memory refuses is an error, no abort.
        let length = usize::try_from(header.length).map_err(io::Error::other)?;
        contents.try_reserve_exact(length).map_err(io::Error::other)?;
        (&mut file).take(header.length).read_to_end(&mut contents)?;
        let found = contents.len() as u64;
        if found != header.length {
            return Err(SnapshotFault::WrongLength {
                expected: header.length,
                found,
            });
        }
        if crc32fast::hash(&contents) != header.checksum {
            return Err(SnapshotFault::BadChecksum);
        }
        Ok(contents)
    }

    /// Validates the snapshot at `seq` without holding its contents in memory.
    ///
    /// # Errors
    /// Why it cannot be used.
    pub fn check(&self, seq: u64) -> Result<(), SnapshotFault> {
        let (mut file, header) = self.open(seq)?;
        let mut hasher = crc32fast::Hasher::new();
        let mut buffer = vec![0; BUFFER_BYTES];
        let mut found = 0;
        loop {
            match file.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => {
                    hasher.update(&buffer[..read]);
                    found += read as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        if found != header.length {
            return Err(SnapshotFault::WrongLength {
                expected: header.length,
                found,
            });
        }
        if hasher.finalize() != header.checksum {
            return Err(SnapshotFault::BadChecksum);
        }
        Ok(())
    }

    /// Removes the snapshots older than the newest `keep` valid ones (at least one is kept). Reads those it keeps:
    /// a damaged file counts for nothing, so that the last good one is never removed in its favour. Returns how many
    /// were removed.
    ///
    /// # Errors
    /// `Io`.
    pub fn prune(&self, keep: usize) -> Result<usize, JournalError> {
        let (mut valid, mut removed) = (0, 0);
        for seq in self.list()?.into_iter().rev() {
            if valid < keep.max(1) {
                valid += usize::from(self.check(seq).is_ok());
                continue;
            }
            let path = self.layout.snapshot(seq);
            fs::remove_file(&path).context("remove", &path)?;
            removed += 1;
        }
        if removed > 0 {
            sync_dir(&self.layout.snapshots)?;
        }
        Ok(removed)
    }

    /// Opens a snapshot file, positioned behind its valid header; the length is checked against the file.
    fn open(&self, seq: u64) -> Result<(File, Header), SnapshotFault> {
        let mut file = File::open(self.layout.snapshot(seq))?;
        let mut bytes = Vec::with_capacity(HEADER_BYTES);
        (&mut file).take(HEADER_BYTES as u64).read_to_end(&mut bytes)?;
        let header = Header::decode(&bytes).ok_or(SnapshotFault::BadHeader)?;
        if header.version != SNAPSHOT_VERSION {
            return Err(SnapshotFault::UnknownVersion {
                version: header.version,
            });
        }
        if header.seq != seq {
            return Err(SnapshotFault::WrongSequence { found: header.seq });
        }
        let found = file.metadata()?.len().saturating_sub(HEADER_BYTES as u64);
        if found != header.length {
            return Err(SnapshotFault::WrongLength {
                expected: header.length,
                found,
            });
        }
        Ok((file, header))
    }
}

impl Header {
    fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8..12].copy_from_slice(&self.version.to_le_bytes());
        bytes[12..20].copy_from_slice(&self.seq.to_le_bytes());
        bytes[20..28].copy_from_slice(&self.length.to_le_bytes());
        bytes[28..32].copy_from_slice(&self.checksum.to_le_bytes());
        let checksum = crc32fast::hash(&bytes[..32]);
        bytes[32..].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let covered = bytes.get(..32)?;
        let mut rest = bytes;
        let magic: [u8; 8] = take(&mut rest)?;
        let header = Self {
            version: take_u32(&mut rest)?,
            seq: take_u64(&mut rest)?,
            length: take_u64(&mut rest)?,
            checksum: take_u32(&mut rest)?,
        };
        let checksum = take_u32(&mut rest)?;
        (magic == MAGIC && checksum == crc32fast::hash(covered)).then_some(header)
    }
}

/// Counts and sums up what goes through it.
struct Summing {
    writer: BufWriter<File>,
    hasher: crc32fast::Hasher,
    length: u64,
}

impl Write for Summing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.writer.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        self.length += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

fn write_file(path: &Path, seq: u64, fill: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let mut writer = BufWriter::with_capacity(BUFFER_BYTES, File::create(path)?);
    writer.write_all(&[0; HEADER_BYTES])?;
    let mut summing = Summing {
        writer,
        hasher: crc32fast::Hasher::new(),
        length: 0,
    };
    fill(&mut summing)?;
    let Summing {
        writer,
        hasher,
        length,
    } = summing;
    let mut file = writer.into_inner().map_err(io::IntoInnerError::into_error)?;
    // The header is zero, and so not valid, until everything behind it is known.
    let header = Header {
        version: SNAPSHOT_VERSION,
        seq,
        length,
        checksum: hasher.finalize(),
    };
    file.seek(SeekFrom::Start(0))?;
    file.write_all(&header.encode())?;
    file.sync_all()
}
