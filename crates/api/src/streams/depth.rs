//! A book as it was last published: deltas lead from one published state to the next.

use std::collections::BTreeMap;

use domain::{Event, Lots, Market, MarketEvent, Price, Side};
use market_data::{Applied, Depth, Level, OutOfSequence};
use serde::Serialize;
use trading::{DepthView, LevelView};

use super::outbox::{Frame, frame};
use crate::markets::row;

type Levels = BTreeMap<(Side, Price), Lots>;

/// A book: as it is, and as subscribers know it.
#[derive(Debug)]
pub(crate) struct Book {
    current: Depth,
    /// Levels that changed since the last delta, as they are now; zero: gone.
    changed: Levels,
    published: Levels,
    published_seq: u64,
    /// The published book as a frame, made once.
    snapshot: Option<Frame>,
}

#[derive(Serialize)]
struct Snapshot<'a> {
    channel: &'a str,
    r#type: &'static str,
    symbol: &'a str,
    last_seq: u64,
    bids: Vec<[String; 2]>,
    asks: Vec<[String; 2]>,
}

#[derive(Serialize)]
struct Delta<'a> {
    channel: &'a str,
    r#type: &'static str,
    symbol: &'a str,
    first_seq: u64,
    last_seq: u64,
    bids: Vec<[String; 2]>,
    asks: Vec<[String; 2]>,
}

impl Book {
    /// The book of a moment; it counts as published.
    pub(crate) fn new(view: &DepthView) -> Self {
        let levels = |side, levels: &[LevelView]| -> Vec<_> {
            let level = |level: &LevelView| ((side, level.price), level.quantity);
            levels.iter().map(level).collect()
        };
        let published: Levels = levels(Side::Buy, &view.bids)
            .into_iter()
            .chain(levels(Side::Sell, &view.asks))
            .collect();
        let current = published.iter().map(|((side, price), quantity)| {
            let level = Level {
                price: *price,
                quantity: *quantity,
            };
            (*side, level)
        });
        Self {
            current: Depth::from_levels(view.market, view.seq, current),
            changed: Levels::new(),
            published_seq: view.seq,
            snapshot: None,
            published,
        }
    }

    /// Takes the next event.
    ///
    /// # Errors
    /// Events are missing before it.
    pub(crate) fn apply(&mut self, event: &MarketEvent) -> Result<Applied, OutOfSequence> {
        let applied = self.current.apply(event)?;
        if let (
            Applied::Next,
            Event::Level {
                side,
                price,
                quantity,
            },
        ) = (applied, &event.event)
        {
            self.changed.insert((*side, *price), *quantity);
        }
        Ok(applied)
    }

    /// The number of the last event taken.
    pub(crate) const fn seq(&self) -> u64 {
        self.current.last_seq()
    }

    /// The best bid and the best ask.
    pub(crate) fn best(&self) -> (Option<Level>, Option<Level>) {
        (self.current.bids().next(), self.current.asks().next())
    }

    /// The published book.
    pub(crate) fn snapshot(&mut self, channel: &str, symbol: &str, market: &Market) -> Frame {
        let made = self.snapshot.get_or_insert_with(|| {
            let (bids, asks) = rows(&self.published, market);
            frame(&Snapshot {
                channel,
                r#type: "snapshot",
                symbol,
                last_seq: self.published_seq,
                bids,
                asks,
            })
        });
        made.clone()
    }

    /// Publishes what changed. The delta, where a level is different now; it is made only if somebody `listens`.
    pub(crate) fn publish(
        &mut self,
        channel: &str,
        symbol: &str,
        market: &Market,
        listens: bool,
    ) -> Option<Frame> {
        let mut changed = std::mem::take(&mut self.changed);
        changed.retain(|key, quantity| self.published.get(key).copied().unwrap_or(Lots::ZERO) != *quantity);
        if changed.is_empty() {
            return None;
        }
        for (key, quantity) in &changed {
            if quantity.is_zero() {
                self.published.remove(key);
            } else {
                self.published.insert(*key, *quantity);
            }
        }
        let first_seq = self.published_seq + 1;
        self.published_seq = self.current.last_seq();
        self.snapshot = None;
        listens.then(|| {
            let (bids, asks) = rows(&changed, market);
            frame(&Delta {
                channel,
                r#type: "delta",
                symbol,
                first_seq,
                last_seq: self.published_seq,
                bids,
                asks,
            })
        })
    }
}

/// Bids and asks, best first.
fn rows(levels: &Levels, market: &Market) -> (Vec<[String; 2]>, Vec<[String; 2]>) {
    let row = |((_, price), quantity): (&(Side, Price), &Lots)| {
        let level = LevelView {
            price: *price,
            quantity: *quantity,
        };
        row(market, level)
    };
    let of = |side| move |(key, _): &(&(Side, Price), &Lots)| key.0 == side;
    let bids = levels.iter().rev().filter(of(Side::Buy)).map(row).collect();
    let asks = levels.iter().filter(of(Side::Sell)).map(row).collect();
    (bids, asks)
}
