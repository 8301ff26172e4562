//! The seeded dice: the same seed gives the same users and the same flow.

use uuid::{Builder, Uuid};

/// A seeded generator (SplitMix64). Not fit for secrets.
#[derive(Debug, Clone)]
pub(crate) struct Dice(u64);

impl Dice {
    /// Dice of a seed; `stream` gives independent ones of the same seed.
    pub(crate) const fn new(seed: u64, stream: u64) -> Self {
        Self(seed ^ stream.wrapping_mul(0xd134_2543_de82_ef95))
    }

    pub(crate) const fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }

    /// A number below `end`; 0 where `end` is 0.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        let wide = u128::from(self.word()) * end as u128;
        usize::try_from(wide >> 64).unwrap_or(0)
    }

    /// A number from 0 (included) to 1 (not included).
    pub(crate) fn unit(&mut self) -> f64 {
        (self.word() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Whether something of this probability happens.
    pub(crate) fn happens(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// A version 4 UUID.
    pub(crate) fn uuid(&mut self) -> Uuid {
        let bytes = (u128::from(self.word()) << 64) | u128::from(self.word());
        Builder::from_random_bytes(bytes.to_be_bytes()).into_uuid()
    }
}

/// The users of a seed.
pub(crate) fn users(seed: u64, count: usize) -> Vec<Uuid> {
    let mut dice = Dice::new(seed, 1);
    (0..count).map(|_| dice.uuid()).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_seed_always_gives_the_same_users_and_another_seed_others() {
        assert_eq!(users(7, 5), users(7, 5));
        assert_eq!(users(7, 5)[..3], users(7, 3)[..]);
        let all: BTreeSet<Uuid> = users(7, 100).into_iter().chain(users(8, 100)).collect();
        assert_eq!(all.len(), 200);
    }

    #[test]
    fn numbers_stay_below_their_end() {
        let mut dice = Dice::new(1, 2);
        assert_eq!(dice.below(0), 0);
        let seen: BTreeSet<usize> = (0..1_000).map(|_| dice.below(5)).collect();
        assert_eq!(seen, (0..5).collect());
        assert!((0..1_000).all(|_| (0.0..1.0).contains(&dice.unit())));
    }
}
