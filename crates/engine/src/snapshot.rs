//! The engine's state as plain values in a fixed order, and the engine made again from them.

use std::sync::Arc;

use domain::{
    Amount, CancelReason, ClientOrderId, Lots, Market, MarketDefinition, MarketState, Order, OrderId, Price,
    SessionId, Side, Stamp, UserId,
};
use matching::Resting;
use serde::{Deserialize, Serialize};

use crate::engine::Engine;
use crate::funds::FundsSlot;
use crate::market::{MarketRow, MassCancel};
use crate::orders::{Entering, Key, Live};
use crate::users::Claim;

/// A live order and what stands beside it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderSnapshot {
    /// The order.
    pub order: Order,
    /// When it entered, counted over all orders.
    pub rank: u64,
    /// What the book shows of it; zero outside of the book.
    pub shown: Lots,
    /// What is left of its reservation.
    pub reserved: Amount,
    /// How many releases it had.
    pub releases: u32,
    /// The fingerprint of what was asked for.
    pub fingerprint: u64,
}

/// A mass cancel that has not finished.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MassCancelSnapshot {
    user_id: Option<UserId>,
    side: Option<Side>,
    reason: CancelReason,
}

/// A market.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MarketSnapshot {
    /// Its definition.
    pub definition: MarketDefinition,
    /// What it takes.
    pub state: MarketState,
    /// The price of the last trade.
    pub last_price: Option<Price>,
    /// The number of the last trade.
    pub trade_number: u64,
    /// The number of the last event.
    pub event_seq: u64,
    /// The book's bids, then its asks, each in price-time order.
    pub resting: Vec<OrderSnapshot>,
    /// Orders that await their trigger, in order of entry.
    pub waiting: Vec<OrderSnapshot>,
    /// Triggered stops that have not entered yet, in order.
    pub triggered: Vec<OrderSnapshot>,
    /// Mass cancels that have not finished.
    pub mass: Vec<MassCancelSnapshot>,
}

/// A user with the client ids of ended orders.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserSnapshot {
    /// The user.
    pub user_id: UserId,
    /// When each ended, its client id, its order, and the fingerprint of what was asked for; oldest first.
    pub ended: Vec<(Stamp, ClientOrderId, OrderId, u64)>,
}

/// The engine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EngineSnapshot {
    /// The rank of the last order that entered.
    pub last_rank: u64,
    /// The markets in the order of their definition.
    pub markets: Vec<MarketSnapshot>,
    /// The users in the order of their first order.
    pub users: Vec<UserSnapshot>,
    /// When each user's switch runs out, in that order.
    pub switches: Vec<(Stamp, UserId)>,
    /// Open sessions and their users, by id.
    pub sessions: Vec<(SessionId, UserId)>,
}

impl Engine {
    /// The whole state, the same for the same history on every machine.
    pub fn snapshot(&self) -> EngineSnapshot {
        let users = self.users.all().iter().map(|user| UserSnapshot {
            user_id: user.user_id,
            ended: user
                .ended()
                .map(|(at, id, claim)| (at, id.clone(), claim.order_id, claim.fingerprint))
                .collect(),
        });
        EngineSnapshot {
            last_rank: self.last_rank,
            markets: self.markets.iter().map(|row| self.market_snapshot(row)).collect(),
            users: users.collect(),
            switches: self.switches.all().collect(),
            sessions: self.sessions.all().collect(),
        }
    }

    fn market_snapshot(&self, row: &MarketRow) -> MarketSnapshot {
        let resting = [Side::Buy, Side::Sell]
            .into_iter()
            .flat_map(|side| row.book.queue(side));
        let resting = resting
            .map(|(_, key, _, shown, _)| self.order_snapshot(Key(key), shown))
            .collect();
        let mut waiting: Vec<_> = [Side::Buy, Side::Sell]
            .into_iter()
            .flat_map(|side| row.stops.keys(side))
            .map(|key| self.order_snapshot(key, Lots::ZERO))
            .collect();
        waiting.sort_by_key(|stop| stop.rank);
        let mass = row.mass.iter().map(|mass| MassCancelSnapshot {
            user_id: mass.owner.map(|owner| self.users.get(owner).user_id),
            side: mass.side,
            reason: mass.reason,
        });
        MarketSnapshot {
            definition: row.market.definition().clone(),
            state: row.state,
            last_price: row.last_price,
            trade_number: row.trade_number,
            event_seq: row.event_seq,
            resting,
            waiting,
            triggered: row
                .triggered
                .iter()
                .map(|key| self.order_snapshot(*key, Lots::ZERO))
                .collect(),
            mass: mass.collect(),
        }
    }

    fn order_snapshot(&self, key: Key, shown: Lots) -> OrderSnapshot {
        let Live {
            order,
            rank,
            reserved,
            releases,
            fingerprint,
            ..
        } = self.orders.live(key);
        OrderSnapshot {
            order: order.clone(),
            rank: *rank,
            shown,
            reserved: *reserved,
            releases: *releases,
            fingerprint: *fingerprint,
        }
    }

    /// Makes the engine again. `funds` tells where the reservation of a live order stands.
    ///
    /// # Errors
    /// The snapshot contradicts itself; the text says where.
    pub fn restore(
        snapshot: EngineSnapshot,
        hash_seed: u64,
        mut funds: impl FnMut(OrderId) -> Option<FundsSlot>,
    ) -> Result<Self, String> {
        let mut engine = Self::new(hash_seed);
        engine.last_rank = snapshot.last_rank;
        for user in snapshot.users {
            let place = engine.users.intern(user.user_id);
            let row = engine.users.get_mut(place);
            for (at, id, order_id, fingerprint) in user.ended {
                row.take(
                    id.clone(),
                    Claim {
                        order_id,
                        fingerprint,
                    },
                );
                row.end(id, at);
            }
        }
        engine.restore_timers(snapshot.switches, snapshot.sessions)?;
        let mut orders = Vec::new();
        for market in snapshot.markets {
            engine.restore_market(market, &mut orders)?;
        }
        // Owners' lists are in the order of entry, books in that of the snapshot. Only small pairs are sorted.
        let mut entry: Vec<(u64, usize)> = orders
            .iter()
            .enumerate()
            .map(|(turn, (order, _))| (order.rank, turn))
            .collect();
        entry.sort_unstable();
        let mut orders: Vec<Option<(OrderSnapshot, Stand)>> = orders.into_iter().map(Some).collect();
        let mut placed: Vec<Option<(Key, Stand, Lots)>> = (0..orders.len()).map(|_| None).collect();
        for (_, turn) in entry {
            let Some((order, stand)) = orders[turn].take() else {
                continue;
            };
            let slot = funds(order.order.order_id)
                .ok_or_else(|| format!("order {} has no reservation", order.order.order_id))?;
            let shown = order.shown;
            let key = engine.restore_order(order, stand.market, slot)?;
            placed[turn] = Some((key, stand, shown));
        }
        for (key, stand, shown) in placed.into_iter().flatten() {
            engine.put_back(key, &stand, shown, None)?;
        }
        Ok(engine)
    }

    fn restore_timers(
        &mut self,
        switches: Vec<(Stamp, UserId)>,
        sessions: Vec<(SessionId, UserId)>,
    ) -> Result<(), String> {
        if !switches.is_sorted_by(|one, next| one < next)
            || !sessions.is_sorted_by(|one, next| one.0 < next.0)
        {
            return Err("switches or sessions are not in order".to_owned());
        }
        for (at, user_id) in switches {
            if self.switches.of(user_id).is_some() || !self.switches.arm(user_id, at) {
                return Err(format!("user {user_id} has a switch too many"));
            }
        }
        for (id, user_id) in sessions {
            if !self.sessions.open(id, user_id) {
                return Err(format!("user {user_id} has a session too many"));
            }
        }
        Ok(())
    }

    fn restore_market(
        &mut self,
        snapshot: MarketSnapshot,
        orders: &mut Vec<(OrderSnapshot, Stand)>,
    ) -> Result<(), String> {
        let symbol = snapshot.definition.symbol;
        let market =
            Market::new(snapshot.definition).map_err(|errors| format!("market {symbol}: {errors:?}"))?;
        let mut row = MarketRow::new(Arc::new(market));
        row.state = snapshot.state;
        row.last_price = snapshot.last_price;
        row.trade_number = snapshot.trade_number;
        row.event_seq = snapshot.event_seq;
        for mass in snapshot.mass {
            let owner = mass.user_id.map(|user_id| self.users.intern(user_id));
            row.mass.push_back(MassCancel {
                owner,
                side: mass.side,
                reason: mass.reason,
            });
        }
        let market = self.add(row);
        let places = [
            (snapshot.resting, Where::Book),
            (snapshot.waiting, Where::Stops),
            (snapshot.triggered, Where::Triggered),
        ];
        for (list, place) in places {
            for order in list {
                orders.push((order, Stand { market, place }));
            }
        }
        Ok(())
    }

    pub(crate) fn restore_order(
        &mut self,
        snapshot: OrderSnapshot,
        market: usize,
        funds: FundsSlot,
    ) -> Result<Key, String> {
        let OrderSnapshot {
            order,
            rank,
            shown: _,
            reserved,
            releases,
            fingerprint,
        } = snapshot;
        if order.state.is_final() {
            return Err(format!("order {} has ended", order.order_id));
        }
        let owner = self
            .users
            .find(order.user_id)
            .ok_or_else(|| format!("user {} is missing", order.user_id))?;
        let user = self.users.get_mut(owner);
        if self.keeps_client_ids
            && let Some(id) = &order.client_order_id
        {
            user.take(
                id.clone(),
                Claim {
                    order_id: order.order_id,
                    fingerprint,
                },
            );
        }
        let expires_at = order.expires_at;
        let entering = Entering {
            order,
            market,
            owner,
            rank,
            funds,
            reserved,
            releases,
            fingerprint,
        };
        let key = self.orders.insert(entering, &mut user.list);
        if let Some(end) = expires_at {
            self.timers.insert((end, rank, key));
        }
        Ok(key)
    }

    /// Puts a live order where it waits; without a turn, at the back.
    pub(crate) fn put_back(
        &mut self,
        key: Key,
        stand: &Stand,
        shown: Lots,
        turn: Option<u64>,
    ) -> Result<(), String> {
        let live = self.orders.live_mut(key);
        let row = &mut self.markets[stand.market];
        match (
            stand.place,
            live.order.terms.price(),
            live.order.terms.stop_price(),
        ) {
            (Where::Book, Some(price), _) => {
                let side = live.order.side;
                if live.order.remaining().is_zero() || row.book.would_take(side, Some(price)) {
                    return Err(format!("order {} cannot rest", live.order.order_id));
                }
                let resting = Resting {
                    key: key.0,
                    owner: live.owner,
                    side,
                    price,
                    quantity: live.order.remaining(),
                    display: live.order.display(),
                };
                live.turn = turn.unwrap_or_else(|| row.next_turn());
                live.slot = Some(row.book.restore(&resting, shown));
            }
            (Where::Stops, _, Some(stop)) => row.stops.insert(live.order.side, stop, live.rank, key),
            _ => row.triggered.push_back(key),
        }
        Ok(())
    }
}

/// Where an order of a snapshot goes.
pub(crate) struct Stand {
    pub market: usize,
    pub place: Where,
}

#[derive(Clone, Copy)]
pub(crate) enum Where {
    Book,
    Stops,
    Triggered,
}
