//! Steps that only the owner of a shard takes, whose switches, sessions and mass cancels are kept outside of the engine.

use domain::{CancelReason, MarketEvent, Place, Refusal, RejectReason, Selection, Stamp};

use crate::engine::{Answer, Engine};
use crate::fees::OwnFees;
use crate::funds::Funds;
use crate::turn::Turn;

/// A mass cancel whose reason is given, and whose progress its caller keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CancelSome {
    /// Which orders.
    pub selection: Selection,
    /// Why.
    pub reason: CancelReason,
    /// Whether halted markets are not spared.
    pub even_halted: bool,
}

impl Engine {
    /// Cancels at most so many of the orders that match, market by market in the order of their numbers. How many were
    /// cancelled, and whether none is left: while some are, the same call goes on.
    ///
    /// # Errors
    /// The selection names an unknown market.
    pub fn cancel_some(
        &mut self,
        at: Stamp,
        some: &CancelSome,
        limit: usize,
        funds: &mut impl Funds,
        events: &mut Vec<MarketEvent>,
    ) -> Result<(u64, bool), Refusal> {
        let mut turn = self.turn(at, OwnFees::default(), funds, events);
        turn.catch_up();
        turn.cancel_some(some, limit)
    }

    /// Places an order that a mass cancel of a later moment covers already: it comes to life, if it may, and is
    /// cancelled before it trades.
    pub fn place_cut_off(
        &mut self,
        at: Stamp,
        place: &Place,
        fees: OwnFees,
        reason: CancelReason,
        funds: &mut impl Funds,
        events: &mut Vec<MarketEvent>,
    ) -> Answer {
        let mut turn = self.turn(at, fees, funds, events);
        turn.catch_up();
        turn.cut_off = Some(reason);
        turn.place(place)
    }

    /// Rejects an order that nobody tries to place any more. It asks for no money.
    pub fn reject(
        &mut self,
        at: Stamp,
        place: &Place,
        fees: OwnFees,
        reason: RejectReason,
        funds: &mut impl Funds,
        events: &mut Vec<MarketEvent>,
    ) -> Answer {
        let mut turn = self.turn(at, fees, funds, events);
        turn.catch_up();
        turn.reject(place, reason)
    }

    pub(crate) fn turn<'a, F: Funds>(
        &'a mut self,
        at: Stamp,
        fees: OwnFees,
        funds: &'a mut F,
        events: &'a mut Vec<MarketEvent>,
    ) -> Turn<'a, F> {
        Turn {
            engine: self,
            at,
            fees,
            cut_off: None,
            funds,
            events,
        }
    }
}

impl<F: Funds> Turn<'_, F> {
    /// Finishes whatever is due or left over from earlier commands.
    pub fn catch_up(&mut self) {
        while self.engine.is_due(self.at) {
            self.work(usize::MAX);
        }
    }
}
