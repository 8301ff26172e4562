//! The builder of one batch: payloads that become durable together.

use thiserror::Error;

use crate::format::{LENGTH_BYTES, MAX_BATCH_BYTES};
use crate::log::Options;

/// Payloads that are written and synced together. Reusable: `clear` keeps the memory.
#[derive(Debug, Clone)]
pub struct Batch {
    body: Vec<u8>,
    count: u32,
    max_batch_bytes: usize,
    max_payload_bytes: usize,
}

/// Why a payload was not taken into a batch. The batch is as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum TooLarge {
    /// The payload alone is over the limit: it can never be taken.
    #[error("a payload of {bytes} bytes is over the limit of {limit_bytes}")]
    Payload {
        /// Its length in bytes.
        bytes: usize,
        /// `Options::max_payload_bytes`.
        limit_bytes: usize,
    },
    /// There is no room for it in this batch: append the batch, clear it, try again.
    #[error("the batch has {used_bytes} of {limit_bytes} bytes, no room for a payload of {bytes}")]
    Batch {
        /// The payload's length in bytes.
        bytes: usize,
        /// What the batch holds already.
        used_bytes: usize,
        /// `Options::max_batch_bytes`.
        limit_bytes: usize,
    },
}

impl Batch {
    /// An empty batch with the limits of `options`.
    pub fn new(options: &Options) -> Self {
        let max_batch_bytes = options.max_batch_bytes.min(MAX_BATCH_BYTES);
        let max_payload_bytes = options
            .max_payload_bytes
            .min(max_batch_bytes.saturating_sub(LENGTH_BYTES));
        Self {
            body: Vec::new(),
            count: 0,
            max_batch_bytes,
            max_payload_bytes,
        }
    }

    /// Adds a payload (it may be empty) at the end.
    ///
    /// # Errors
    /// `TooLarge::Payload` when it never fits, `TooLarge::Batch` when this batch has no room for it.
    pub fn push(&mut self, payload: &[u8]) -> Result<(), TooLarge> {
        let bytes = payload.len();
        if bytes > self.max_payload_bytes {
            return Err(TooLarge::Payload {
                bytes,
                limit_bytes: self.max_payload_bytes,
            });
        }
        if self.room_bytes() < bytes + LENGTH_BYTES {
            let (used_bytes, limit_bytes) = (self.body.len(), self.max_batch_bytes);
            return Err(TooLarge::Batch {
                bytes,
                used_bytes,
                limit_bytes,
            });
        }
        let length = u32::try_from(bytes).expect("no payload is over MAX_BATCH_BYTES, which fits u32");
        self.body.extend_from_slice(&length.to_le_bytes());
        self.body.extend_from_slice(payload);
        // Each payload takes at least its length prefix, so the count is far below the batch's bytes.
        self.count += 1;
        Ok(())
    }

    /// Number of payloads.
    pub fn len(&self) -> usize {
        self.count as usize
    }

    /// True when it holds no payload.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Bytes of all payloads with their length prefixes, without the batch header.
    pub fn bytes(&self) -> usize {
        self.body.len()
    }

    /// True when a payload of the largest allowed length would not fit. While false, `push` takes any allowed payload.
    pub fn is_full(&self) -> bool {
        self.room_bytes() < self.max_payload_bytes + LENGTH_BYTES
    }

    /// Forgets the payloads, keeps the memory.
    pub fn clear(&mut self) {
        self.body.clear();
        self.count = 0;
    }

    fn room_bytes(&self) -> usize {
        self.max_batch_bytes.saturating_sub(self.body.len())
    }

    pub(crate) fn body(&self) -> &[u8] {
        &self.body
    }

    pub(crate) fn count(&self) -> u32 {
        self.count
    }

    pub(crate) fn body_bytes(&self) -> u32 {
        u32::try_from(self.body.len()).expect("push keeps the body within MAX_BATCH_BYTES, which fits u32")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(max_batch_bytes: usize, max_payload_bytes: usize) -> Batch {
        Batch::new(&Options {
            max_batch_bytes,
            max_payload_bytes,
            ..Options::default()
        })
    }

    #[test]
    fn a_payload_over_the_limit_is_refused_and_changes_nothing() {
        let mut batch = batch(100, 10);
        batch.push(&[7; 10]).unwrap();
        assert_eq!(
            batch.push(&[7; 11]),
            Err(TooLarge::Payload {
                bytes: 11,
                limit_bytes: 10
            })
        );
        assert_eq!((batch.len(), batch.bytes()), (1, 14));
    }

    #[test]
    fn a_full_batch_refuses_until_it_is_cleared() {
        let mut batch = batch(30, 10);
        while !batch.is_full() {
            batch.push(&[7; 10]).unwrap();
        }
        assert_eq!(batch.len(), 2);
        assert_eq!(
            batch.push(&[7; 10]),
            Err(TooLarge::Batch {
                bytes: 10,
                used_bytes: 28,
                limit_bytes: 30
            })
        );
        batch.clear();
        assert!(batch.is_empty());
        assert_eq!(batch.bytes(), 0);
        batch.push(b"").unwrap();
        assert_eq!((batch.len(), batch.bytes(), batch.is_full()), (1, 4, false));
    }

    #[test]
    fn impossible_options_take_nothing_rather_than_panic() {
        assert!(batch(0, 10).push(b"").is_err());
        assert!(batch(0, 10).is_full());
    }
}
