//! One command after the other.

use domain::{
    Amend, Cancel, CancelReason, Command, Event, OrderId, OrderRef, RejectReason, RequestId, Selection, Stamp,
};
use engine::{Answer, CHUNK, CancelSome};

use super::cutoffs::Cutoff;
use super::funds::RecordedFunds;
use super::told::{refused, told};
use super::{Applied, Output, ShardFold};
use crate::{Funding, PlaceOrder, Quarantined, ShardCommand, Told, ToldRefusal};

impl ShardFold {
    /// Applies one command. It never fails; what cannot be done is told so. `done_before` is how many orders earlier steps
    /// of the same mass cancel have cancelled.
    ///
    /// Whatever is due or left over from earlier commands is finished first; the owner keeps that short by ticks while
    /// [`ShardFold::is_due`].
    pub fn apply(
        &mut self,
        at: Stamp,
        command: &ShardCommand,
        done_before: u64,
        out: &mut Output,
    ) -> Applied {
        let at = self.stamp(at);
        self.last = at;
        let told = match command {
            ShardCommand::Place(place) => self.place(at, place, out),
            ShardCommand::Cancel {
                user_id, order_id, ..
            } => {
                let cancel = Cancel {
                    user_id: *user_id,
                    order: OrderRef::Id(*order_id),
                };
                self.plain(at, &Command::Cancel(cancel), out)
            }
            ShardCommand::Amend { amend, funding, .. } => self.amend(at, amend, *funding, out),
            ShardCommand::CancelAll {
                selection,
                reason,
                by_operator,
                received_before,
            } => {
                self.cutoffs.forget(at);
                self.cutoffs.add(&Cutoff {
                    selection: *selection,
                    reason: *reason,
                    received_before: *received_before,
                });
                return self.cancel_all(at, (*selection, *reason, *by_operator), done_before, out);
            }
            ShardCommand::DefineMarket(define) => {
                self.plain(at, &Command::DefineMarket(define.as_ref().clone()), out)
            }
            ShardCommand::SetMarketState(set) => self.plain(at, &Command::SetMarketState(*set), out),
            ShardCommand::Tick => self.plain(at, &Command::Tick, out),
            ShardCommand::Quarantine { what, command } => self.quarantine(at, *what, command.as_deref(), out),
        };
        Applied {
            told: Some(told),
            cancelled: 0,
        }
    }

    /// A command that brings no money.
    fn plain(&mut self, at: Stamp, command: &Command, out: &mut Output) -> Told {
        let before = out.events.len();
        let mut funds = RecordedFunds::new(Funding::None, &mut out.money);
        let answer = self.engine.apply(at, command, &mut funds, &mut out.events);
        told(&self.engine, answer, &out.events[before..])
    }

    fn place(&mut self, at: Stamp, order: &PlaceOrder, out: &mut Output) -> Told {
        let PlaceOrder { place, fees, funding } = order;
        if self.engine.order(place.order_id).is_some() {
            return Told::Refused(ToldRefusal::Repeated);
        }
        if *funding == Funding::NotAsked && !self.engine.turns_away(at, place) {
            return Told::Refused(ToldRefusal::Unfunded);
        }
        let (before, ends) = (out.events.len(), self.cutoffs.ends(place));
        let mut funds = RecordedFunds::new(*funding, &mut out.money);
        let events = &mut out.events;
        let answer = match ends {
            Some(reason) => self
                .engine
                .place_cut_off(at, place, *fees, reason, &mut funds, events),
            None => {
                let command = Command::Place(place.clone());
                self.engine
                    .apply_with_fees(at, &command, *fees, &mut funds, events)
            }
        };
        funds.give_back(place.order_id, None);
        let Answer::Refused(refusal) = answer else {
            self.note_rank(place.order_id, before, out);
            return told(&self.engine, answer, &out.events[before..]);
        };
        // Its row waits for an end, which only an order of a known market has as an event.
        self.reject(at, order, out);
        Told::Refused(refused(refusal))
    }

    /// Remembers the rank of an order that came to life.
    fn note_rank(&mut self, order_id: OrderId, before: usize, out: &Output) {
        let accepted =
            |event: &Event| matches!(event, Event::OrderAccepted(order) if order.order_id == order_id);
        if out.events[before..].iter().any(|event| accepted(&event.event)) {
            self.fresh_ranks.insert(order_id, self.engine.last_rank());
        }
    }

    /// Rejects an order that cannot be placed; its funds are not touched.
    fn reject(&mut self, at: Stamp, order: &PlaceOrder, out: &mut Output) -> Option<Told> {
        let PlaceOrder { place, fees, .. } = order;
        let before = out.events.len();
        let mut funds = RecordedFunds::new(Funding::None, &mut out.money);
        let reason = RejectReason::Quarantined;
        let answer = self
            .engine
            .reject(at, place, *fees, reason, &mut funds, &mut out.events);
        if let Answer::Refused(_) = answer {
            out.unplaceable.push(place.order_id);
            return None;
        }
        Some(told(&self.engine, answer, &out.events[before..]))
    }

    fn amend(&mut self, at: Stamp, amend: &Amend, funding: Funding, out: &mut Output) -> Told {
        let order_id = amended_order(amend);
        if self.amendments.get(&order_id) == Some(&amend.request_id) {
            return Told::Refused(ToldRefusal::Repeated);
        }
        let before = out.events.len();
        let mut funds = RecordedFunds::new(funding, &mut out.money);
        let command = Command::Amend(amend.clone());
        let answer = self.engine.apply(at, &command, &mut funds, &mut out.events);
        let outdated = funds.is_outdated();
        funds.give_back(order_id, Some(amend.request_id));
        let events = &out.events[before..];
        let changed = |event: &Event| match event {
            Event::OrderAmended(order) | Event::OrderClosed(order) => order.order_id == order_id,
            _ => false,
        };
        if matches!(answer, Answer::Amended(_)) && events.iter().any(|event| changed(&event.event)) {
            self.amendments.insert(order_id, amend.request_id);
        }
        match told(&self.engine, answer, events) {
            Told::Refused(ToldRefusal::Amendment(RejectReason::InsufficientBalance)) if outdated => {
                Told::Refused(ToldRefusal::AmendmentOutdated)
            }
            told => told,
        }
    }

    fn cancel_all(
        &mut self,
        at: Stamp,
        (selection, reason, even_halted): (Selection, CancelReason, bool),
        done_before: u64,
        out: &mut Output,
    ) -> Applied {
        let some = CancelSome {
            selection,
            reason,
            even_halted,
        };
        let mut funds = RecordedFunds::new(Funding::None, &mut out.money);
        let done = self
            .engine
            .cancel_some(at, &some, CHUNK, &mut funds, &mut out.events);
        match done {
            Ok((cancelled, true)) => Applied {
                told: Some(Told::CancelledAll(done_before + cancelled)),
                cancelled,
            },
            Ok((cancelled, false)) => Applied {
                told: None,
                cancelled,
            },
            Err(refusal) => Applied {
                told: Some(Told::Refused(refused(refusal))),
                cancelled: 0,
            },
        }
    }

    /// Sets a command aside: the order that it would have placed is rejected, and what was granted comes back.
    fn quarantine(
        &mut self,
        at: Stamp,
        what: Quarantined,
        command: Option<&ShardCommand>,
        out: &mut Output,
    ) -> Told {
        let give_back = |funding: Funding, order_id, request_id: Option<RequestId>, out: &mut Output| {
            RecordedFunds::new(funding, &mut out.money).give_back(order_id, request_id);
        };
        let aside = Told::Refused(ToldRefusal::Quarantined);
        match command {
            Some(ShardCommand::Place(order)) if self.engine.order(order.place.order_id).is_none() => {
                give_back(order.funding, order.place.order_id, None, out);
                self.reject(at, order, out).unwrap_or(aside)
            }
            Some(ShardCommand::Amend { amend, funding, .. }) => {
                give_back(*funding, amended_order(amend), Some(amend.request_id), out);
                aside
            }
            Some(_) => aside,
            None => {
                out.unplaceable.extend(what.order_id);
                aside
            }
        }
    }
}

/// The order of an amendment. Gateways name it by its id; an amendment by a client id finds nothing, and what was granted
/// for it is held under its own id alone.
fn amended_order(amend: &Amend) -> OrderId {
    match &amend.order {
        OrderRef::Id(id) => *id,
        OrderRef::Client(_) => OrderId::from_u128(amend.request_id.as_u128()),
    }
}
