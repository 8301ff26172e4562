//! Placing an order: the refusals in their order, then the reservation, then life.

use std::sync::Arc;

use domain::{
    Asset, Event, ExpireReason, MarketState, Order, OrderState, Place, Price, Refusal, RejectReason, Reserve,
    Side, Size, Step, Symbol, Terms, TimeInForce,
};

use crate::engine::Answer;
use crate::enter::taker;
use crate::funds::{Funds, FundsSlot};
use crate::market::MarketRow;
use crate::orders::{Entering, Key};
use crate::turn::Turn;
use crate::users::{Claim, awaits_trigger, fingerprint};

/// Why a placement never comes to life.
enum Stillborn {
    Rejected(RejectReason),
    Expired(ExpireReason),
}

impl From<RejectReason> for Stillborn {
    fn from(reason: RejectReason) -> Self {
        Self::Rejected(reason)
    }
}

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

    /// Checks a placement against all that needs no money: time, state, limits, band, trigger.
    fn check(&self, place: &Place, order: &Order, live: u32) -> Result<(), Stillborn> {
        if order.deadline < order.created_at {
            return Err(Stillborn::Expired(ExpireReason::TooLate));
        }
        if order.expires_at.is_some_and(|end| end <= order.created_at) {
            return Err(Stillborn::Expired(ExpireReason::TimeInForce));
        }
        let rests = matches!(place.terms, Terms::Limit { .. })
            && !matches!(place.time_in_force, TimeInForce::Ioc | TimeInForce::Fok);
        let taken = match self.state {
            MarketState::Open => true,
            MarketState::PostOnly => rests && !self.book.would_take(place.side, place.terms.price()),
            MarketState::CancelOnly | MarketState::Halted => false,
        };
        if !taken {
            return Err(RejectReason::MarketState.into());
        }
        if live >= self.market.definition().max_open_orders {
            return Err(RejectReason::TooManyOrders.into());
        }
        self.market.check_limits(&place.terms, self.reference())?;
        match (place.terms.stop_price(), self.reference(), place.side) {
            (Some(stop), Some(last), Side::Buy) if last >= stop => {
                Err(RejectReason::StopAlreadyTriggered.into())
            }
            (Some(stop), Some(last), Side::Sell) if last <= stop => {
                Err(RejectReason::StopAlreadyTriggered.into())
            }
            _ => Ok(()),
        }
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
        let checked = self.row(market).check(place, &order, live);
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
        let expires_at = match place.time_in_force {
            TimeInForce::Day => Some(self.at.next_midnight()),
            TimeInForce::Gtd(end) => Some(end),
            TimeInForce::Gtc | TimeInForce::Ioc | TimeInForce::Fok => None,
        };
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
            expires_at,
            created_at: self.at,
            updated_at: self.at,
            triggered_at: None,
            ended_at: None,
        }
    }

    fn reserve(&mut self, market: usize, order: &Order) -> Result<(FundsSlot, domain::Amount), Stillborn> {
        let row = self.row(market);
        let worst = order.worst_price().ok_or(RejectReason::NoReferencePrice)?;
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
            None => Err(RejectReason::InsufficientBalance.into()),
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
                Stillborn::Rejected(RejectReason::PostOnlyWouldTake)
            } else {
                Stillborn::Expired(ExpireReason::FillOrKill)
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
        self.stillborn(market, owner, order, Stillborn::Rejected(reason));
        Answer::Placed(place.order_id)
    }

    fn stillborn(&mut self, market: usize, owner: u32, mut order: Order, why: Stillborn) {
        order.state = match why {
            Stillborn::Rejected(reason) => step(order.state, Step::Reject(reason)),
            Stillborn::Expired(reason) => step(order.state, Step::Expire(reason)),
        };
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
