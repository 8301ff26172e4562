//! A slow exchange without money: plain lists, searched from one end to the other. Users are rich; all else is there.

use std::collections::VecDeque;

use domain::{
    Amend, CancelAll, CancelReason, Command, ExpireReason, Lots, OrderId, OrderRef, Place, RejectReason,
    SelfTradePrevention, SessionId, Side, Size, Stamp, Terms, TimeInForce, UserId,
};

use crate::moves::WHOLE;

/// What happened, told so that it can be compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    Trade {
        maker: OrderId,
        taker: OrderId,
        price: u32,
        lots: u64,
    },
    Triggered(OrderId),
    /// The order, why it ended, what was filled, what was prevented.
    Ended(OrderId, End, u64, u64),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    Filled,
    Cancelled(CancelReason),
    Expired(ExpireReason),
    Rejected(RejectReason),
}

#[derive(Debug, Clone)]
struct Order {
    id: OrderId,
    user: UserId,
    side: Side,
    price: Option<u32>,
    stop: Option<u32>,
    lots: u64,
    left: u64,
    filled: u64,
    prevented: u64,
    /// In whole units of the quote asset.
    budget: Option<u64>,
    display: Option<u64>,
    shown: u64,
    life: TimeInForce,
    prevention: SelfTradePrevention,
    post_only: bool,
    expires_at: Option<Stamp>,
    rank: u64,
}

#[derive(Debug, Clone, Default)]
struct Market {
    /// In order of time; the earliest of the best price trades first.
    book: Vec<Order>,
    stops: Vec<Order>,
    last: Option<u32>,
}

#[derive(Debug, Default)]
pub struct Naive {
    markets: [Market; 2],
    last: Option<Stamp>,
    /// Users and when their switches run out.
    switches: Vec<(UserId, Stamp)>,
    sessions: Vec<(SessionId, UserId)>,
    ranks: u64,
    told: Vec<Told>,
}

const INITIAL: u32 = 100;
const MOST: u64 = 10_000;

impl Order {
    fn crosses(&self, price: u32) -> bool {
        match (self.side, self.price) {
            (_, None) => true,
            (Side::Buy, Some(limit)) => price <= limit,
            (Side::Sell, Some(limit)) => price >= limit,
        }
    }

    fn refill(&mut self) {
        self.shown = self.display.map_or(self.left, |display| display.min(self.left));
    }
}

/// How matching ended.
#[derive(PartialEq, Eq)]
enum Match {
    Nothing,
    Spent,
    SelfTrade,
}

impl Market {
    fn reference(&self) -> u32 {
        self.last.unwrap_or(INITIAL)
    }

    /// The place of the order that a taker meets next.
    fn best(&self, taker: &Order) -> Option<usize> {
        let others = self
            .book
            .iter()
            .enumerate()
            .filter(|(_, maker)| maker.side != taker.side && taker.crosses(maker.price.unwrap()));
        let key = |(place, maker): &(usize, &Order)| match maker.side {
            Side::Sell => (i64::from(maker.price.unwrap()), *place),
            Side::Buy => (-i64::from(maker.price.unwrap()), *place),
        };
        others.min_by_key(key).map(|(place, _)| place)
    }

    fn take(&mut self, taker: &mut Order, told: &mut Vec<Told>) -> Match {
        while let Some(place) = self.best(taker) {
            let price = self.book[place].price.unwrap();
            let wanted = match taker.budget {
                Some(budget) => (budget / u64::from(price)).min(taker.left),
                None => taker.left,
            };
            if wanted == 0 {
                return Match::Spent;
            }
            let own = self.book[place].user == taker.user;
            match taker.prevention {
                SelfTradePrevention::ExpireTaker if own => return Match::SelfTrade,
                SelfTradePrevention::ExpireMaker if own => self.expire(place, told),
                SelfTradePrevention::ExpireBoth if own => {
                    self.expire(place, told);
                    return Match::SelfTrade;
                }
                SelfTradePrevention::Decrement if own => {
                    let lots = self.reduce(place, wanted, |maker, lots| maker.prevented += lots, told);
                    (taker.left, taker.prevented) = (taker.left - lots, taker.prevented + lots);
                }
                _ => {
                    self.last = Some(price);
                    let maker = self.book[place].id;
                    let lots = wanted.min(self.book[place].shown);
                    told.push(Told::Trade {
                        maker,
                        taker: taker.id,
                        price,
                        lots,
                    });
                    self.reduce(place, wanted, |maker, lots| maker.filled += lots, told);
                    (taker.left, taker.filled) = (taker.left - lots, taker.filled + lots);
                    if let Some(budget) = &mut taker.budget {
                        *budget -= lots * u64::from(price);
                        if *budget < u64::from(price) {
                            return Match::Spent;
                        }
                    }
                }
            }
            if taker.left == 0 {
                break;
            }
        }
        Match::Nothing
    }

    fn expire(&mut self, place: usize, told: &mut Vec<Told>) {
        let maker = self.book.remove(place);
        told.push(ended(&maker, End::Cancelled(CancelReason::SelfTrade)));
    }

    /// Takes lots from what an order shows; used up, it shows more from the back of the queue, or is gone.
    fn reduce(&mut self, place: usize, wanted: u64, count: fn(&mut Order, u64), told: &mut Vec<Told>) -> u64 {
        let maker = &mut self.book[place];
        let lots = wanted.min(maker.shown);
        maker.shown -= lots;
        maker.left -= lots;
        count(maker, lots);
        if maker.shown == 0 {
            let mut maker = self.book.remove(place);
            if maker.left > 0 {
                maker.refill();
                self.book.push(maker);
            } else {
                told.push(ended(&maker, used_up(&maker)));
            }
        }
        lots
    }

    /// Tried on a copy: whether trades alone fill the order.
    fn can_fill(&self, taker: &Order) -> bool {
        let (mut copy, mut taker) = (self.clone(), taker.clone());
        let end = copy.take(&mut taker, &mut Vec::new());
        let full = taker.left == 0 || end == Match::Spent && taker.filled > 0;
        full && taker.prevented == 0
    }
}

fn used_up(order: &Order) -> End {
    match order.prevented {
        0 => End::Filled,
        _ => End::Cancelled(CancelReason::SelfTrade),
    }
}

fn ended(order: &Order, end: End) -> Told {
    Told::Ended(order.id, end, order.filled, order.prevented)
}

impl Naive {
    /// Applies a command and tells what happened.
    pub fn apply(&mut self, now: Stamp, command: &Command) -> Vec<Told> {
        let at = self.last.map_or(now, |last| last.max(now));
        self.last = Some(at);
        self.expire(at);
        self.run_out(at);
        match command {
            Command::Place(place) => self.place(at, place),
            Command::Cancel(cancel) => {
                if let OrderRef::Id(id) = cancel.order
                    && let Some((_, order)) = self.remove(id)
                {
                    self.told
                        .push(ended(&order, End::Cancelled(CancelReason::Requested)));
                }
            }
            Command::Amend(amend) => self.amend(amend),
            Command::CancelAll(all) => self.cancel_all(all),
            Command::CancelAllAfter(after) => {
                let seconds = after.timeout_micros / 1_000_000;
                if seconds <= 24 * 60 * 60 {
                    self.switches.retain(|(user, _)| *user != after.user_id);
                }
                if (1..=24 * 60 * 60).contains(&seconds) {
                    let end = at.plus_micros(after.timeout_micros);
                    self.switches.push((after.user_id, end));
                }
            }
            Command::OpenSession(open) => {
                let session = (open.session_id, open.user_id);
                let known = self.sessions.iter().any(|(id, _)| *id == open.session_id);
                self.sessions.extend((!known).then_some(session));
            }
            Command::CloseSession(close) => {
                let mut closed = self.sessions.extract_if(.., |(id, _)| *id == close.session_id);
                let user = closed.next().map(|(_, user)| user);
                drop(closed);
                self.cancel_of(
                    &user.into_iter().filter(|_| close.cancel).collect::<Vec<_>>(),
                    CancelReason::Disconnected,
                );
            }
            _ => {}
        }
        std::mem::take(&mut self.told)
    }

    /// What the books show: market, side, price, lots; in no order.
    pub fn shown(&self) -> Vec<(u32, Side, u32, u64)> {
        let orders = self.markets.iter().enumerate();
        orders
            .flat_map(|(number, market)| {
                let of = move |order: &Order| (number as u32, order.side, order.price.unwrap(), order.shown);
                market.book.iter().map(of)
            })
            .collect()
    }

    fn expire(&mut self, at: Stamp) {
        let mut due = Vec::new();
        for market in &mut self.markets {
            for list in [&mut market.book, &mut market.stops] {
                due.extend(list.extract_if(.., |order| order.expires_at.is_some_and(|end| end <= at)));
            }
        }
        due.sort_by_key(|order| (order.expires_at, order.rank));
        for order in due {
            self.told
                .push(ended(&order, End::Expired(ExpireReason::TimeInForce)));
        }
    }

    fn run_out(&mut self, at: Stamp) {
        let mut due: Vec<_> = self.switches.extract_if(.., |(_, end)| *end <= at).collect();
        due.sort_by_key(|(user, end)| (*end, *user));
        let users: Vec<UserId> = due.into_iter().map(|(user, _)| user).collect();
        self.cancel_of(&users, CancelReason::DeadMansSwitch);
    }

    /// Cancels all orders of these users: market by market, user by user, in order of entry.
    fn cancel_of(&mut self, users: &[UserId], reason: CancelReason) {
        for market in &mut self.markets {
            for user in users {
                let mut gone: Vec<Order> = Vec::new();
                for list in [&mut market.book, &mut market.stops] {
                    gone.extend(list.extract_if(.., |order| order.user == *user));
                }
                gone.sort_by_key(|order| order.rank);
                self.told
                    .extend(gone.iter().map(|order| ended(order, End::Cancelled(reason))));
            }
        }
    }

    /// When a user's switch runs out.
    pub fn switch_of(&self, user: UserId) -> Option<Stamp> {
        let mut switches = self.switches.iter();
        switches.find(|(other, _)| *other == user).map(|(_, end)| *end)
    }

    /// The open sessions, by id.
    pub fn sessions(&self) -> Vec<(SessionId, UserId)> {
        let mut sessions = self.sessions.clone();
        sessions.sort();
        sessions
    }

    fn remove(&mut self, id: OrderId) -> Option<(usize, Order)> {
        for (number, market) in self.markets.iter_mut().enumerate() {
            for list in [&mut market.book, &mut market.stops] {
                if let Some(place) = list.iter().position(|order| order.id == id) {
                    return Some((number, list.remove(place)));
                }
            }
        }
        None
    }

    fn cancel_all(&mut self, all: &CancelAll) {
        let selection = all.selection;
        let hits = |order: &Order| {
            selection.user_id.is_none_or(|user| user == order.user)
                && selection.side.is_none_or(|side| side == order.side)
        };
        let reason = if all.by_operator {
            CancelReason::Operator
        } else {
            CancelReason::MassCancel
        };
        for (number, market) in self.markets.iter_mut().enumerate() {
            if selection.market.is_some_and(|only| only.0 as usize != number) {
                continue;
            }
            for list in [&mut market.book, &mut market.stops] {
                let gone = list.extract_if(.., |order| hits(order));
                self.told
                    .extend(gone.map(|order| ended(&order, End::Cancelled(reason))));
            }
        }
    }

    fn place(&mut self, at: Stamp, place: &Place) {
        let shape = place
            .terms
            .check(place.side, place.time_in_force, place.self_trade_prevention);
        if shape.is_err() {
            return;
        }
        let mut order = new_order(at, place);
        let market = &self.markets[place.market.0 as usize];
        let reference = market.reference();
        let refused = if at > place.deadline() {
            Some(End::Expired(ExpireReason::TooLate))
        } else if order.expires_at.is_some_and(|end| end <= at) {
            Some(End::Expired(ExpireReason::TimeInForce))
        } else if order
            .stop
            .is_some_and(|stop| reached(order.side, stop, reference, reference))
        {
            Some(End::Rejected(RejectReason::StopAlreadyTriggered))
        } else if order.post_only && market.best(&order).is_some() {
            Some(End::Rejected(RejectReason::PostOnlyWouldTake))
        } else if order.stop.is_none() && order.life == TimeInForce::Fok && !market.can_fill(&order) {
            Some(End::Expired(ExpireReason::FillOrKill))
        } else {
            None
        };
        if let Some(end) = refused {
            return self.told.push(ended(&order, end));
        }
        self.ranks += 1;
        order.rank = self.ranks;
        if order.stop.is_some() {
            self.markets[place.market.0 as usize].stops.push(order);
        } else {
            self.enter(place.market.0 as usize, order);
        }
    }

    /// Matches an order, lets it rest or end, then all the stops that this triggers, in turn.
    fn enter(&mut self, number: usize, order: Order) {
        let mut queue = VecDeque::from([order]);
        while let Some(mut order) = queue.pop_front() {
            let market = &mut self.markets[number];
            if order.stop.is_some() && order.life == TimeInForce::Fok && !market.can_fill(&order) {
                self.told
                    .push(ended(&order, End::Expired(ExpireReason::FillOrKill)));
                continue;
            }
            let (before, first) = (market.reference(), self.told.len());
            let end = market.take(&mut order, &mut self.told);
            let prices: Vec<u32> = self.told[first..].iter().filter_map(traded).collect();
            let rests = order.price.is_some() && !matches!(order.life, TimeInForce::Ioc | TimeInForce::Fok);
            match end {
                _ if order.left == 0 => self.told.push(ended(&order, used_up(&order))),
                Match::SelfTrade => self
                    .told
                    .push(ended(&order, End::Cancelled(CancelReason::SelfTrade))),
                Match::Spent if order.filled > 0 => self.told.push(ended(&order, End::Filled)),
                Match::Nothing if rests => {
                    order.refill();
                    market.book.push(order);
                }
                _ => self
                    .told
                    .push(ended(&order, End::Expired(ExpireReason::Immediate))),
            }
            let (Some(low), Some(high)) = (prices.iter().min(), prices.iter().max()) else {
                continue;
            };
            let hit = |stop: &mut Order| reached(stop.side, stop.stop.unwrap(), *low, *high);
            let mut hits: Vec<Order> = market.stops.extract_if(.., hit).collect();
            hits.sort_by_key(|stop| (stop.stop.unwrap().abs_diff(before), stop.rank));
            self.told.extend(hits.iter().map(|stop| Told::Triggered(stop.id)));
            queue.extend(hits);
        }
    }

    fn amend(&mut self, amend: &Amend) {
        let OrderRef::Id(id) = amend.order else { return };
        let Some((number, place, waits)) = self.find(id) else {
            return;
        };
        let market = &mut self.markets[number];
        let list = if waits {
            &mut market.stops
        } else {
            &mut market.book
        };
        let mut order = list[place].clone();
        let unfit = order.price.is_none() && amend.price.is_some()
            || order.budget.is_some() && amend.quantity.is_some();
        let lots = amend.quantity.map_or(order.lots, |quantity| quantity.lots().0);
        let price = amend.price.map_or(order.price, |price| Some(price.ticks()));
        if unfit || (lots, price) == (order.lots, order.price) {
            return;
        }
        if lots <= order.lots - order.left {
            list.remove(place);
            return self
                .told
                .push(ended(&order, End::Cancelled(CancelReason::Amended)));
        }
        let keeps_place = price == order.price && lots < order.lots;
        let left = lots + order.left - order.lots;
        (order.price, order.lots, order.left) = (price, lots, left);
        order.display = order.display.map(|display| display.min(lots));
        order.shown = order.shown.min(left);
        if waits || keeps_place {
            list[place] = order;
            return;
        }
        if order.post_only && market.best(&order).is_some() {
            return;
        }
        market.book.remove(place);
        // It is no stop any more: fill-or-kill does not apply to what has rested.
        self.enter(number, order);
    }

    fn find(&self, id: OrderId) -> Option<(usize, usize, bool)> {
        for (number, market) in self.markets.iter().enumerate() {
            for (list, waits) in [(&market.book, false), (&market.stops, true)] {
                if let Some(place) = list.iter().position(|order| order.id == id) {
                    return Some((number, place, waits));
                }
            }
        }
        None
    }
}

fn traded(told: &Told) -> Option<u32> {
    match told {
        Told::Trade { price, .. } => Some(*price),
        _ => None,
    }
}

/// Whether trades between these prices reach a stop.
fn reached(side: Side, stop: u32, low: u32, high: u32) -> bool {
    match side {
        Side::Buy => high >= stop,
        Side::Sell => low <= stop,
    }
}

fn new_order(at: Stamp, place: &Place) -> Order {
    let (lots, budget) = match place.terms.size() {
        Size::Quantity(quantity) => (quantity.lots(), None),
        Size::Budget(amount) => (Lots((amount.0 / WHOLE).min(MOST)), Some(amount.0 / WHOLE)),
    };
    Order {
        id: place.order_id,
        user: place.user_id,
        side: place.side,
        price: place.terms.price().map(|price| price.ticks()),
        stop: place.terms.stop_price().map(|price| price.ticks()),
        lots: lots.0,
        left: lots.0,
        filled: 0,
        prevented: 0,
        budget,
        display: place.terms.display().map(|display| display.lots().0),
        shown: 0,
        life: place.time_in_force,
        prevention: place.self_trade_prevention,
        post_only: matches!(place.terms, Terms::Limit { post_only: true, .. }),
        expires_at: match place.time_in_force {
            TimeInForce::Day => Some(at.next_midnight()),
            TimeInForce::Gtd(end) => Some(end),
            _ => None,
        },
        rank: 0,
    }
}
