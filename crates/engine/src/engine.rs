//! The engine's state, its one door for commands, and what can be read of it.

use std::collections::BTreeSet;
use std::sync::Arc;

use domain::{
    Command, Lots, Market, MarketEvent, MarketNumber, MarketState, Order, OrderId, OrderRef, Place, Price,
    Refusal, SessionId, Side, Stamp, UserId,
};

use crate::CHUNK;
use crate::fees::OwnFees;
use crate::funds::Funds;
use crate::market::MarketRow;
use crate::orders::{Key, Orders};
use crate::sessions::Sessions;
use crate::switches::Switches;
use crate::users::Users;

/// What a command came to; the orders it speaks of are live, or closed by an event of the same command, or before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It is done.
    Done,
    /// The order was placed; its state tells whether it was rejected.
    Placed(OrderId),
    /// The same order was placed before.
    Repeated(OrderId),
    /// The order was cancelled.
    Cancelled(OrderId),
    /// The order was amended.
    Amended(OrderId),
    /// So many orders were or will be cancelled.
    CancelledAll(u64),
    /// Nothing changed.
    Refused(Refusal),
    /// Not the engine's to answer: a transfer of money, a tier or an API key.
    NotMine,
    /// The dead man's switch runs out then; none: it is disarmed.
    Armed(Option<Stamp>),
    /// The session is open.
    SessionOpened(SessionId),
}

/// One level of a book.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DepthLevel {
    /// Its price.
    pub price: Price,
    /// The lots shown at it.
    pub quantity: Lots,
}

/// All markets of a shard.
#[derive(Debug)]
pub struct Engine {
    /// In the order of their definition; a market's place never changes.
    pub(crate) markets: Vec<MarketRow>,
    /// The place of each market, by number.
    places: Vec<(MarketNumber, usize)>,
    pub(crate) orders: Orders,
    pub(crate) users: Users,
    /// When live orders expire: (moment, rank, key).
    pub(crate) timers: BTreeSet<(Stamp, u64, Key)>,
    pub(crate) switches: Switches,
    pub(crate) sessions: Sessions,
    /// Whether it remembers client order ids; else a table does.
    pub(crate) keeps_client_ids: bool,
    /// The rank of the last order that entered.
    pub(crate) last_rank: u64,
    /// Kept from one match to the next so that it need not grow again.
    pub(crate) steps: Vec<crate::enter::MatchStep>,
}

impl Engine {
    /// An engine without markets. The seed keys the hashes over callers' input; it changes no result.
    pub fn new(hash_seed: u64) -> Self {
        Self {
            markets: Vec::new(),
            places: Vec::new(),
            orders: Orders::new(hash_seed),
            users: Users::new(hash_seed),
            timers: BTreeSet::new(),
            switches: Switches::default(),
            sessions: Sessions::default(),
            keeps_client_ids: true,
            last_rank: 0,
            steps: Vec::new(),
        }
    }

    /// An engine that remembers no client order ids, because a table outside of it does.
    pub fn without_client_ids(hash_seed: u64) -> Self {
        Self {
            keeps_client_ids: false,
            ..Self::new(hash_seed)
        }
    }

    /// Applies one command at its stamp, and an order's under the market's fees. What cannot be done is answered so; it
    /// never fails.
    ///
    /// Whatever is due or left over from earlier commands is finished first; the owner of the sequence keeps that short
    /// by sending ticks while [`Engine::is_due`].
    pub fn apply(
        &mut self,
        at: Stamp,
        command: &Command,
        funds: &mut impl Funds,
        events: &mut Vec<MarketEvent>,
    ) -> Answer {
        self.apply_with_fees(at, command, OwnFees::default(), funds, events)
    }

    /// Applies one command as [`Engine::apply`] does; an order that it places is its user's, who has these fees.
    pub fn apply_with_fees(
        &mut self,
        at: Stamp,
        command: &Command,
        fees: OwnFees,
        funds: &mut impl Funds,
        events: &mut Vec<MarketEvent>,
    ) -> Answer {
        let mut turn = self.turn(at, fees, funds, events);
        match command {
            Command::Tick => {
                turn.work(CHUNK);
                return Answer::Done;
            }
            Command::Transfer(_) => return Answer::NotMine,
            other if other.is_registers() => return Answer::NotMine,
            _ => {}
        }
        turn.catch_up();
        match command {
            Command::Place(place) => turn.place(place),
            Command::Cancel(cancel) => turn.cancel(cancel),
            Command::Amend(amend) => turn.amend(amend),
            Command::CancelAll(all) => turn.cancel_all(all),
            Command::DefineMarket(define) => turn.define_market(&define.definition),
            Command::SetMarketState(set) => turn.set_market_state(set.market, set.state),
            Command::CancelAllAfter(after) => turn.cancel_all_after(after),
            Command::OpenSession(open) => turn.open_session(open),
            Command::CloseSession(close) => turn.close_session(close),
            Command::Transfer(_)
            | Command::Tick
            | Command::DefineTier(_)
            | Command::SetAccountTier(_)
            | Command::AddApiKey(_)
            | Command::RevokeApiKey(_) => Answer::NotMine,
        }
    }

    /// Fixes at entry what the log must carry: the protection price of an order without a limit.
    pub fn prepare(&self, place: &mut Place) {
        if place.protection_price.is_none()
            && place.terms.price().is_none()
            && let Some(row) = self.row(place.market)
        {
            place.protection_price = row.protection(place);
        }
    }

    /// Whether a tick is needed before another command is applied at this moment.
    pub fn is_due(&self, at: Stamp) -> bool {
        self.next_due().is_some_and(|due| due <= at)
    }

    /// When the next tick is due: at once where steps are left from earlier commands.
    pub fn next_due(&self) -> Option<Stamp> {
        if self.markets.iter().any(MarketRow::has_work) {
            return Some(Stamp::FIRST);
        }
        let expiry = self.timers.first().map(|(due, ..)| *due);
        let switch = self.switches.next().map(|(due, _)| due);
        expiry.into_iter().chain(switch).min()
    }

    /// When a user's dead man's switch runs out; none: it is not armed.
    pub fn switch_of(&self, user_id: UserId) -> Option<Stamp> {
        self.switches.of(user_id)
    }

    /// The open sessions and their users, by id. Whoever starts after a crash closes them all.
    pub fn sessions(&self) -> impl Iterator<Item = (SessionId, UserId)> {
        self.sessions.all()
    }

    /// A live order.
    pub fn order(&self, id: OrderId) -> Option<&Order> {
        Some(&self.orders.live(self.orders.by_id(id)?).order)
    }

    /// The id of a user's order, as far as client ids are remembered.
    pub fn resolve(&self, user_id: UserId, order: &OrderRef) -> Option<OrderId> {
        match order {
            OrderRef::Id(id) => Some(*id),
            OrderRef::Client(id) => Some(self.users.get(self.users.find(user_id)?).claimed(id)?.order_id),
        }
    }

    /// A user's live orders in order of entry.
    pub fn orders_of(&self, user_id: UserId) -> impl Iterator<Item = &Order> {
        let user = self.users.find(user_id).map(|place| self.users.get(place));
        user.into_iter()
            .flat_map(|user| self.orders.of(&user.list).map(|(_, live)| &live.order))
    }

    /// How many orders are live.
    pub fn live_orders(&self) -> usize {
        self.orders.len()
    }

    /// The markets with their states, in the order of their definition.
    pub fn markets(&self) -> impl Iterator<Item = (&Arc<Market>, MarketState)> {
        self.markets.iter().map(|row| (&row.market, row.state))
    }

    /// The number of each market's last event.
    pub fn market_seqs(&self) -> impl Iterator<Item = (MarketNumber, u64)> {
        self.markets
            .iter()
            .map(|row| (row.market.number(), row.event_seq))
    }

    /// A market.
    pub fn market(&self, number: MarketNumber) -> Option<&Arc<Market>> {
        self.row(number).map(|row| &row.market)
    }

    /// The number of a market's last event, and at most so many of its best levels on each side: bids, then asks.
    pub fn depth(
        &self,
        number: MarketNumber,
        levels: usize,
    ) -> Option<(u64, Vec<DepthLevel>, Vec<DepthLevel>)> {
        let row = self.row(number)?;
        let side = |side| {
            let levels = row.book.levels(side).take(levels);
            levels
                .map(|level| DepthLevel {
                    price: level.price,
                    quantity: level.shown,
                })
                .collect()
        };
        Some((row.event_seq, side(Side::Buy), side(Side::Sell)))
    }

    /// Every level of a market's book with its side, price, lots shown and orders: bids, then asks, best first.
    pub fn book_levels(&self, number: MarketNumber) -> impl Iterator<Item = (Side, Price, Lots, u32)> {
        self.row(number).into_iter().flat_map(|row| {
            [Side::Buy, Side::Sell].into_iter().flat_map(move |side| {
                row.book
                    .levels(side)
                    .map(move |level| (side, level.price, level.shown, level.orders))
            })
        })
    }

    /// The price of a market's last trade.
    pub fn last_price(&self, number: MarketNumber) -> Option<Price> {
        self.row(number)?.last_price
    }

    /// The places of all markets, by number.
    pub(crate) fn places_by_number(&self) -> Vec<usize> {
        self.places.iter().map(|(_, place)| *place).collect()
    }

    pub(crate) fn place_of(&self, number: MarketNumber) -> Option<usize> {
        let at = self
            .places
            .binary_search_by_key(&number, |(number, _)| *number)
            .ok()?;
        Some(self.places[at].1)
    }

    /// Adds a market behind the others.
    pub(crate) fn add(&mut self, row: MarketRow) -> usize {
        let (number, place) = (row.market.number(), self.markets.len());
        let at = self.places.partition_point(|(other, _)| *other < number);
        self.places.insert(at, (number, place));
        self.markets.push(row);
        place
    }

    pub(crate) fn row(&self, number: MarketNumber) -> Option<&MarketRow> {
        self.markets.get(self.place_of(number)?)
    }
}
