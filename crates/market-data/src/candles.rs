//! Candles: bars of fixed spans of time, aligned to 1970 in UTC.

use std::collections::VecDeque;

use domain::{Event, Market, MarketEvent, Stamp};
use serde::{Deserialize, Serialize};

use crate::sequence::Cursor;
use crate::{Applied, Bar, OutOfSequence};

const MINUTE_MICROS: u64 = 60_000_000;

macro_rules! intervals {
    ($($(#[$doc:meta])* $name:ident = $word:literal, $minutes:literal);* $(;)?) => {
        /// The span of a candle.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Interval {
            $($(#[$doc])* #[serde(rename = $word)] $name),*
        }

        impl Interval {
            /// Every interval, the shortest first.
            pub const ALL: [Self; 6] = [$(Self::$name),*];

            /// The word for it in the API.
            pub const fn word(self) -> &'static str {
                match self { $(Self::$name => $word),* }
            }

            /// The interval of a word of the API; none where the word is unknown.
            pub fn from_word(word: &str) -> Option<Self> {
                Self::ALL.into_iter().find(|interval| interval.word() == word)
            }

            /// How long it is, in microseconds.
            pub const fn micros(self) -> u64 {
                match self { $(Self::$name => $minutes * MINUTE_MICROS),* }
            }
        }
    };
}

intervals! {
    /// One minute.
    Minute1 = "1m", 1;
    /// Five minutes.
    Minute5 = "5m", 5;
    /// A quarter of an hour.
    Minute15 = "15m", 15;
    /// One hour.
    Hour1 = "1h", 60;
    /// Four hours.
    Hour4 = "4h", 240;
    /// One day.
    Day1 = "1d", 1_440;
}

/// A bar and the span that it stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candle {
    /// Which span since 1970: its start divided by the interval.
    pub number: u64,
    /// The trades in it.
    pub bar: Bar,
}

impl Candle {
    /// When the span of this interval starts.
    pub const fn opened_at(&self, interval: Interval) -> Stamp {
        Stamp::from_micros(self.number.saturating_mul(interval.micros()))
    }
}

/// The last candles of one market in every interval. Spans without a trade have no candle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candles {
    cursor: Cursor,
    tick_lot: u64,
    capacity: usize,
    /// The number of the last trade that the first candles had already.
    counted: u64,
    /// Per interval, in the order of [`Interval::ALL`], oldest first.
    series: [VecDeque<Candle>; Interval::ALL.len()],
}

impl Candles {
    /// No candles yet, following the market from right after an event (0: from its first). At most so many are kept in
    /// each interval.
    pub fn new(market: &Market, last_seq: u64, capacity: usize) -> Self {
        Self {
            cursor: Cursor::after(market.number(), last_seq),
            tick_lot: market.tick_lot(),
            capacity,
            counted: 0,
            series: Default::default(),
        }
    }

    /// Goes on from what history has: `series` are candles of each interval, oldest first, with all trades up to the
    /// number `last_trade`, and `last_seq` is an event that is not after those trades. Trades that the candles have
    /// already are not counted again.
    pub fn from_series(
        market: &Market,
        last_seq: u64,
        last_trade: u64,
        capacity: usize,
        series: impl IntoIterator<Item = (Interval, Vec<Candle>)>,
    ) -> Self {
        let mut candles = Self::new(market, last_seq, capacity);
        candles.counted = last_trade;
        for (interval, found) in series {
            for candle in found {
                add(&mut candles.series[interval as usize], capacity, candle);
            }
        }
        candles
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
            for (interval, series) in Interval::ALL.into_iter().zip(&mut self.series) {
                let number = trade.executed_at.micros() / interval.micros();
                add(series, self.capacity, Candle { number, bar });
            }
        }
        Ok(applied)
    }

    /// The number of the last event taken.
    pub const fn last_seq(&self) -> u64 {
        self.cursor.last_seq()
    }

    /// The kept candles of an interval, oldest first. The last one may still grow.
    pub fn series(&self, interval: Interval) -> impl DoubleEndedIterator<Item = &Candle> + ExactSizeIterator {
        self.series[interval as usize].iter()
    }
}

/// Adds a trade's candle to the last one of its span, or as a new one. Stamps never go back; if one did, its trade would
/// count for the last span there is.
pub(crate) fn add(series: &mut VecDeque<Candle>, capacity: usize, candle: Candle) {
    match series.back_mut() {
        Some(last) if candle.number <= last.number => last.bar.add(&candle.bar),
        _ => series.push_back(candle),
    }
    if series.len() > capacity {
        series.pop_front();
    }
}
