//! Signatures that were taken, so that each is taken once: bounded, and never forgetting one that could come again.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use aws_lc_rs::digest::{Context, SHA256};

use crate::KeyId;

/// Into how many parts it is split, so that the workers seldom wait for each other.
const SHARDS: usize = 16;

/// One key may take this part of the room, so that it cannot lock out the others.
const SHARE: usize = 8;

/// The hash of key id and signature.
type Seen = [u8; 32];

/// Where gateways tell each other which signatures they have taken.
#[async_trait]
pub trait SignatureStore: Send + Sync {
    /// Whether nobody has named this signature before within its life; none: it cannot be known now, and each gateway goes
    /// by what it has seen itself.
    async fn is_first(&self, name: &str, life: Duration) -> Option<bool>;
}

/// What a signature is to those seen before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sight {
    /// It was not seen, and is remembered now.
    First,
    /// It was seen, or may have been.
    Again,
    /// It was not seen, and there is no room to remember it.
    Full,
    /// It was not seen, and its key has as many as one key may have.
    Share,
}

#[derive(Default)]
struct Shard {
    /// By the second in which their windows end. The window is signed too, so a replay falls into the same second.
    by_end: BTreeMap<u64, HashMap<Seen, KeyId>>,
    by_key: HashMap<KeyId, usize>,
    count: usize,
    /// The latest second that was forgotten. Should the clock step back, what may have been seen then is refused.
    forgotten: Option<u64>,
}

/// The signatures of requests whose windows have not ended.
pub(crate) struct SeenSignatures {
    shards: [Mutex<Shard>; SHARDS],
    room: usize,
}

impl SeenSignatures {
    /// Room for about so many signatures.
    pub(crate) fn new(room: usize) -> Self {
        Self {
            shards: Default::default(),
            room: room.div_ceil(SHARDS),
        }
    }

    /// Remembers a signature until its window has ended.
    pub(crate) fn see(&self, key_id: KeyId, signature: &[u8], ends_ms: u64, now_ms: u64) -> Sight {
        let seen = seen_as(key_id, signature);
        let at = usize::from(seen.first().copied().unwrap_or_default()) % SHARDS;
        let Some(shard) = self.shards.get(at) else {
            return Sight::Full;
        };
        let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
        shard.forget_ended(now_ms / 1_000);
        shard.see(seen, key_id, ends_ms / 1_000, self.room)
    }
}

fn seen_as(key_id: KeyId, signature: &[u8]) -> Seen {
    let mut hash = Context::new(&SHA256);
    hash.update(key_id.as_str().as_bytes());
    hash.update(&[0]);
    hash.update(signature);
    let mut seen = Seen::default();
    seen.copy_from_slice(hash.finish().as_ref());
    seen
}

/// The name of a signature for other gateways.
pub(crate) fn name_of(key_id: KeyId, signature: &[u8]) -> String {
    crate::secret_box::hex(&seen_as(key_id, signature))
}

impl Shard {
    fn forget_ended(&mut self, now_secs: u64) {
        while let Some(first) = self.by_end.first_entry() {
            if *first.key() >= now_secs {
                return;
            }
            self.forgotten = self.forgotten.max(Some(*first.key()));
            let ended = first.remove();
            self.count -= ended.len();
            for key_id in ended.into_values() {
                if let Some(count) = self.by_key.get_mut(&key_id) {
                    *count -= 1;
                    if *count == 0 {
                        self.by_key.remove(&key_id);
                    }
                }
            }
        }
    }

    fn see(&mut self, seen: Seen, key_id: KeyId, ends_secs: u64, room: usize) -> Sight {
        if self.forgotten.is_some_and(|forgotten| ends_secs <= forgotten) {
            return Sight::Again;
        }
        if self
            .by_end
            .get(&ends_secs)
            .is_some_and(|same| same.contains_key(&seen))
        {
            return Sight::Again;
        }
        if self.count >= room {
            return Sight::Full;
        }
        let of_key = self.by_key.entry(key_id).or_default();
        if *of_key >= room.div_ceil(SHARE) {
            return Sight::Share;
        }
        *of_key += 1;
        self.by_end.entry(ends_secs).or_default().insert(seen, key_id);
        self.count += 1;
        Sight::First
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> KeyId {
        KeyId::new(text).unwrap()
    }

    #[test]
    fn a_signature_is_new_once_for_each_key() {
        let seen = SeenSignatures::new(100);
        for (key, signature, sight) in [
            ("a", "1", Sight::First),
            ("a", "1", Sight::Again),
            ("a", "2", Sight::First),
            ("b", "1", Sight::First),
            ("a", "1", Sight::Again),
        ] {
            assert_eq!(
                seen.see(id(key), signature.as_bytes(), 15_000, 10_000),
                sight,
                "{key} {signature}"
            );
        }
    }

    #[test]
    fn when_it_is_full_nothing_is_forgotten_before_its_time() {
        let seen = SeenSignatures::new(SHARDS * 2);
        let numbers = 0..1_000u32;
        let first: Vec<_> = numbers
            .filter(|n| seen.see(id(&format!("k{n}")), b"x", 15_999, 10_000) == Sight::First)
            .collect();
        assert_eq!(first.len(), SHARDS * 2);
        assert_eq!(seen.see(id("b"), b"x", 15_999, 15_999), Sight::Full);
        for n in &first {
            assert_eq!(
                seen.see(id(&format!("k{n}")), b"x", 15_999, 15_999),
                Sight::Again,
                "{n}"
            );
        }
        assert_eq!(seen.see(id("b"), b"x", 21_000, 16_000), Sight::First);
    }

    #[test]
    fn one_key_cannot_take_the_room_of_the_others() {
        let room = SHARDS * SHARE * 10;
        let seen = SeenSignatures::new(room);
        let taken = |key: &str| {
            let taken = (0..10_000u32)
                .filter(|n| seen.see(id(key), &n.to_le_bytes(), 15_999, 10_000) == Sight::First);
            taken.count()
        };
        assert_eq!(taken("greedy"), room / SHARE);
        assert_eq!(taken("modest"), room / SHARE);
        assert_eq!(seen.see(id("greedy"), b"x", 15_999, 10_000), Sight::Share);
        assert_eq!(
            seen.see(id("greedy"), b"x", 21_000, 16_000),
            Sight::First,
            "its windows have ended"
        );
    }

    #[test]
    fn a_clock_that_steps_back_brings_nothing_back() {
        let seen = SeenSignatures::new(100_000);
        assert_eq!(seen.see(id("a"), b"1", 15_000, 10_000), Sight::First);
        // Another signature of the same part lets the part forget the first one.
        let other = (0..1_000u32).map(u32::to_le_bytes);
        for n in other {
            seen.see(id("a"), &n, 3_605_000, 3_600_000);
        }
        assert_eq!(seen.see(id("a"), b"1", 15_000, 10_000), Sight::Again);
        assert_eq!(
            seen.see(id("a"), b"2", 16_000, 11_000),
            Sight::First,
            "newer ones are taken"
        );
    }
}
