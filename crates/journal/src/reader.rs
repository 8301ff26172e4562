//! Reads entries in order, one batch in memory at a time, beside a writer that appends.

use std::path::Path;

use crate::error::JournalError;
use crate::format::take_payload;
use crate::layout::{Layout, SegmentFile};
use crate::recovery::check_follows;
use crate::scan::{Scanner, Step};

/// How far a `Reader` reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReadOptions {
    /// The last entry to read. Beside a writer, name the last one that it has synced: entries after it may not be
    /// durable. `None` reads to the end of the log and stops before a torn tail.
    pub to_seq: Option<u64>,
    /// Also reads the segments in the archive.
    pub include_archive: bool,
}

/// A stream of entries in order, without gaps. Every batch is validated before an entry of it is returned.
#[derive(Debug)]
pub struct Reader {
    layout: Layout,
    /// Segments not opened yet, newest first.
    waiting: Vec<SegmentFile>,
    scanner: Option<Scanner>,
    /// Where the next payload starts in the scanner's batch.
    body_offset: usize,
    left_in_batch: u32,
    /// Sequence of the next entry on disk; entries before `from_seq` are read over.
    next_seq: u64,
    from_seq: u64,
    to_seq: Option<u64>,
}

impl Reader {
    /// Starts before the entry `from_seq` (0 means 1). Takes no lock and changes nothing.
    ///
    /// # Errors
    /// `NotKept` when `from_seq` lies before the first entry there is; `Io`.
    pub fn open(dir: &Path, from_seq: u64, options: ReadOptions) -> Result<Self, JournalError> {
        let layout = Layout::new(dir);
        let listed = if options.include_archive {
            layout.all_segments()?
        } else {
            layout.active_segments()?
        };
        Self::over(layout, listed, from_seq.max(1), options.to_seq)
    }

    pub(crate) fn over(
        layout: Layout,
        mut segments: Vec<SegmentFile>,
        from_seq: u64,
        to_seq: Option<u64>,
    ) -> Result<Self, JournalError> {
        let earlier = segments.partition_point(|segment| segment.first_seq <= from_seq);
        if let (0, Some(first)) = (earlier, segments.first()) {
            return Err(JournalError::NotKept {
                wanted_seq: from_seq,
                first_seq: first.first_seq,
            });
        }
        segments.drain(..earlier.saturating_sub(1));
        let next_seq = segments.first().map_or(1, |segment| segment.first_seq);
        segments.reverse();
        let (scanner, body_offset, left_in_batch) = (None, 0, 0);
        Ok(Self {
            layout,
            waiting: segments,
            scanner,
            body_offset,
            left_in_batch,
            next_seq,
            from_seq,
            to_seq,
        })
    }

    /// The next entry: its sequence and its payload; `None` after the last one.
    ///
    /// # Errors
    /// `Damaged`, `MissingSegment` and `UnknownVersion` at the place where they are met; `EndsEarly` when `to_seq`
    /// was named and is not there; `Io`. After an error the reader returns `None`.
    pub fn next_entry(&mut self) -> Result<Option<(u64, &[u8])>, JournalError> {
        let (seq, range) = loop {
            // `from_seq` counts too: to read from beyond the end must not cost a walk to it.
            if self
                .to_seq
                .is_some_and(|to_seq| self.next_seq.max(self.from_seq) > to_seq)
            {
                return Ok(None);
            }
            if self.left_in_batch == 0 {
                if !self.next_batch().inspect_err(|_| self.to_seq = Some(0))? {
                    return Ok(None);
                }
                continue;
            }
            let seq = self.next_seq;
            let range = self.skip();
            if seq >= self.from_seq {
                break (seq, range);
            }
        };
        let body = self.scanner.as_ref().map_or(&[][..], Scanner::body);
        Ok(body.get(range).map(|payload| (seq, payload)))
    }

    /// Moves over one payload of the batch and returns where it lies in the body.
    fn skip(&mut self) -> std::ops::Range<usize> {
        let body = self.scanner.as_ref().map_or(&[][..], Scanner::body);
        let mut rest = body.get(self.body_offset..).unwrap_or_default();
        let payload_bytes = take_payload(&mut rest).map_or(0, <[u8]>::len);
        self.body_offset = body.len() - rest.len();
        self.left_in_batch -= 1;
        self.next_seq += 1;
        self.body_offset - payload_bytes..self.body_offset
    }

    /// Loads the next batch; false at the end of the log.
    fn next_batch(&mut self) -> Result<bool, JournalError> {
        loop {
            if let Some(scanner) = &mut self.scanner {
                match scanner.next_batch()? {
                    Step::Batch { count, .. } => {
                        (self.body_offset, self.left_in_batch) = (0, count);
                        return Ok(true);
                    }
                    // Only the newest segment has a torn tail, so nothing waits behind one.
                    Step::End | Step::TornTail { .. } => self.scanner = None,
                }
            }
            let Some(segment) = self.waiting.pop() else {
                return self.end();
            };
            check_follows(&self.layout, Some(self.next_seq), &segment)?;
            self.scanner = Some(Scanner::open(&self.layout, &segment, self.waiting.is_empty())?);
        }
    }

    fn end(&self) -> Result<bool, JournalError> {
        match self.to_seq {
            Some(wanted_seq) if wanted_seq >= self.next_seq => Err(JournalError::EndsEarly {
                wanted_seq,
                last_seq: self.next_seq - 1,
            }),
            _ => Ok(false),
        }
    }
}

impl Iterator for Reader {
    type Item = Result<(u64, Vec<u8>), JournalError>;

    /// As `next_entry`, with a copy of the payload.
    fn next(&mut self) -> Option<Self::Item> {
        self.next_entry()
            .map(|entry| entry.map(|(seq, payload)| (seq, payload.to_vec())))
            .transpose()
    }
}
