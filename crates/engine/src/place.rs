//! Placing an order: the refusals in their order, then the reservation, then life.

use std::sync::Arc;

use domain::{
    Asset, Event, ExpireReason, Order, OrderState, Place, Price, Refusal, RejectReason, Reserve, Side, Size,
    Stamp, Step, Symbol, Terms, TimeInForce,
};

use crate::doorstep::{Doorstep, expires_at};
use crate::engine::{Answer, Engine};
use crate::enter::taker;
use crate::funds::{Funds, FundsSlot};
use crate::market::MarketRow;
use crate::orders::{Entering, Key};
use crate::turn::Turn;
use crate::users::{Claim, awaits_trigger, fingerprint};

impl MarketRow {
    /// The protection price of an order without a limit; none where the market has no reference price yet.
    pub fn protection(&self, place: &Place) -> Option<Price> {
        self.market.protection(place.side, &place.terms, self.reference())
    }

    /// The protection price as it was fixed at entry, a buy's never above the market's highest price, or as it is now.
    fn fixed_protection(&self, place: &Place) -> Option<Price> {
        let own = self.protection(place)?;
        let highest = self.market.definition().max_price;
        Some(match (place.protection_price, place.side) {
            (Some(fixed), Side::Buy) => fixed.min(highest),
            (Some(fixed), Side::Sell) => fixed,
            (None, _) => own,
        })
    }

    /// What a placement meets before its funds are asked for, where its user has so many live orders.
    fn check(&self, place: &Place, at: Stamp, live: u32) -> Result<(), Step> {
        let doorstep = Doorstep {
            market: &self.market,
            state: self.state,
            reference: self.reference(),
            live,
        };
        doorstep.check(place, at, || {
            self.book.would_take(place.side, place.terms.price())
        })
    }
}

impl Engine {
    /// Whether a placement is sure to end before its funds are asked for, if it comes at this moment. False too where nobody
    /// can tell: its market is not here, or something that is due comes first. It changes nothing.
    pub fn turns_away(&self, at: Stamp, place: &Place) -> bool {
        let Some(row) = self.row(place.market).filter(|_| !self.is_due(at)) else {
            return false;
        };
        let user = self.users.find(place.user_id);
        let live = user.map_or(0, |user| self.users.get(user).list.count);
        row.check(place, at, live).is_err()
    }
}

impl<F: Funds> Turn<'_, F> {
    pub fn place(&mut self, place: &Place) -> Answer {
        let Some(market) = self.engine.place_of(place.market) else {
            return Answer::Refused(Refusal::UnknownMarket);
        };
        if let Err(error) = place
            .terms
            .check(place.side, place.time_in_force, place.self_trade_prevention)
        {
            return Answer::Refused(Refusal::Shape(error));
        }
        let owner = self.engine.users.intern(place.user_id);
        let named = place
            .client_order_id
            .as_ref()
            .filter(|_| self.engine.keeps_client_ids);
        let fingerprint = if self.engine.keeps_client_ids {
            fingerprint(place)
        } else {
            0
        };
        if let Some(id) = named {
            match self.engine.users.get_mut(owner).claim(id, self.at) {
                Some(claim) if claim.fingerprint == fingerprint => return Answer::Repeated(claim.order_id),
                Some(claim) => return Answer::Refused(Refusal::ClientIdConflict(claim.order_id)),
                None => {}
            }
            let claim = Claim {
                order_id: place.order_id,
                fingerprint,
            };
            self.engine.users.get_mut(owner).take(id.clone(), claim);
        }
        let order = self.new_order(market, place);
        let live = self.engine.users.get(owner).list.count;
        let checked = self.row(market).check(place, self.at, live);
        let reserved = checked.and_then(|()| self.reserve(market, &order));
        match reserved {
            Ok((funds, amount)) => {
                let releases = self.funds.released();
                self.engine.last_rank += 1;
                let rank = self.engine.last_rank;
                let entering = Entering {
                    order,
                    market,
                    owner,
                    rank,
                    funds,
                    reserved: amount,
                    releases,
                    fingerprint,
                };
                self.come_to_life(entering);
            }
            Err(stillborn) => self.stillborn(market, owner, order, stillborn),
        }
        Answer::Placed(place.order_id)
    }

    fn new_order(&self, market: usize, place: &Place) -> Order {
        let row = self.row(market);
        let (maker_fee, taker_fee) = self.fees.rates(row.market.definition());
        Order {
            order_id: place.order_id,
            user_id: place.user_id,
            institution_id: place.institution_id,
            market: place.market,
            side: place.side,
            terms: place.terms,
            time_in_force: place.time_in_force,
            self_trade_prevention: place.self_trade_prevention,
            client_order_id: place.client_order_id.clone(),
            quantity: row.market.lots(place.terms.size()),
            protection_price: row.fixed_protection(place),
            state: OrderState::Pending,
            filled_notional: domain::Amount::ZERO,
            fee: domain::Amount::ZERO,
            maker_fee,
            taker_fee,
            deadline: place.deadline(),
            expires_at: expires_at(place.time_in_force, self.at),
            created_at: self.at,
            updated_at: self.at,
            triggered_at: None,
            ended_at: None,
        }
    }

    fn reserve(&mut self, market: usize, order: &Order) -> Result<(FundsSlot, domain::Amount), Step> {
        let row = self.row(market);
        let worst = order
            .worst_price()
            .ok_or(Step::Reject(RejectReason::NoReferencePrice))?;
        let amount = row.market.reservation(order.side, order.terms.size(), worst);
        let (asset, receives) = pays_and_receives(row.market.symbol(), order.side);
        let reserve = Reserve {
            order_id: order.order_id,
            request_id: None,
            user_id: order.user_id,
            asset,
            receives,
            amount,
        };
        match self.funds.reserve(&reserve) {
            Some(slot) => Ok((slot, amount)),
            None => Err(Step::Reject(RejectReason::InsufficientBalance)),
        }
    }

    /// An order that has its funds: it waits, or ends on what the book says, or enters.
    fn come_to_life(&mut self, entering: Entering) {
        let (market, owner) = (entering.market, entering.owner);
        let order = &entering.order;
        let row = self.row(market);
        let waits = awaits_trigger(&order.terms);
        let would_take = order.terms.post_only() && row.book.would_take(order.side, order.terms.price());
        let killed = !waits
            && order.time_in_force == TimeInForce::Fok
            && !row
                .book
                .can_fill(&taker(order, owner, Key(u64::MAX), &row.market));
        if would_take || killed {
            let stillborn = if would_take {
                Step::Reject(RejectReason::PostOnlyWouldTake)
            } else {
                Step::Expire(ExpireReason::FillOrKill)
            };
            self.give_back(&entering);
            self.stillborn(market, owner, entering.order, stillborn);
            return;
        }
        let mut entering = entering;
        let rank = entering.rank;
        entering.order.state = step(entering.order.state, Step::Accept(entering.order.quantity));
        let accepted = Arc::new(entering.order.clone());
        let (side, stop, expires_at) = (accepted.side, accepted.terms.stop_price(), accepted.expires_at);
        let list = &mut self.engine.users.get_mut(owner).list;
        let key = self.engine.orders.insert(entering, list);
        if let Some(end) = expires_at {
            self.engine.timers.insert((end, rank, key));
        }
        self.emit(market, Event::OrderAccepted(accepted));
        if let Some(reason) = self.cut_off {
            self.close(key, Step::Cancel(reason));
            return;
        }
        match stop {
            Some(stop_price) => self.row_mut(market).stops.insert(side, stop_price, rank, key),
            None => self.enter(key),
        }
        self.run_triggered(market, crate::CHUNK);
    }

    /// Gives an order's whole reservation back.
    fn give_back(&mut self, entering: &Entering) {
        let symbol = self.row(entering.market).market.symbol();
        let release = domain::Release {
            order_id: entering.order.order_id,
            request_id: None,
            user_id: entering.order.user_id,
            number: entering.releases + 1,
            asset: pays_and_receives(symbol, entering.order.side).0,
            amount: entering.reserved,
            last: true,
        };
        self.funds.release(&release, entering.funds);
    }

    /// Rejects an order that nobody tries to place any more.
    pub fn reject(&mut self, place: &Place, reason: RejectReason) -> Answer {
        let Some(market) = self.engine.place_of(place.market) else {
            return Answer::Refused(Refusal::UnknownMarket);
        };
        let owner = self.engine.users.intern(place.user_id);
        let order = self.new_order(market, place);
        self.stillborn(market, owner, order, Step::Reject(reason));
        Answer::Placed(place.order_id)
    }

    fn stillborn(&mut self, market: usize, owner: u32, mut order: Order, why: Step) {
        order.state = step(order.state, why);
        order.ended_at = Some(self.at);
        if self.engine.keeps_client_ids
            && let Some(id) = &order.client_order_id
        {
            self.engine.users.get_mut(owner).end(id.clone(), self.at);
        }
        self.emit(market, Event::OrderClosed(Arc::new(order)));
    }
}

/// The next state of an order; the engine takes legal steps only.
pub(crate) fn step(state: OrderState, step: Step) -> OrderState {
    state.after(step).unwrap_or_else(|fault| panic!("{fault}"))
}

/// The asset that a side pays with, and the one that it receives.
pub(crate) const fn pays_and_receives(symbol: Symbol, side: Side) -> (Asset, Asset) {
    symbol.paid_and_received(side)
}

/// Whether the size is a budget.
pub(crate) const fn budget(terms: &Terms) -> Option<domain::Amount> {
    match terms.size() {
        Size::Budget(budget) => Some(budget),
        Size::Quantity(_) => None,
    }
}
