//! Chance that the same seed repeats.

use runtime::{Clock, Ids, ManualClock};

/// The same seed throws the same.
#[derive(Debug)]
pub(super) struct Dice(Ids);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(Ids::seeded(Clock::from(ManualClock::at(1)), seed))
    }

    /// A number below this one; 0 where that is 0.
    pub fn below(&self, limit: u64) -> u64 {
        u64::from_le_bytes(self.0.random_bytes())
            .checked_rem(limit)
            .unwrap_or(0)
    }

    /// Whether it is one of so many times in a hundred.
    pub fn percent(&self, often: u64) -> bool {
        self.below(100) < often
    }

    /// One of them; none where there is none.
    pub fn pick<'a, T>(&self, of: &'a [T]) -> Option<&'a T> {
        let index = usize::try_from(self.below(of.len() as u64)).ok()?;
        of.get(index)
    }
}
