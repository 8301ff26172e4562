//! The bytes of a segment file: its header, and the header of each batch (all integers little-endian).
//!
//! Segment: `magic 8 | version u32 | first_seq u64 | crc32 of these 20 bytes u32`, then batches. This header is the
//! same in every version of the format.
//! Batch: `magic 4 | body_bytes u32 | first_seq u64 | count u32 | batch crc32 u32 | header crc32 u32`, then the body:
//! `count` times `length u32 | payload`. The batch checksum covers the first 20 bytes of the header and the body. The
//! header has a checksum of its own (over its first 24 bytes), so that a length is never believed unchecked, and so
//! that a header alone proves that the batch before it had been synced.

/// Version of the segment format that this program writes and reads.
pub const FORMAT_VERSION: u32 = 1;

/// No batch is ever larger than this, in bytes, so a reader never needs more memory for one.
pub const MAX_BATCH_BYTES: usize = 64 << 20;

pub(crate) const SEGMENT_HEADER_BYTES: usize = 24;
pub(crate) const BATCH_HEADER_BYTES: usize = 28;
pub(crate) const LENGTH_BYTES: usize = 4;
pub(crate) const BATCH_MAGIC: [u8; 4] = *b"\xBAtch";
const SEGMENT_MAGIC: [u8; 8] = *b"\x89JOURNAL";

/// The start of each segment file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SegmentHeader {
    pub version: u32,
    pub first_seq: u64,
}

impl SegmentHeader {
    pub fn encode(self) -> [u8; SEGMENT_HEADER_BYTES] {
        let mut bytes = [0; SEGMENT_HEADER_BYTES];
        bytes[..8].copy_from_slice(&SEGMENT_MAGIC);
        bytes[8..12].copy_from_slice(&self.version.to_le_bytes());
        bytes[12..20].copy_from_slice(&self.first_seq.to_le_bytes());
        let checksum = crc32fast::hash(&bytes[..20]);
        bytes[20..].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }

    /// `None` when the magic number or the checksum is wrong, or bytes are missing.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let covered = bytes.get(..20)?;
        let mut rest = bytes;
        let magic: [u8; 8] = take(&mut rest)?;
        let header = Self {
            version: take_u32(&mut rest)?,
            first_seq: take_u64(&mut rest)?,
        };
        let checksum = take_u32(&mut rest)?;
        (magic == SEGMENT_MAGIC && checksum == crc32fast::hash(covered)).then_some(header)
    }
}

/// The start of each batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BatchHeader {
    pub body_bytes: u32,
    pub first_seq: u64,
    pub count: u32,
    pub checksum: u32,
}

impl BatchHeader {
    /// The header of a batch with this body.
    pub fn new(first_seq: u64, count: u32, body_bytes: u32, body: &[u8]) -> Self {
        let mut header = Self {
            body_bytes,
            first_seq,
            count,
            checksum: 0,
        };
        header.checksum = header.checksum_with(body);
        header
    }

    pub fn encode(self) -> [u8; BATCH_HEADER_BYTES] {
        let mut bytes = [0; BATCH_HEADER_BYTES];
        bytes[..20].copy_from_slice(&self.covered());
        bytes[20..24].copy_from_slice(&self.checksum.to_le_bytes());
        let checksum = crc32fast::hash(&bytes[..24]);
        bytes[24..].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }

    /// `None` when the magic number or the header's checksum is wrong, or bytes are missing.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let covered = bytes.get(..24)?;
        let mut rest = bytes;
        let magic: [u8; 4] = take(&mut rest)?;
        if magic != BATCH_MAGIC {
            return None;
        }
        let header = Self {
            body_bytes: take_u32(&mut rest)?,
            first_seq: take_u64(&mut rest)?,
            count: take_u32(&mut rest)?,
            checksum: take_u32(&mut rest)?,
        };
        (take_u32(&mut rest)? == crc32fast::hash(covered)).then_some(header)
    }

    /// True when header and body are what was written.
    pub fn matches(self, body: &[u8]) -> bool {
        self.checksum == self.checksum_with(body)
    }

    fn checksum_with(self, body: &[u8]) -> u32 {
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(&self.covered());
        hasher.update(body);
        hasher.finalize()
    }

    fn covered(self) -> [u8; 20] {
        let mut bytes = [0; 20];
        bytes[..4].copy_from_slice(&BATCH_MAGIC);
        bytes[4..8].copy_from_slice(&self.body_bytes.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.first_seq.to_le_bytes());
        bytes[16..].copy_from_slice(&self.count.to_le_bytes());
        bytes
    }
}

/// Takes the next length-prefixed payload off the front of a batch body; `None` when there is no whole one.
pub(crate) fn take_payload<'a>(body: &mut &'a [u8]) -> Option<&'a [u8]> {
    let mut rest = *body;
    let length = usize::try_from(take_u32(&mut rest)?).ok()?;
    let (payload, rest) = rest.split_at_checked(length)?;
    *body = rest;
    Some(payload)
}

/// Takes four bytes off the front.
pub(crate) fn take_u32(bytes: &mut &[u8]) -> Option<u32> {
    take(bytes).map(u32::from_le_bytes)
}

/// Takes eight bytes off the front.
pub(crate) fn take_u64(bytes: &mut &[u8]) -> Option<u64> {
    take(bytes).map(u64::from_le_bytes)
}

/// Takes `N` bytes off the front.
pub(crate) fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (head, rest) = bytes.split_first_chunk::<N>()?;
    *bytes = rest;
    Some(*head)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_come_back_as_written() {
        let segment = SegmentHeader {
            version: FORMAT_VERSION,
            first_seq: 77,
        };
        assert_eq!(SegmentHeader::decode(&segment.encode()), Some(segment));
        let batch = BatchHeader::new(5, 2, 3, b"abc");
        assert_eq!(BatchHeader::decode(&batch.encode()), Some(batch));
        assert!(batch.matches(b"abc"));
        assert!(!batch.matches(b"abd"));
    }

    /// A change of these bytes is a change of the format: it needs a new version number.
    #[test]
    fn the_bytes_of_version_one_are_fixed() {
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let segment = SegmentHeader {
            version: 1,
            first_seq: 258,
        }
        .encode();
        assert_eq!(hex(&segment), "894a4f55524e414c0100000002010000000000007af5c9b2");
        let batch = BatchHeader::new(258, 1, 7, b"\x03\0\0\0abc").encode();
        assert_eq!(
            hex(&batch),
            "ba746368070000000201000000000000010000002f2b3751698e170c"
        );
    }

    #[test]
    fn a_flipped_bit_anywhere_makes_a_header_invalid() {
        let segment = SegmentHeader {
            version: FORMAT_VERSION,
            first_seq: 77,
        }
        .encode();
        let batch = BatchHeader::new(5, 2, 3, b"abc").encode();
        for bit in 0..SEGMENT_HEADER_BYTES * 8 {
            let mut bytes = segment;
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(SegmentHeader::decode(&bytes), None, "bit {bit}");
        }
        for bit in 0..BATCH_HEADER_BYTES * 8 {
            let mut bytes = batch;
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(BatchHeader::decode(&bytes), None, "bit {bit}");
        }
    }

    #[test]
    fn payloads_are_taken_only_whole() {
        let mut body: &[u8] = b"\x01\0\0\0a\0\0\0\0\x02\0\0\0b";
        assert_eq!(take_payload(&mut body), Some(&b"a"[..]));
        assert_eq!(take_payload(&mut body), Some(&b""[..]));
        assert_eq!(take_payload(&mut body), None);
        assert_eq!(body, b"\x02\0\0\0b");
    }
}
