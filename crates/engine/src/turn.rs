//! One command's turn: the engine, the stamp, the keeper of balances and the events so far, in one hand.

use domain::{CancelReason, Event, MarketEvent, Stamp};

use crate::engine::Engine;
use crate::fees::OwnFees;
use crate::funds::Funds;
use crate::market::MarketRow;

pub(crate) struct Turn<'a, F: Funds> {
    pub engine: &'a mut Engine,
    pub at: Stamp,
    /// The fees of the user who places an order.
    pub fees: OwnFees,
    /// Why the order that is placed ends as soon as it has come to life; none: it lives.
    pub cut_off: Option<CancelReason>,
    pub funds: &'a mut F,
    pub events: &'a mut Vec<MarketEvent>,
}

impl<F: Funds> Turn<'_, F> {
    /// Appends an event to its market's sequence.
    pub fn emit(&mut self, market: usize, event: Event) {
        let row = &mut self.engine.markets[market];
        row.event_seq += 1;
        self.events.push(MarketEvent {
            market: row.market.number(),
            seq: row.event_seq,
            at: self.at,
            event,
        });
    }

    pub fn row(&self, market: usize) -> &MarketRow {
        &self.engine.markets[market]
    }

    pub fn row_mut(&mut self, market: usize) -> &mut MarketRow {
        &mut self.engine.markets[market]
    }
}
