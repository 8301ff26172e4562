//! A running digest over words: tells two histories apart, the same on every machine; no protection against forgery.

use serde::{Deserialize, Serialize};

/// A 128-bit running digest. Order matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Digest {
    low: u64,
    high: u64,
}

impl Default for Digest {
    fn default() -> Self {
        Self {
            low: 0x243F_6A88_85A3_08D3,
            high: 0x1319_8A2E_0370_7344,
        }
    }
}

impl Digest {
    /// Adds one word.
    pub const fn word(&mut self, word: u64) {
        self.low = (self.low ^ word)
            .wrapping_mul(0x9E37_79B9_7F4A_7C15)
            .rotate_left(29);
        self.high = (self.high.rotate_left(23) ^ word ^ self.low).wrapping_mul(0xD6E8_FEB8_6659_FD93);
    }

    /// Adds 128 bits, such as an id.
    pub const fn wide(&mut self, bits: u128) {
        self.word((bits >> 64) as u64);
        self.word(bits as u64);
    }

    /// Adds bytes and their number.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.word(bytes.len() as u64);
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.word(u64::from_le_bytes(word));
        }
    }

    /// The digest of all that was added.
    pub const fn value(&self) -> u128 {
        let mut end = *self;
        end.word(0x5851_F42D_4C95_7F2D);
        end.word(end.high >> 31);
        (end.high as u128) << 64 | end.low as u128
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_and_its_place_counts() {
        let of = |words: &[u64]| {
            let mut digest = Digest::default();
            words.iter().for_each(|w| digest.word(*w));
            digest.value()
        };
        let all = [
            of(&[]),
            of(&[0]),
            of(&[0, 0]),
            of(&[1, 2]),
            of(&[2, 1]),
            of(&[1, 2, 0]),
        ];
        for (i, a) in all.iter().enumerate() {
            assert!(all[i + 1..].iter().all(|b| a != b), "{i}");
        }
    }

    #[test]
    fn the_value_is_the_same_for_ever() {
        let mut digest = Digest::default();
        digest.bytes(b"price-time priority");
        digest.wide(7);
        assert_eq!(digest.value(), DIGEST_OF_THE_WORDS, "{:#034x}", digest.value());
    }

    const DIGEST_OF_THE_WORDS: u128 = 0x42e353c88f125452ae3324a8a323f8f2;
}
