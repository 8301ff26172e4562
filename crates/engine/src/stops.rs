//! The orders of one market that await their trigger, by stop price.

use std::collections::BTreeSet;

use domain::{Price, Side};

use crate::orders::Key;

/// Waiting stops: buys wait for the last price to rise to theirs, sells for it to fall to theirs.
#[derive(Debug, Default)]
pub(crate) struct Stops {
    buys: BTreeSet<(Price, u64, Key)>,
    sells: BTreeSet<(Price, u64, Key)>,
}

impl Stops {
    pub fn insert(&mut self, side: Side, stop_price: Price, rank: u64, key: Key) {
        self.of_mut(side).insert((stop_price, rank, key));
    }

    pub fn remove(&mut self, side: Side, stop_price: Price, rank: u64, key: Key) -> bool {
        self.of_mut(side).remove(&(stop_price, rank, key))
    }

    pub fn len(&self) -> usize {
        self.buys.len() + self.sells.len()
    }

    /// Takes out all that trades between `low` and `high` trigger, nearest to the price before the trades first, at one
    /// distance in order of entry.
    pub fn triggered(&mut self, before: Price, low: Price, high: Price) -> Vec<Key> {
        let mut hits = Vec::new();
        while let Some(first) = self.buys.first().copied().filter(|(stop, ..)| *stop <= high) {
            self.buys.remove(&first);
            hits.push(first);
        }
        while let Some(last) = self.sells.last().copied().filter(|(stop, ..)| *stop >= low) {
            self.sells.remove(&last);
            hits.push(last);
        }
        hits.sort_unstable_by_key(|(stop, rank, _)| (stop.ticks().abs_diff(before.ticks()), *rank));
        hits.into_iter().map(|(.., key)| key).collect()
    }

    /// Those on one side, lowest stop price first, at one price in order of entry.
    pub fn keys(&self, side: Side) -> impl Iterator<Item = Key> {
        match side {
            Side::Buy => self.buys.iter(),
            Side::Sell => self.sells.iter(),
        }
        .map(|(.., key)| *key)
    }

    const fn of_mut(&mut self, side: Side) -> &mut BTreeSet<(Price, u64, Key)> {
        match side {
            Side::Buy => &mut self.buys,
            Side::Sell => &mut self.sells,
        }
    }
}
