//! Cancelling one order, or all that match, chunk by chunk.

use std::collections::BTreeSet;

use domain::{Cancel, CancelAll, CancelReason, MarketState, Refusal, Selection, Side, Step, UserId};

use crate::CHUNK;
use crate::engine::Answer;
use crate::funds::Funds;
use crate::market::{MarketRow, MassCancel};
use crate::orders::{Key, Live};
use crate::steps::CancelSome;
use crate::turn::Turn;

impl<F: Funds> Turn<'_, F> {
    pub fn cancel(&mut self, cancel: &Cancel) -> Answer {
        let Some(key) = self.find(cancel.user_id, &cancel.order) else {
            return Answer::Refused(Refusal::UnknownOrder);
        };
        let live = self.engine.orders.live(key);
        let (order_id, state) = (live.order.order_id, self.row(live.market).state);
        if state == MarketState::Halted {
            return Answer::Refused(Refusal::MarketState(state));
        }
        self.withdraw(key);
        self.close(key, Step::Cancel(CancelReason::Requested));
        Answer::Cancelled(order_id)
    }

    pub fn cancel_all(&mut self, all: &CancelAll) -> Answer {
        let Selection {
            user_id,
            market,
            side,
        } = all.selection;
        if market.is_some_and(|number| self.engine.place_of(number).is_none()) {
            return Answer::Refused(Refusal::UnknownMarket);
        }
        let owner = match user_id {
            Some(user_id) => match self.engine.users.find(user_id) {
                Some(owner) => Some(owner),
                None => return Answer::CancelledAll(0),
            },
            None => None,
        };
        let reason = if all.by_operator {
            CancelReason::Operator
        } else {
            CancelReason::MassCancel
        };
        let mass = MassCancel { owner, side, reason };
        let mut total = 0;
        for place in 0..self.engine.markets.len() {
            let row = self.row(place);
            let selected = market.is_none_or(|number| number == row.market.number())
                && (all.by_operator || row.state != MarketState::Halted);
            let count = if selected { self.count(place, &mass) } else { 0 };
            if count > 0 {
                total += count;
                self.row_mut(place).mass.push_back(mass);
            }
        }
        self.work(CHUNK);
        Answer::CancelledAll(total)
    }

    /// Begins to cancel all orders of a user in all markets, whatever their states. How many will be cancelled.
    pub fn begin_cancel_of(&mut self, user_id: UserId, reason: CancelReason) -> u64 {
        let Some(owner) = self.engine.users.find(user_id) else {
            return 0;
        };
        let list = &self.engine.users.get(owner).list;
        let (total, places) = (u64::from(list.count), self.engine.orders.of(list));
        let places: BTreeSet<usize> = places.map(|(_, live)| live.market).collect();
        for place in places {
            self.row_mut(place).mass.push_back(MassCancel {
                owner: Some(owner),
                side: None,
                reason,
            });
        }
        total
    }

    /// Cancels, market by market in the order of their numbers, at most so many orders that match. How many there were,
    /// and whether that was all.
    pub fn cancel_some(&mut self, some: &CancelSome, limit: usize) -> Result<(u64, bool), Refusal> {
        let Selection {
            user_id,
            market,
            side,
        } = some.selection;
        if market.is_some_and(|number| self.engine.place_of(number).is_none()) {
            return Err(Refusal::UnknownMarket);
        }
        let owner = match user_id.map(|user_id| self.engine.users.find(user_id)) {
            Some(None) => return Ok((0, true)),
            Some(found) => found,
            None => None,
        };
        let mass = MassCancel {
            owner,
            side,
            reason: some.reason,
        };
        let mut left = limit;
        for place in self.engine.places_by_number() {
            let row = self.row(place);
            let selected = market.is_none_or(|number| number == row.market.number())
                && (some.even_halted || row.state != MarketState::Halted);
            if !selected || self.count(place, &mass) == 0 {
                continue;
            }
            if left == 0 {
                return Ok((limit as u64, false));
            }
            self.row_mut(place).mass.push_back(mass);
            left -= self.run_mass(place, left);
            if !self.row(place).mass.is_empty() {
                self.row_mut(place).mass.clear();
                if self.count(place, &mass) > 0 {
                    return Ok((limit as u64, false));
                }
            }
        }
        Ok(((limit - left) as u64, true))
    }

    fn count(&self, market: usize, mass: &MassCancel) -> u64 {
        match mass.owner {
            Some(owner) => {
                let list = &self.engine.users.get(owner).list;
                self.engine
                    .orders
                    .of(list)
                    .filter(|(_, live)| mass.takes(market, live))
                    .count() as u64
            }
            None => self.row(market).waiting(mass.side).count() as u64,
        }
    }

    /// Goes on with a market's mass cancels, at most so many orders. How many were cancelled.
    pub fn run_mass(&mut self, market: usize, limit: usize) -> usize {
        let mut cancelled = 0;
        while cancelled < limit {
            let Some(mass) = self.row(market).mass.front().copied() else {
                break;
            };
            let room = limit - cancelled;
            let chunk: Vec<Key> = match mass.owner {
                Some(owner) => {
                    let list = &self.engine.users.get(owner).list;
                    let hits = self
                        .engine
                        .orders
                        .of(list)
                        .filter(|(_, live)| mass.takes(market, live));
                    hits.take(room).map(|(key, _)| key).collect()
                }
                None => self.row(market).waiting(mass.side).take(room).collect(),
            };
            for key in &chunk {
                self.withdraw(*key);
                self.close(*key, Step::Cancel(mass.reason));
            }
            cancelled += chunk.len();
            if chunk.len() < room {
                self.row_mut(market).mass.pop_front();
            }
        }
        cancelled
    }
}

impl MassCancel {
    fn takes(&self, market: usize, live: &Live) -> bool {
        live.market == market && self.side.is_none_or(|side| side == live.order.side)
    }
}

impl MarketRow {
    /// All that waits in the market on a side or on both: the book in price-time order, then the stops.
    fn waiting(&self, side: Option<Side>) -> impl Iterator<Item = Key> {
        let sides = [Side::Buy, Side::Sell]
            .into_iter()
            .filter(move |s| side.is_none_or(|only| only == *s));
        sides.flat_map(|s| {
            self.book
                .queue(s)
                .map(|(_, key, ..)| Key(key))
                .chain(self.stops.keys(s))
        })
    }
}
