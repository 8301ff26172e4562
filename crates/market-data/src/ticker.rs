//! The ticker: the last 24 hours of a market, to the minute, in bounded memory.

use std::collections::VecDeque;

use domain::{Event, Market, MarketEvent, Price, Stamp};
use serde::{Deserialize, Serialize};

use crate::candles::add;
use crate::sequence::Cursor;
use crate::{Applied, Bar, Candle, Interval, OutOfSequence};

/// The minutes of a day.
const MINUTES: u64 = 24 * 60;

/// A market's last 24 hours as of some moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TickerSummary {
    /// The price of the last trade, whenever it was.
    pub last: Option<Price>,
    /// The trades of the running minute and the 1,439 before it; none: there was no trade.
    pub day: Option<Bar>,
}

/// The last 24 hours of one market.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ticker {
    cursor: Cursor,
    tick_lot: u64,
    last: Option<Price>,
    /// The number of the last trade that the first minutes had already.
    counted: u64,
    /// The minutes with trades, oldest first.
    minutes: VecDeque<Candle>,
}

impl Ticker {
    /// No trades yet, following the market from right after an event (0: from its first).
    pub fn new(market: &Market, last_seq: u64) -> Self {
        Self {
            cursor: Cursor::after(market.number(), last_seq),
            tick_lot: market.tick_lot(),
            last: None,
            counted: 0,
            minutes: VecDeque::new(),
        }
    }

    /// Goes on from what history has: `minutes` are the candles of one minute, oldest first, with all trades up to the
    /// number of `last_trade`, and `last_seq` is an event that is not after those trades. Trades that the minutes have
    /// already are not counted again.
    pub fn from_minutes(
        market: &Market,
        last_seq: u64,
        last_trade: Option<(u64, Price)>,
        minutes: impl IntoIterator<Item = Candle>,
    ) -> Self {
        let mut ticker = Self::new(market, last_seq);
        if let Some((number, price)) = last_trade {
            ticker.counted = number;
            ticker.last = Some(price);
        }
        for candle in minutes {
            add(&mut ticker.minutes, MINUTES as usize, candle);
        }
        ticker
    }

    /// Takes the next event.
    ///
    /// # Errors
    /// Events are missing before it, or it is another market's. Nothing changed.
    pub fn apply(&mut self, event: &MarketEvent) -> Result<Applied, OutOfSequence> {
        let applied = self.cursor.step(event)?;
        if let (Applied::Next, Event::Trade(trade)) = (applied, &event.event)
            && trade.number > self.counted
        {
            let bar = Bar::of(trade.price, trade.quantity, self.tick_lot);
            let number = minute(trade.executed_at);
            self.last = Some(trade.price);
            add(&mut self.minutes, MINUTES as usize, Candle { number, bar });
            let oldest = number.saturating_sub(MINUTES - 1);
            while self.minutes.front().is_some_and(|candle| candle.number < oldest) {
                self.minutes.pop_front();
            }
        }
        Ok(applied)
    }

    /// The number of the last event taken.
    pub const fn last_seq(&self) -> u64 {
        self.cursor.last_seq()
    }

    /// The 24 hours up to this moment, which must not lie before the last trade.
    pub fn summary(&self, now: Stamp) -> TickerSummary {
        let oldest = minute(now).saturating_sub(MINUTES - 1);
        let start = self.minutes.partition_point(|candle| candle.number < oldest);
        let bars = self.minutes.range(start..).map(|candle| candle.bar);
        let day = bars.reduce(|mut day, bar| {
            day.add(&bar);
            day
        });
        TickerSummary { last: self.last, day }
    }
}

const fn minute(at: Stamp) -> u64 {
    at.micros() / Interval::Minute1.micros()
}
