//! Depth: what the book shows at each price.

use std::collections::BTreeMap;

use domain::{Event, Lots, MarketEvent, MarketNumber, Price, Side};
use serde::{Deserialize, Serialize};

use crate::sequence::Cursor;
use crate::{Applied, OutOfSequence};

/// What the book shows at one price.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Level {
    /// The price.
    pub price: Price,
    /// The lots shown; never zero in a [`Depth`].
    pub quantity: Lots,
}

/// All levels of one market's book, as of one event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Depth {
    cursor: Cursor,
    bids: BTreeMap<Price, Lots>,
    asks: BTreeMap<Price, Lots>,
}

impl Depth {
    /// An empty book before the market's first event.
    pub const fn new(market: MarketNumber) -> Self {
        Self {
            cursor: Cursor::after(market, 0),
            bids: BTreeMap::new(),
            asks: BTreeMap::new(),
        }
    }

    /// The book as it stood right after an event, from all its levels in any order.
    pub fn from_levels(
        market: MarketNumber,
        last_seq: u64,
        levels: impl IntoIterator<Item = (Side, Level)>,
    ) -> Self {
        let mut depth = Self::new(market);
        depth.cursor = Cursor::after(market, last_seq);
        for (side, Level { price, quantity }) in levels {
            depth.set(side, price, quantity);
        }
        depth
    }

    /// Takes the next event.
    ///
    /// # Errors
    /// Events are missing before it, or it is another market's. Nothing changed.
    pub fn apply(&mut self, event: &MarketEvent) -> Result<Applied, OutOfSequence> {
        let applied = self.cursor.step(event)?;
        if let (
            Applied::Next,
            &Event::Level {
                side,
                price,
                quantity,
            },
        ) = (applied, &event.event)
        {
            self.set(side, price, quantity);
        }
        Ok(applied)
    }

    /// The number of the last event taken.
    pub const fn last_seq(&self) -> u64 {
        self.cursor.last_seq()
    }

    /// What is bid, the highest price first.
    pub fn bids(&self) -> impl Iterator<Item = Level> {
        self.bids.iter().rev().map(level)
    }

    /// What is asked, the lowest price first.
    pub fn asks(&self) -> impl Iterator<Item = Level> {
        self.asks.iter().map(level)
    }

    /// The number of bid and of ask levels.
    pub fn level_counts(&self) -> (usize, usize) {
        (self.bids.len(), self.asks.len())
    }

    fn set(&mut self, side: Side, price: Price, quantity: Lots) {
        let levels = match side {
            Side::Buy => &mut self.bids,
            Side::Sell => &mut self.asks,
        };
        if quantity.is_zero() {
            levels.remove(&price);
        } else {
            levels.insert(price, quantity);
        }
    }
}

fn level((price, quantity): (&Price, &Lots)) -> Level {
    Level {
        price: *price,
        quantity: *quantity,
    }
}
