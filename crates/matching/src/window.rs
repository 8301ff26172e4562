//! The levels of a book by price: those near the touch in a dense array, all others in a map.

use std::collections::BTreeMap;

use domain::{Price, Side};

use crate::bitmap::{Bitmap, CAPACITY};
use crate::level::Level;

/// How many prices the array covers at first.
const FIRST_SIZE: usize = 1 << 12;
/// How many prices it covers at most: 1 MiB of levels.
const LAST_SIZE: usize = 1 << 16;
/// By how much it grows.
const GROWTH: usize = 4;
/// After so many touches of levels outside, moving or growing the array is considered.
const PATIENCE: usize = 1024;

const _: () = assert!(LAST_SIZE <= CAPACITY);

/// All levels of one book. A price holds orders of one side only: the book is never crossed.
#[derive(Debug, Default, Clone)]
pub(crate) struct Levels {
    /// The lowest price of the array, in ticks.
    base: u32,
    /// The levels of the prices from `base` on; empty until the first order rests.
    window: Vec<Level>,
    /// Which of them are not empty, by side.
    occupied: [Bitmap; 2],
    /// The levels of all other prices, by side.
    far: [BTreeMap<u32, Level>; 2],
    /// The best price in ticks, by side; zero: nothing rests.
    best: [u32; 2],
    /// How many levels are not empty, by side.
    counts: [usize; 2],
    /// Changes outside of the array since it was last considered to move it.
    far_touches: usize,
}

#[inline]
const fn index(side: Side) -> usize {
    match side {
        Side::Buy => 0,
        Side::Sell => 1,
    }
}

/// Whether `price` comes before `other` in the priority of its side.
#[inline]
const fn better(side: Side, price: u32, other: u32) -> bool {
    match side {
        Side::Buy => price > other,
        Side::Sell => price < other,
    }
}

impl Levels {
    /// How many levels of a side are not empty.
    pub(crate) const fn count(&self, side: Side) -> usize {
        self.counts[index(side)]
    }

    /// The best price of a side.
    #[inline]
    pub(crate) const fn best(&self, side: Side) -> Option<Price> {
        Price::from_ticks(self.best[index(side)])
    }

    /// The place of a price in the array, or one past its end.
    #[inline]
    const fn offset(&self, price: Price) -> usize {
        price.ticks().wrapping_sub(self.base) as usize
    }

    /// The level of a price.
    #[inline]
    pub(crate) fn get(&self, side: Side, price: Price) -> Level {
        match self.window.get(self.offset(price)) {
            Some(level) => *level,
            None => self.get_far(side, price),
        }
    }

    #[cold]
    fn get_far(&self, side: Side, price: Price) -> Level {
        let level = self.far[index(side)].get(&price.ticks());
        level.copied().unwrap_or(Level::EMPTY)
    }

    /// The level of a price, to be changed. Where nothing rests there yet, or no longer, [`Self::opened`] or
    /// [`Self::closed`] must follow.
    #[inline]
    pub(crate) fn at(&mut self, side: Side, price: Price) -> &mut Level {
        let offset = self.offset(price);
        if offset < self.window.len() {
            return &mut self.window[offset];
        }
        self.at_far(side, price)
    }

    #[cold]
    fn at_far(&mut self, side: Side, price: Price) -> &mut Level {
        if self.window.is_empty() {
            self.move_window(price.ticks(), FIRST_SIZE);
        }
        self.far_touched(side);
        let offset = self.offset(price);
        if offset < self.window.len() {
            return &mut self.window[offset];
        }
        self.far[index(side)].entry(price.ticks()).or_insert(Level::EMPTY)
    }

    /// The first order rests at a price.
    #[inline]
    pub(crate) fn opened(&mut self, side: Side, price: Price) {
        let offset = self.offset(price);
        if offset < self.window.len() {
            self.occupied[index(side)].insert(offset);
        }
        self.counts[index(side)] += 1;
        let best = &mut self.best[index(side)];
        if *best == 0 || better(side, price.ticks(), *best) {
            *best = price.ticks();
        }
    }

    /// The last order has left a price, whose level is empty.
    #[inline]
    pub(crate) fn closed(&mut self, side: Side, price: Price) {
        let offset = self.offset(price);
        if offset < self.window.len() {
            self.occupied[index(side)].remove(offset);
        } else {
            self.far[index(side)].remove(&price.ticks());
        }
        self.counts[index(side)] -= 1;
        if self.best[index(side)] == price.ticks() {
            self.best[index(side)] = self.next(side, price).map_or(0, Price::ticks);
        }
    }

    /// The best price of a side that is worse than this one.
    #[inline]
    pub(crate) fn next(&self, side: Side, price: Price) -> Option<Price> {
        let near = self.next_near(side, price);
        if self.far[index(side)].is_empty() {
            return near;
        }
        let far = self.next_far(side, price);
        match (near, far) {
            (Some(near), Some(far)) if better(side, far.ticks(), near.ticks()) => Some(far),
            (Some(near), _) => Some(near),
            (None, far) => far,
        }
    }

    #[inline]
    fn next_near(&self, side: Side, price: Price) -> Option<Price> {
        let occupied = &self.occupied[index(side)];
        let above_base = price.ticks().checked_sub(self.base).map(|offset| offset as usize);
        let found = match side {
            Side::Buy => occupied.last_below(above_base?.min(self.window.len())),
            Side::Sell => occupied.first_from(above_base.map_or(0, |offset| offset + 1)),
        }?;
        // An offset in the array is below 2^16, and the array ends at or below the highest price.
        Price::from_ticks(self.base + found as u32)
    }

    #[cold]
    fn next_far(&self, side: Side, price: Price) -> Option<Price> {
        use std::ops::Bound::{Excluded, Unbounded};
        let far = &self.far[index(side)];
        let found = match side {
            Side::Buy => far.range(..price.ticks()).next_back(),
            Side::Sell => far.range((Excluded(price.ticks()), Unbounded)).next(),
        };
        found.and_then(|(ticks, _)| Price::from_ticks(*ticks))
    }

    /// Counts a change outside of the array. When enough of them have paid for it, the array is moved to the touch, or
    /// made larger where it already stands there.
    #[cold]
    fn far_touched(&mut self, side: Side) {
        self.far_touches += 1;
        let near = self.counts[0] + self.counts[1] - self.far[0].len() - self.far[1].len();
        if self.far_touches < PATIENCE.max(near) {
            return;
        }
        self.far_touches = 0;
        let touch = self.best(side).or(self.best(side.opposite()));
        let (size, centre) = (self.window.len(), touch.map_or(self.base, Price::ticks));
        let quarter = size as u32 / 4;
        let central = centre
            .checked_sub(self.base)
            .is_some_and(|offset| offset >= quarter && offset < 3 * quarter);
        if central || base_around(centre, size) == self.base {
            if size < LAST_SIZE {
                self.move_window(centre, size * GROWTH);
            }
        } else {
            self.move_window(centre, size);
        }
    }

    /// Lets the array cover `size` prices around this one; levels change places between it and the map.
    fn move_window(&mut self, centre: u32, size: usize) {
        let mut moving = Vec::new();
        for side in [Side::Buy, Side::Sell] {
            let occupied = &self.occupied[index(side)];
            let mut next = occupied.first_from(0);
            while let Some(offset) = next {
                moving.push((side, self.base + offset as u32, self.window[offset]));
                next = occupied.first_from(offset + 1);
            }
        }
        self.base = base_around(centre, size);
        self.window.clear();
        self.window.resize(size, Level::EMPTY);
        self.occupied = [Bitmap::new(size), Bitmap::new(size)];
        let last = self.base + (size as u32 - 1);
        for side in [Side::Buy, Side::Sell] {
            let far = &mut self.far[index(side)];
            while let Some((&price, &level)) = far.range(self.base..=last).next() {
                far.remove(&price);
                moving.push((side, price, level));
            }
        }
        for (side, price, level) in moving {
            match price.checked_sub(self.base).map(|offset| offset as usize) {
                Some(offset) if offset < size => {
                    self.window[offset] = level;
                    self.occupied[index(side)].insert(offset);
                }
                _ => {
                    self.far[index(side)].insert(price, level);
                }
            }
        }
    }
}

/// The lowest price of an array of this size with the centre in its middle, as far as prices allow.
const fn base_around(centre: u32, size: usize) -> u32 {
    let size = size as u32;
    let base = centre.saturating_sub(size / 2);
    let highest = u32::MAX - (size - 1);
    if base > highest { highest } else { base }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn level(head: u32) -> Level {
        Level {
            head,
            tail: head,
            shown: 1,
        }
    }

    fn at(ticks: u32) -> Price {
        Price::from_ticks(ticks).unwrap_or(Price::ONE_TICK)
    }

    fn open(levels: &mut Levels, side: Side, ticks: u32) {
        *levels.at(side, at(ticks)) = level(ticks);
        levels.opened(side, at(ticks));
    }

    fn close(levels: &mut Levels, side: Side, ticks: u32) {
        *levels.at(side, at(ticks)) = Level::EMPTY;
        levels.closed(side, at(ticks));
    }

    fn prices(levels: &Levels, side: Side) -> Vec<u32> {
        let all = std::iter::successors(levels.best(side), |price| levels.next(side, *price));
        all.map(Price::ticks).collect()
    }

    #[test]
    fn the_array_comes_with_the_first_order_and_stands_around_it() {
        let mut levels = Levels::default();
        assert!(levels.window.is_empty());
        open(&mut levels, Side::Buy, 1_000_000);
        assert_eq!((levels.base, levels.window.len()), (1_000_000 - 2048, 4096));
    }

    #[test]
    fn the_array_ends_where_prices_end() {
        for (ticks, base) in [
            (1, 0),
            (2047, 0),
            (u32::MAX, u32::MAX - 4095),
            (u32::MAX - 5, u32::MAX - 4095),
        ] {
            let mut levels = Levels::default();
            open(&mut levels, Side::Sell, ticks);
            assert_eq!(levels.base, base, "{ticks}");
            assert_eq!(prices(&levels, Side::Sell), [ticks]);
        }
    }

    #[test]
    fn levels_outside_of_the_array_take_part_in_the_order_of_prices() {
        let mut levels = Levels::default();
        for ticks in [50_000, 1, 50_001, 90_000, u32::MAX] {
            open(&mut levels, Side::Sell, ticks);
        }
        assert_eq!(levels.far[1].len(), 3);
        assert_eq!(prices(&levels, Side::Sell), [1, 50_000, 50_001, 90_000, u32::MAX]);
        close(&mut levels, Side::Sell, 1);
        assert_eq!(prices(&levels, Side::Sell), [50_000, 50_001, 90_000, u32::MAX]);
        close(&mut levels, Side::Sell, 50_000);
        close(&mut levels, Side::Sell, 50_001);
        assert_eq!(prices(&levels, Side::Sell), [90_000, u32::MAX]);
    }

    #[test]
    fn the_array_follows_the_touch_and_loses_nothing() {
        let mut levels = Levels::default();
        open(&mut levels, Side::Buy, 5_000);
        let wander: Vec<u32> = (0..3_000).map(|step| 1_000_000 + step).collect();
        for ticks in &wander {
            open(&mut levels, Side::Buy, *ticks);
        }
        assert!(levels.base > 900_000, "moved to {}", levels.base);
        let mut expected: Vec<u32> = wander.iter().rev().copied().collect();
        expected.push(5_000);
        assert_eq!(prices(&levels, Side::Buy), expected);
        for ticks in expected {
            assert_eq!(levels.get(Side::Buy, at(ticks)), level(ticks));
            close(&mut levels, Side::Buy, ticks);
        }
        assert_eq!((levels.count(Side::Buy), levels.best(Side::Buy)), (0, None));
    }

    #[test]
    fn the_array_grows_where_it_stands_well_but_is_too_small() {
        let mut levels = Levels::default();
        for step in 1..30_000 {
            open(&mut levels, Side::Buy, 100_000 - step);
            open(&mut levels, Side::Sell, 100_000 + step);
        }
        assert_eq!(levels.window.len(), LAST_SIZE);
        assert!(levels.far.iter().all(BTreeMap::is_empty), "all of it fits");
        assert_eq!(prices(&levels, Side::Sell).len(), 29_999);
    }

    #[test]
    fn far_orders_alone_do_not_move_an_array_that_stands_well() {
        let mut levels = Levels::default();
        for step in 0..100_000 {
            open(&mut levels, Side::Buy, 3_000_000_000 - step * 8);
        }
        assert_eq!(levels.window.len(), LAST_SIZE);
        let base = levels.base;
        for _ in 0..10_000 {
            open(&mut levels, Side::Buy, 7);
            close(&mut levels, Side::Buy, 7);
        }
        assert_eq!(levels.base, base);
    }
}
