//! The engine's state as tables hold it, row by row, and the engine made again from the rows.

use std::sync::Arc;

use domain::{Amount, Lots, Market, MarketDefinition, MarketNumber, MarketState, Order, OrderId, Price};

use crate::engine::Engine;
use crate::funds::FundsSlot;
use crate::market::MarketRow;
use crate::orders::{Key, Live};
use crate::snapshot::{OrderSnapshot, Stand, Where};

/// A live order and all that the engine keeps beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveOrder {
    /// The order.
    pub order: Order,
    /// When it entered, counted over all orders.
    pub rank: u64,
    /// Its place in the queue of its price, earlier is lower; none: it awaits its trigger.
    pub turn: Option<u64>,
    /// What the book shows of it; none: it awaits its trigger.
    pub shown: Option<Lots>,
    /// What is left of its reservation.
    pub reserved: Amount,
    /// How many releases it had.
    pub releases: u32,
}

/// A market and all that the engine keeps beside its orders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveMarket {
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
    /// The last place that was given out in the queues of its book.
    pub last_turn: u64,
}

impl Engine {
    /// A live order as a table holds it.
    pub fn live_order(&self, id: OrderId) -> Option<LiveOrder> {
        let key = self.orders.by_id(id)?;
        let live = self.orders.live(key);
        let book = &self.markets[live.market].book;
        let shown = live
            .slot
            .and_then(|slot| book.resting(slot, key.0))
            .map(|view| view.shown);
        let Live {
            order,
            rank,
            reserved,
            releases,
            ..
        } = live;
        Some(LiveOrder {
            order: order.clone(),
            rank: *rank,
            turn: live.slot.map(|_| live.turn),
            shown,
            reserved: *reserved,
            releases: *releases,
        })
    }

    /// The ids of all live orders, user by user, each user's in order of entry.
    pub fn live_ids(&self) -> impl Iterator<Item = OrderId> {
        let users = self.users.all().iter();
        users
            .flat_map(|user| self.orders.of(&user.list))
            .map(|(_, live)| live.order.order_id)
    }

    /// A market as a table holds it.
    pub fn live_market(&self, number: MarketNumber) -> Option<LiveMarket> {
        let row = self.row(number)?;
        Some(LiveMarket {
            definition: row.market.definition().clone(),
            state: row.state,
            last_price: row.last_price,
            trade_number: row.trade_number,
            event_seq: row.event_seq,
            last_turn: row.last_turn,
        })
    }

    /// The rank of the last order that entered.
    pub const fn last_rank(&self) -> u64 {
        self.last_rank
    }

    /// Makes an engine without client order ids from rows in any order. All reservations stand at `slot`.
    ///
    /// # Errors
    /// The rows contradict one another; the text says where.
    pub fn load(
        last_rank: u64,
        markets: Vec<LiveMarket>,
        mut orders: Vec<LiveOrder>,
        hash_seed: u64,
        slot: FundsSlot,
    ) -> Result<Self, String> {
        let mut engine = Self::without_client_ids(hash_seed);
        engine.last_rank = last_rank;
        for market in markets {
            engine.load_market(market)?;
        }
        // Owners' lists are in the order of entry, queues in that of the turns.
        orders.sort_unstable_by_key(|live| (live.rank, live.order.order_id));
        let mut waiting = Vec::with_capacity(orders.len());
        for live in orders {
            waiting.push(engine.load_order(live, slot)?);
        }
        waiting.sort_unstable_by_key(|(stand, turn, ..)| (stand.market, *turn));
        for pair in waiting.windows(2) {
            let [(one, turn, ..), (next, same, ..)] = pair else {
                continue;
            };
            if one.market == next.market && turn.is_some() && turn == same {
                return Err(format!("two orders have turn {turn:?}"));
            }
        }
        for (stand, turn, key, shown) in waiting {
            engine.put_back(key, &stand, shown, turn)?;
        }
        Ok(engine)
    }

    fn load_market(&mut self, live: LiveMarket) -> Result<(), String> {
        let LiveMarket {
            definition,
            state,
            last_price,
            trade_number,
            event_seq,
            last_turn,
        } = live;
        let symbol = definition.symbol;
        let market = Market::new(definition).map_err(|errors| format!("market {symbol}: {errors:?}"))?;
        if self.place_of(market.number()).is_some() {
            return Err(format!("market {symbol} is there twice"));
        }
        let mut row = MarketRow::new(Arc::new(market));
        row.state = state;
        row.last_price = last_price;
        row.trade_number = trade_number;
        row.event_seq = event_seq;
        row.last_turn = last_turn;
        self.add(row);
        Ok(())
    }

    fn load_order(&mut self, live: LiveOrder, slot: FundsSlot) -> Result<Waiting, String> {
        let LiveOrder {
            order,
            rank,
            turn,
            shown,
            reserved,
            releases,
        } = live;
        let id = order.order_id;
        let Some(market) = self.place_of(order.market) else {
            return Err(format!("order {id} is of an unknown market"));
        };
        let last_turn = self.markets[market].last_turn;
        let place = match turn {
            Some(turn) if turn == 0 || turn > last_turn => {
                return Err(format!(
                    "order {id} has turn {turn}, and {last_turn} was the last"
                ));
            }
            Some(_) if order.terms.price().is_none() || !is_shown(&order, shown) => {
                return Err(format!("order {id} cannot rest"));
            }
            Some(_) => Where::Book,
            None if order.awaits_trigger() => Where::Stops,
            None => return Err(format!("order {id} neither rests nor awaits a trigger")),
        };
        if rank > self.last_rank {
            return Err(format!(
                "order {id} has rank {rank}, and {} was the last",
                self.last_rank
            ));
        }
        self.users.intern(order.user_id);
        let snapshot = OrderSnapshot {
            order,
            rank,
            shown: Lots::ZERO,
            reserved,
            releases,
            fingerprint: 0,
        };
        let key = self.restore_order(snapshot, market, slot)?;
        Ok((Stand { market, place }, turn, key, shown.unwrap_or_default()))
    }
}

/// Whether so much of a resting order may be shown: of an iceberg a part, of any other all that remains.
fn is_shown(order: &Order, shown: Option<Lots>) -> bool {
    let remaining = order.remaining();
    shown.is_some_and(|shown| match order.display() {
        Some(display) => !shown.is_zero() && shown <= display.lots().min(remaining),
        None => shown == remaining,
    })
}

/// An order that is among the live ones and not yet where it waits: where that is, its turn, its key, and what is shown.
type Waiting = (Stand, Option<u64>, Key, Lots);
