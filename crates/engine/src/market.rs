//! One market of the engine: its book, its stops, its counters and the work that it has still to finish.

use std::collections::VecDeque;
use std::sync::Arc;

use domain::{CancelReason, Market, MarketState, Price, Side};
use matching::Book;

use crate::orders::Key;
use crate::stops::Stops;

/// A mass cancel that goes on, chunk by chunk.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MassCancel {
    /// Only of this owner.
    pub owner: Option<u32>,
    /// Only on this side.
    pub side: Option<Side>,
    /// Why.
    pub reason: CancelReason,
}

#[derive(Debug)]
pub(crate) struct MarketRow {
    pub market: Arc<Market>,
    pub state: MarketState,
    pub book: Book,
    pub stops: Stops,
    /// The price of the last trade.
    pub last_price: Option<Price>,
    /// The number of the last trade.
    pub trade_number: u64,
    /// The number of the last event.
    pub event_seq: u64,
    /// The last place that was given out in the queues of the book.
    pub last_turn: u64,
    /// Triggered stops that have not entered yet, in order.
    pub triggered: VecDeque<Key>,
    /// Mass cancels that have not finished yet, in order.
    pub mass: VecDeque<MassCancel>,
}

impl MarketRow {
    pub fn new(market: Arc<Market>) -> Self {
        Self {
            market,
            state: MarketState::Open,
            book: Book::new(),
            stops: Stops::default(),
            last_price: None,
            trade_number: 0,
            event_seq: 0,
            last_turn: 0,
            triggered: VecDeque::new(),
            mass: VecDeque::new(),
        }
    }

    /// The price that bands and protection are measured from; none before the first trade without an initial price.
    pub fn reference(&self) -> Option<Price> {
        self.last_price.or(self.market.definition().initial_price)
    }

    /// The next place at the back of a queue.
    pub const fn next_turn(&mut self) -> u64 {
        self.last_turn += 1;
        self.last_turn
    }

    /// Whether steps are left from an earlier command.
    pub fn has_work(&self) -> bool {
        !self.triggered.is_empty() || !self.mass.is_empty()
    }
}
