//! The only source of random ids and random bytes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use uuid::{Builder, Uuid};

use crate::Clock;

/// Makes ids that need not be repeatable (request ids, lease holders) and secrets. Cheap to clone.
///
/// Ids of orders and trades do not come from here: they are made from stamp and sequence, so that a replay makes the
/// same ones.
#[derive(Clone, Debug)]
pub struct Ids {
    clock: Clock,
    source: Source,
}

#[derive(Clone, Debug)]
enum Source {
    OperatingSystem,
    /// For tests: the same seed gives the same bytes.
    Seeded(Arc<AtomicU64>),
}

impl Ids {
    /// Ids from the operating system's random source, with the time of `clock`.
    pub fn new(clock: Clock) -> Self {
        Self {
            clock,
            source: Source::OperatingSystem,
        }
    }

    /// For tests: repeatable ids. The bytes are not secret.
    pub fn seeded(clock: Clock, seed: u64) -> Self {
        Self {
            clock,
            source: Source::Seeded(Arc::new(AtomicU64::new(seed))),
        }
    }

    /// A UUIDv7: the clock's milliseconds, then 74 random bits.
    pub fn uuid_v7(&self) -> Uuid {
        let random: [u8; 10] = self.random_bytes();
        Builder::from_unix_timestamp_millis(self.clock.wall_us() / 1_000, &random).into_uuid()
    }

    /// A UUIDv4: 122 random bits.
    pub fn uuid_v4(&self) -> Uuid {
        Builder::from_random_bytes(self.random_bytes()).into_uuid()
    }

    /// `N` random bytes, fit for secrets unless the source is seeded.
    ///
    /// # Panics
    /// When the operating system has no random source: nothing safe can be done then.
    pub fn random_bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        match &self.source {
            Source::OperatingSystem => {
                getrandom::fill(&mut bytes).expect("the operating system has a random source");
            }
            Source::Seeded(state) => {
                for chunk in bytes.chunks_mut(8) {
                    chunk.copy_from_slice(&split_mix(state).to_le_bytes()[..chunk.len()]);
                }
            }
        }
        bytes
    }
}

/// One step of the SplitMix64 generator (public domain).
fn split_mix(state: &AtomicU64) -> u64 {
    const GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut word = state.fetch_add(GAMMA, Ordering::Relaxed).wrapping_add(GAMMA);
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::ManualClock;

    #[test]
    fn a_v7_id_bears_the_clocks_milliseconds_and_sorts_by_them() {
        let manual = ManualClock::at(1_767_225_600_123_456);
        let ids = Ids::new(manual.clone().into());
        let first = ids.uuid_v7();
        assert_eq!(first.get_version_num(), 7);
        let (seconds, nanos) = first.get_timestamp().unwrap().to_unix();
        assert_eq!((seconds, nanos), (1_767_225_600, 123_000_000));
        manual.set_wall_us(1_767_225_600_124_000);
        assert!(ids.uuid_v7() > first);
    }

    #[test]
    fn ids_do_not_repeat_and_seeded_ones_do() {
        let ids = Ids::new(Clock::System);
        let made: BTreeSet<Uuid> = (0..1000).flat_map(|_| [ids.uuid_v4(), ids.uuid_v7()]).collect();
        assert_eq!(made.len(), 2000);

        let clock = Clock::from(ManualClock::at(1));
        let [one, same, other] = [7, 7, 8].map(|seed| Ids::seeded(clock.clone(), seed));
        assert_eq!(one.random_bytes::<13>(), same.random_bytes::<13>());
        assert_ne!(one.uuid_v4(), other.uuid_v4());
        assert_ne!(one.uuid_v4(), one.uuid_v4());
    }
}
