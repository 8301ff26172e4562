//! A set of small numbers as a tree of 64-bit words: the next member above or below is found in a few steps.

/// The most numbers that a set can hold: three layers of 64.
pub(crate) const CAPACITY: usize = 64 * 64 * 64;

/// A set of numbers below a fixed limit.
#[derive(Debug, Default, Clone)]
pub(crate) struct Bitmap {
    /// One bit per number.
    words: Vec<u64>,
    /// One bit per word that is not zero.
    groups: Vec<u64>,
    /// One bit per group that is not zero.
    top: u64,
}

impl Bitmap {
    /// An empty set of numbers below `limit`, which is at most [`CAPACITY`].
    pub(crate) fn new(limit: usize) -> Self {
        debug_assert!(limit <= CAPACITY);
        let words = limit.div_ceil(64);
        Self {
            words: vec![0; words],
            groups: vec![0; words.div_ceil(64)],
            top: 0,
        }
    }

    /// Adds a number.
    #[inline]
    pub(crate) fn insert(&mut self, number: usize) {
        self.words[number / 64] |= bit(number % 64);
        self.groups[number / 4096] |= bit(number / 64 % 64);
        self.top |= bit(number / 4096);
    }

    /// Takes a number out.
    #[inline]
    pub(crate) fn remove(&mut self, number: usize) {
        let word = &mut self.words[number / 64];
        *word &= !bit(number % 64);
        if *word == 0 {
            let group = &mut self.groups[number / 4096];
            *group &= !bit(number / 64 % 64);
            if *group == 0 {
                self.top &= !bit(number / 4096);
            }
        }
    }

    /// The largest member below `end`, which is at most the limit.
    #[inline]
    pub(crate) fn last_below(&self, end: usize) -> Option<usize> {
        let last = end.checked_sub(1)?;
        let (word, group) = (last / 64, last / 4096);
        if let Some(found) = highest(*self.words.get(word)? & (u64::MAX >> (63 - last % 64))) {
            return Some(word * 64 + found);
        }
        let word = match highest(self.groups[group] & (bit(word % 64) - 1)) {
            Some(found) => group * 64 + found,
            None => {
                let group = highest(self.top & (bit(group) - 1))?;
                group * 64 + highest(self.groups[group])?
            }
        };
        Some(word * 64 + highest(self.words[word])?)
    }

    /// The smallest member at or above `start`.
    #[inline]
    pub(crate) fn first_from(&self, start: usize) -> Option<usize> {
        let (word, group) = (start / 64, start / 4096);
        if let Some(found) = lowest(*self.words.get(word)? & (u64::MAX << (start % 64))) {
            return Some(word * 64 + found);
        }
        let word = match lowest(self.groups[group] & above(word % 64)) {
            Some(found) => group * 64 + found,
            None => {
                let group = lowest(self.top & above(group))?;
                group * 64 + lowest(self.groups[group])?
            }
        };
        Some(word * 64 + lowest(self.words[word])?)
    }
}

#[inline]
const fn bit(position: usize) -> u64 {
    1 << position
}

/// All positions above this one.
#[inline]
const fn above(position: usize) -> u64 {
    (u64::MAX << position) << 1
}

#[inline]
const fn highest(word: u64) -> Option<usize> {
    match word.checked_ilog2() {
        Some(position) => Some(position as usize),
        None => None,
    }
}

#[inline]
const fn lowest(word: u64) -> Option<usize> {
    match word {
        0 => None,
        _ => Some(word.trailing_zeros() as usize),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn it_answers_like_a_sorted_set() {
        for limit in [64, 4096, 16_384, 65_536, CAPACITY] {
            let mut set = Bitmap::new(limit);
            let mut sorted = BTreeSet::new();
            let mut state = 7u64;
            for round in 0..4000 {
                state = state
                    .wrapping_mul(6364136223846793005)
                    .wrapping_add(1442695040888963407);
                let number = (state >> 33) as usize % limit;
                if round % 3 == 2 {
                    let nearest = sorted.range(number..).next().copied();
                    if let Some(nearest) = nearest {
                        sorted.remove(&nearest);
                        set.remove(nearest);
                    }
                } else {
                    sorted.insert(number);
                    set.insert(number);
                }
                for probe in [0, number, number + 1, limit - 1] {
                    assert_eq!(
                        set.first_from(probe),
                        sorted.range(probe..).next().copied(),
                        "{limit} {probe}"
                    );
                }
                for probe in [0, number, number + 1, limit] {
                    assert_eq!(
                        set.last_below(probe),
                        sorted.range(..probe).next_back().copied(),
                        "{limit} {probe}"
                    );
                }
            }
        }
    }

    #[test]
    fn the_ends_are_members_like_any_other() {
        let mut set = Bitmap::new(4096);
        set.insert(0);
        set.insert(4095);
        assert_eq!(set.first_from(0), Some(0));
        assert_eq!(set.first_from(1), Some(4095));
        assert_eq!(set.first_from(4096), None);
        assert_eq!(set.last_below(4096), Some(4095));
        assert_eq!(set.last_below(4095), Some(0));
        assert_eq!(set.last_below(0), None);
    }

    #[test]
    fn a_set_without_room_is_empty() {
        assert_eq!(Bitmap::default().first_from(0), None);
        assert_eq!(Bitmap::default().last_below(0), None);
    }
}
