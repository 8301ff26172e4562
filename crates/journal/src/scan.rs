//! Walks one segment batch by batch, validates each, and tells a torn tail from damage.
//!
//! Batch N+1 is never written before batch N is synced. So a bad batch with nothing after it was being written when
//! the power went (a torn tail, nobody was told that it is durable), and a bad batch with a later one behind it had
//! been synced and was changed since (damage). The header of the later one is proof enough, its body may be torn.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::PathBuf;

use crate::error::{Context, Fault, JournalError};
use crate::format::{
    BATCH_HEADER_BYTES, BATCH_MAGIC, BatchHeader, FORMAT_VERSION, MAX_BATCH_BYTES, SEGMENT_HEADER_BYTES,
    SegmentHeader, take_payload,
};
use crate::layout::{Layout, SegmentFile};

const BUFFER_BYTES: usize = 256 << 10;

/// A reader of one segment.
#[derive(Debug)]
pub(crate) struct Scanner {
    reader: BufReader<File>,
    path: PathBuf,
    /// True for the newest segment of a log: only there can a tail be torn.
    is_newest: bool,
    first_seq: u64,
    next_seq: u64,
    offset: u64,
    body: Vec<u8>,
}

/// What comes next in a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// A valid batch; `Scanner::body` has its payloads.
    Batch { first_seq: u64, count: u32 },
    /// The segment ends after a whole batch.
    End,
    /// The segment ends in a batch (or, at offset 0, in a file header) that was never finished.
    TornTail { fault: Fault },
}

enum Attempt {
    Batch(BatchHeader),
    End,
    Bad(Fault),
    UnknownVersion(u32),
}

impl Scanner {
    /// Opens a segment; `is_newest` says that no later segment exists.
    pub fn open(layout: &Layout, segment: &SegmentFile, is_newest: bool) -> Result<Self, JournalError> {
        let file = layout.open_segment(segment)?;
        Ok(Self::new(
            file,
            segment.path.clone(),
            segment.first_seq,
            is_newest && !segment.archived,
        ))
    }

    /// Walks an open file whose name says that it starts with `first_seq`.
    pub fn new(file: File, path: PathBuf, first_seq: u64, is_newest: bool) -> Self {
        let reader = BufReader::with_capacity(BUFFER_BYTES, file);
        Self {
            reader,
            path,
            is_newest,
            first_seq,
            next_seq: first_seq,
            offset: 0,
            body: Vec::new(),
        }
    }

    /// Sequence of the entry after the last valid batch seen.
    pub fn next_seq(&self) -> u64 {
        self.next_seq
    }

    /// Bytes of the file up to the end of the last valid batch (or of the file header) seen.
    pub fn valid_bytes(&self) -> u64 {
        self.offset
    }

    /// Bytes of the whole file now.
    pub fn file_bytes(&self) -> Result<u64, JournalError> {
        Ok(self
            .reader
            .get_ref()
            .metadata()
            .context("read", &self.path)?
            .len())
    }

    /// Length-prefixed payloads of the batch that `next_batch` returned last.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// Reads and validates the next batch.
    ///
    /// # Errors
    /// `Damaged`, `UnknownVersion` or `Io`.
    pub fn next_batch(&mut self) -> Result<Step, JournalError> {
        let attempt = match self.attempt().context("read", &self.path)? {
            Attempt::Bad(fault) => match self.look_behind(fault)? {
                Some(again) => again,
                None => return Ok(Step::TornTail { fault }),
            },
            attempt => attempt,
        };
        match attempt {
            Attempt::End => Ok(Step::End),
            Attempt::Bad(fault) => Err(self.damaged(fault)),
            Attempt::UnknownVersion(version) => Err(JournalError::UnknownVersion {
                path: self.path.clone(),
                version,
            }),
            Attempt::Batch(header) => {
                let Some(next_seq) = self.next_seq.checked_add(u64::from(header.count)) else {
                    return Err(self.damaged(Fault::Impossible));
                };
                self.next_seq = next_seq;
                self.offset += BATCH_HEADER_BYTES as u64 + u64::from(header.body_bytes);
                Ok(Step::Batch {
                    first_seq: header.first_seq,
                    count: header.count,
                })
            }
        }
    }

    /// Decides what bad bytes at `offset` are: `None` for a torn tail, or what is read there a second time.
    fn look_behind(&mut self, fault: Fault) -> Result<Option<Attempt>, JournalError> {
        if !self.is_newest || fault.is_never_torn() {
            return Err(self.damaged(fault));
        }
        if !self.has_later_batch().context("read", &self.path)? {
            return Ok(None);
        }
        // A writer may have finished this batch, and begun the later one, since it was read.
        self.attempt().context("read", &self.path).map(Some)
    }

    fn damaged(&self, fault: Fault) -> JournalError {
        JournalError::Damaged {
            segment: self.path.clone(),
            offset: self.offset,
            fault,
        }
    }

    /// Reads what is at `offset`, and moves it only past a good file header.
    fn attempt(&mut self) -> io::Result<Attempt> {
        if self.reader.stream_position()? != self.offset {
            self.reader.seek(SeekFrom::Start(self.offset))?;
        }
        if self.offset == 0 {
            match self.attempt_file_header()? {
                Attempt::End => self.offset = SEGMENT_HEADER_BYTES as u64,
                bad => return Ok(bad),
            }
        }
        let mut bytes = [0; BATCH_HEADER_BYTES];
        match read_up_to(&mut self.reader, &mut bytes)? {
            0 => return Ok(Attempt::End),
            BATCH_HEADER_BYTES => {}
            _ => return Ok(Attempt::Bad(Fault::ShortBatchHeader)),
        }
        let Some(header) = BatchHeader::decode(&bytes) else {
            return Ok(Attempt::Bad(Fault::BadBatchHeader));
        };
        self.attempt_body(header)
    }

    /// `Attempt::End` means that the header is good.
    fn attempt_file_header(&mut self) -> io::Result<Attempt> {
        if self.first_seq == 0 {
            return Ok(Attempt::Bad(Fault::NumberedZero));
        }
        let mut bytes = [0; SEGMENT_HEADER_BYTES];
        if read_up_to(&mut self.reader, &mut bytes)? < SEGMENT_HEADER_BYTES {
            return Ok(Attempt::Bad(Fault::ShortFileHeader));
        }
        let Some(header) = SegmentHeader::decode(&bytes) else {
            return Ok(Attempt::Bad(Fault::BadFileHeader));
        };
        if header.version != FORMAT_VERSION {
            return Ok(Attempt::UnknownVersion(header.version));
        }
        if header.first_seq != self.first_seq {
            let fault = Fault::WrongName {
                named: self.first_seq,
                found: header.first_seq,
            };
            return Ok(Attempt::Bad(fault));
        }
        Ok(Attempt::End)
    }

    fn attempt_body(&mut self, header: BatchHeader) -> io::Result<Attempt> {
        if header.first_seq != self.next_seq {
            let fault = Fault::WrongSequence {
                expected: self.next_seq,
                found: header.first_seq,
            };
            return Ok(Attempt::Bad(fault));
        }
        if header.count == 0 || header.body_bytes as usize > MAX_BATCH_BYTES {
            return Ok(Attempt::Bad(Fault::Impossible));
        }
        self.body.clear();
        // `take` and not `resize`: a short file must not make us allocate what it only promises.
        self.reader
            .by_ref()
            .take(u64::from(header.body_bytes))
            .read_to_end(&mut self.body)?;
        if self.body.len() < header.body_bytes as usize {
            return Ok(Attempt::Bad(Fault::ShortBatch));
        }
        if !header.matches(&self.body) {
            return Ok(Attempt::Bad(Fault::BadChecksum));
        }
        let mut rest = &self.body[..];
        for _ in 0..header.count {
            if take_payload(&mut rest).is_none() {
                return Ok(Attempt::Bad(Fault::Impossible));
            }
        }
        Ok(if rest.is_empty() {
            Attempt::Batch(header)
        } else {
            Attempt::Bad(Fault::Impossible)
        })
    }

    /// True when a valid batch header of a later sequence stands anywhere after the bad bytes at `offset`.
    fn has_later_batch(&mut self) -> io::Result<bool> {
        // With a bad file header even the first batch is a later one; otherwise the bad batch is itself not later.
        let (start, lowest_seq) = match self.offset {
            0 => (0, self.first_seq),
            offset => (offset + 1, self.next_seq.saturating_add(1)),
        };
        self.reader.seek(SeekFrom::Start(start))?;
        let mut window = Vec::with_capacity(BUFFER_BYTES + BATCH_HEADER_BYTES);
        loop {
            let kept = window.len();
            window.resize(kept + BUFFER_BYTES, 0);
            let read = read_up_to(&mut self.reader, &mut window[kept..])?;
            window.truncate(kept + read);
            if has_header_of(&window, lowest_seq) {
                return Ok(true);
            }
            if read < BUFFER_BYTES {
                return Ok(false);
            }
            // A header may begin in this window and end in the next.
            window.drain(..window.len() - (BATCH_HEADER_BYTES - 1));
        }
    }
}

fn has_header_of(window: &[u8], lowest_seq: u64) -> bool {
    window
        .windows(BATCH_HEADER_BYTES)
        .filter(|bytes| bytes.starts_with(&BATCH_MAGIC))
        .filter_map(BatchHeader::decode)
        .any(|header| header.first_seq >= lowest_seq)
}

/// Fills `bytes` as far as the file goes; the number of bytes read.
fn read_up_to(reader: &mut impl Read, bytes: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < bytes.len() {
        match reader.read(&mut bytes[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_later_header_is_found_wherever_it_stands() {
        let header = BatchHeader::new(9, 1, 4, &[0; 4]).encode();
        for before in [
            0,
            1,
            27,
            28,
            29,
            BUFFER_BYTES - 29,
            BUFFER_BYTES - 28,
            BUFFER_BYTES - 1,
            BUFFER_BYTES,
        ] {
            let mut contents = SegmentHeader {
                version: FORMAT_VERSION,
                first_seq: 8,
            }
            .encode()
            .to_vec();
            contents.push(1);
            contents.resize(contents.len() + before, 0);
            contents.extend_from_slice(&header);
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("segment");
            std::fs::write(&path, &contents).unwrap();
            let mut scanner = Scanner::new(File::open(&path).unwrap(), path.clone(), 8, true);
            let error = scanner.next_batch().unwrap_err();
            assert!(
                matches!(error, JournalError::Damaged { offset: 24, .. }),
                "{before}: {error}"
            );

            contents.pop();
            std::fs::write(&path, &contents).unwrap();
            let mut scanner = Scanner::new(File::open(&path).unwrap(), path, 8, true);
            assert!(
                matches!(scanner.next_batch().unwrap(), Step::TornTail { .. }),
                "{before}"
            );
        }
    }

    #[test]
    fn a_batch_that_a_writer_finishes_meanwhile_is_no_damage() {
        let body = [2, 0, 0, 0, b'h', b'i'];
        let mut contents = SegmentHeader {
            version: FORMAT_VERSION,
            first_seq: 8,
        }
        .encode()
        .to_vec();
        contents.extend_from_slice(&BatchHeader::new(8, 1, 6, &body).encode());
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("segment");
        std::fs::write(&path, &contents).unwrap();
        let mut scanner = Scanner::new(File::open(&path).unwrap(), path.clone(), 8, true);
        assert!(matches!(
            scanner.attempt().unwrap(),
            Attempt::Bad(Fault::ShortBatch)
        ));

        contents.extend_from_slice(&body);
        contents.extend_from_slice(&BatchHeader::new(9, 1, 6, &body).encode());
        std::fs::write(&path, &contents).unwrap();
        let again = scanner.look_behind(Fault::ShortBatch).unwrap();
        assert!(matches!(again, Some(Attempt::Batch(header)) if header.first_seq == 8));
        let mut scanner = Scanner::new(File::open(&path).unwrap(), path, 8, true);
        assert_eq!(
            scanner.next_batch().unwrap(),
            Step::Batch {
                first_seq: 8,
                count: 1
            }
        );
        assert_eq!(
            scanner.next_batch().unwrap(),
            Step::TornTail {
                fault: Fault::ShortBatch
            }
        );
    }

    #[test]
    fn the_header_of_the_same_or_an_earlier_batch_is_no_proof_of_damage() {
        let mut contents = SegmentHeader {
            version: FORMAT_VERSION,
            first_seq: 8,
        }
        .encode()
        .to_vec();
        contents.extend_from_slice(b"torn");
        contents.extend_from_slice(&BatchHeader::new(8, 1, 4, &[0; 4]).encode());
        contents.extend_from_slice(&BatchHeader::new(3, 1, 4, &[0; 4]).encode());
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("segment");
        std::fs::write(&path, &contents).unwrap();
        let mut scanner = Scanner::new(File::open(&path).unwrap(), path, 8, true);
        assert_eq!(
            scanner.next_batch().unwrap(),
            Step::TornTail {
                fault: Fault::BadBatchHeader
            }
        );
        assert_eq!(scanner.valid_bytes(), 24);
    }
}
