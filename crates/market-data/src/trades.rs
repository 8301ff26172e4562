//! The last public trades of a market: a bounded ring.

use std::collections::VecDeque;

use domain::{Event, MarketEvent, MarketNumber, Price, Quantity, Side, Stamp, Trade, TradeId};
use serde::{Deserialize, Serialize};

use crate::sequence::Cursor;
use crate::{Applied, OutOfSequence};

/// A trade as everybody may see it: without its parties.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublicTrade {
    /// Its id.
    pub trade_id: TradeId,
    /// Its number in the market, from 1.
    pub number: u64,
    /// The price.
    pub price: Price,
    /// The quantity.
    pub quantity: Quantity,
    /// The side of the order that came later.
    pub taker_side: Side,
    /// When.
    pub executed_at: Stamp,
}

impl From<&Trade> for PublicTrade {
    fn from(trade: &Trade) -> Self {
        let Trade {
            trade_id,
            market: _,
            number,
            price,
            quantity,
            buyer: _,
            seller: _,
            maker_side,
            executed_at,
        } = *trade;
        Self {
            trade_id,
            number,
            price,
            quantity,
            taker_side: maker_side.opposite(),
            executed_at,
        }
    }
}

/// The last trades of one market.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trades {
    cursor: Cursor,
    capacity: usize,
    ring: VecDeque<PublicTrade>,
}

impl Trades {
    /// No trades yet, following the market from right after an event (0: from its first). At most so many are kept.
    pub const fn new(market: MarketNumber, last_seq: u64, capacity: usize) -> Self {
        Self {
            cursor: Cursor::after(market, last_seq),
            capacity,
            ring: VecDeque::new(),
        }
    }

    /// Takes the next event.
    ///
    /// # Errors
    /// Events are missing before it, or it is another market's. Nothing changed.
    pub fn apply(&mut self, event: &MarketEvent) -> Result<Applied, OutOfSequence> {
        let applied = self.cursor.step(event)?;
        if let (Applied::Next, Event::Trade(trade)) = (applied, &event.event) {
            self.ring.push_back(PublicTrade::from(&**trade));
            if self.ring.len() > self.capacity {
                self.ring.pop_front();
            }
        }
        Ok(applied)
    }

    /// The number of the last event taken.
    pub const fn last_seq(&self) -> u64 {
        self.cursor.last_seq()
    }

    /// The kept trades, newest first.
    pub fn latest(&self) -> impl Iterator<Item = &PublicTrade> {
        self.ring.iter().rev()
    }

    /// The kept trades with a higher number, oldest first. Where the first of them does not follow, some in between are
    /// not kept any more.
    pub fn after(&self, number: u64) -> impl Iterator<Item = &PublicTrade> {
        let start = self.ring.partition_point(|trade| trade.number <= number);
        self.ring.range(start..)
    }
}
