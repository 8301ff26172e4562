//! Amending an order: less quantity keeps its place; a new price or more quantity goes to the back and may trade.

use std::sync::Arc;

use domain::{
    Amend, Amount, Event, Lots, MarketState, Merge, Refusal, RejectReason, Release, Reserve, Step, Terms,
};

use crate::engine::Answer;
use crate::funds::Funds;
use crate::orders::Key;
use crate::place::{pays_and_receives, step};
use crate::turn::Turn;

impl<F: Funds> Turn<'_, F> {
    pub fn amend(&mut self, amend: &Amend) -> Answer {
        let Some(key) = self.find(amend.user_id, &amend.order) else {
            return Answer::Refused(Refusal::UnknownOrder);
        };
        match self.try_amend(key, amend) {
            Ok(order_id) => Answer::Amended(order_id),
            Err(refusal) => Answer::Refused(refusal),
        }
    }

    fn try_amend(&mut self, key: Key, amend: &Amend) -> Result<domain::OrderId, Refusal> {
        let live = self.engine.orders.live(key);
        let row = self.row(live.market);
        let order = &live.order;
        let order_id = order.order_id;
        if matches!(row.state, MarketState::CancelOnly | MarketState::Halted) {
            return Err(Refusal::MarketState(row.state));
        }
        let terms = order
            .terms
            .amended(amend.price, amend.quantity)
            .map_err(Refusal::Shape)?;
        if terms == order.terms {
            return Ok(order_id);
        }
        let quantity = row.market.lots(terms.size());
        if quantity <= order.quantity - order.remaining() {
            self.withdraw(key);
            self.close(key, Step::Resize(quantity));
            return Ok(order_id);
        }
        let keeps_place = terms.price() == order.terms.price() && quantity < order.quantity;
        let waits = order.awaits_trigger();
        let (side, lifetime, prevention) = (order.side, order.time_in_force, order.self_trade_prevention);
        terms.check(side, lifetime, prevention).map_err(Refusal::Shape)?;
        let measured = if waits { terms } else { terms.triggered() };
        match row.market.check_limits(&measured, row.reference()) {
            // The band may have moved away from an order that stays where it is.
            Err(RejectReason::PriceOutOfBand) if keeps_place => {}
            limits => limits.map_err(Refusal::Amendment)?,
        }
        // A protection price was fixed under the limits of its time; with a larger quantity it must fit today's.
        if order
            .protection_price
            .is_some_and(|fixed| fixed > row.market.definition().max_price)
        {
            return Err(Refusal::Amendment(RejectReason::PriceTooHigh));
        }
        let post_only = terms.post_only() || row.state == MarketState::PostOnly;
        let would_take =
            !waits && !keeps_place && post_only && row.book.would_take(order.side, terms.price());
        self.cover(key, amend, &terms, quantity, would_take)?;
        if !waits && !keeps_place {
            self.withdraw(key);
        }
        let live = self.engine.orders.live_mut(key);
        live.order.terms = terms;
        live.order.quantity = quantity;
        live.order.state = step(live.order.state, Step::Resize(quantity));
        live.order.updated_at = self.at;
        let (market, remaining) = (live.market, live.order.remaining());
        let after = Arc::new(live.order.clone());
        self.release_surplus(key);
        self.emit(market, Event::OrderAmended(after));
        match (waits, keeps_place) {
            (true, _) => {}
            (false, true) => self.shrink(key, remaining),
            (false, false) => self.enter(key),
        }
        self.run_triggered(market, crate::CHUNK);
        Ok(order_id)
    }

    /// Reserves what the amended order needs beyond what it has; refuses before anything of the order has changed.
    fn cover(
        &mut self,
        key: Key,
        amend: &Amend,
        terms: &Terms,
        quantity: Lots,
        would_take: bool,
    ) -> Result<(), Refusal> {
        let live = self.engine.orders.live(key);
        let market = &self.engine.markets[live.market].market;
        let resized = live.order.resized(terms, quantity);
        let needed = market.still_needed(&resized.unwrap_or_else(|fault| panic!("{fault}")));
        let (order_id, user_id) = (live.order.order_id, live.order.user_id);
        let (asset, receives) = pays_and_receives(market.symbol(), live.order.side);
        let missing = needed
            .checked_sub(live.reserved)
            .filter(|missing| *missing > Amount::ZERO);
        let order_slot = live.funds;
        let request_id = amend.request_id;
        let granted = match missing {
            None => None,
            Some(amount) => {
                let reserve = Reserve {
                    order_id,
                    request_id: Some(request_id),
                    user_id,
                    asset,
                    receives,
                    amount,
                };
                let refused = Refusal::Amendment(RejectReason::InsufficientBalance);
                Some((self.funds.reserve(&reserve).ok_or(refused)?, amount))
            }
        };
        match granted {
            Some((slot, amount)) if would_take => {
                let request_id = Some(request_id);
                let release = Release {
                    order_id,
                    request_id,
                    user_id,
                    number: 1,
                    asset,
                    amount,
                    last: true,
                };
                self.funds.release(&release, slot);
            }
            Some((slot, amount)) => {
                let merge = Merge {
                    request_id,
                    order_id,
                    user_id,
                    asset,
                    amount,
                };
                self.funds.merge(&merge, slot, order_slot);
                self.engine.orders.live_mut(key).reserved += amount;
            }
            None => {}
        }
        if would_take {
            Err(Refusal::Amendment(RejectReason::PostOnlyWouldTake))
        } else {
            Ok(())
        }
    }
}
