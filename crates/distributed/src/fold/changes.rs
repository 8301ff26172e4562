//! What a batch has changed, as the tables are to hold it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use domain::{Event, MarketEvent, MarketNumber, MoneyInstruction, Order, OrderId, RequestId, Stamp, Trade};
use engine::{LiveMarket, LiveOrder};
use persistence::postgres::orders::{FoldState, StoredOrder};

use super::{Output, ShardFold};

/// What the tables are to hold after a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changes {
    /// The orders that changed, by id.
    pub orders: Vec<StoredOrder>,
    /// Placements that cannot become orders, because the shard does not know their market: their rows are rejected.
    pub unplaceable: Vec<OrderId>,
    /// The trades, in order.
    pub trades: Vec<Trade>,
    /// The markets that changed, and always the one with the lowest number, by number.
    pub markets: Vec<LiveMarket>,
    /// The rank of the last order that entered.
    pub last_rank: u64,
    /// The stamp of the last command.
    pub last: Stamp,
    /// The digest of the whole state.
    pub digest: u128,
}

/// A live order of the engine's as its row holds it.
pub(super) fn stored(live: LiveOrder, amendment: Option<RequestId>) -> StoredOrder {
    let LiveOrder {
        order,
        rank,
        turn,
        shown,
        reserved,
        releases,
    } = live;
    StoredOrder {
        order,
        fold: FoldState {
            rank: Some(rank),
            turn,
            shown,
            reserve_left: reserved,
            releases,
            amendment,
        },
        reserved: None,
    }
}

/// What the events of a batch touch.
#[derive(Default)]
struct Touched<'a> {
    orders: BTreeSet<OrderId>,
    closed: BTreeMap<OrderId, &'a Arc<Order>>,
    trades: Vec<Trade>,
    markets: BTreeSet<MarketNumber>,
}

impl<'a> Touched<'a> {
    fn by(events: &'a [MarketEvent]) -> Self {
        let mut touched = Self::default();
        for event in events {
            touched.markets.insert(event.market);
            match &event.event {
                Event::OrderAccepted(order) | Event::OrderAmended(order) => {
                    touched.orders.insert(order.order_id);
                }
                Event::OrderClosed(order) => {
                    touched.orders.insert(order.order_id);
                    touched.closed.insert(order.order_id, order);
                }
                Event::OrderTriggered { order_id, .. } | Event::OrderPrevented { order_id, .. } => {
                    touched.orders.insert(*order_id);
                }
                Event::Trade(trade) => {
                    touched
                        .orders
                        .extend([trade.buyer.order_id, trade.seller.order_id]);
                    touched.trades.push(**trade);
                }
                Event::MarketDefined(_) | Event::MarketStateChanged(_) | Event::Level { .. } => {}
            }
        }
        touched
    }
}

impl ShardFold {
    /// What has changed since the last call, of all that was applied to this output.
    pub fn changes(&mut self, out: &Output) -> Changes {
        let touched = Touched::by(&out.events);
        let mut releases = BTreeMap::new();
        for instruction in &out.money {
            if let MoneyInstruction::Release(release) = instruction
                && release.request_id.is_none()
            {
                releases.insert(release.order_id, release.number);
            }
        }
        let mut orders = Vec::with_capacity(touched.orders.len());
        for id in touched.orders {
            let amendment = self.amendments.get(&id).copied();
            if let Some(live) = self.engine.live_order(id) {
                let stored = stored(live, amendment);
                self.sums.set_order(&stored);
                orders.push(stored);
            } else if let Some(order) = touched.closed.get(&id) {
                let kept = self.sums.drop_order(id).unwrap_or_default();
                let fold = FoldState {
                    rank: kept.rank.or_else(|| self.fresh_ranks.get(&id).copied()),
                    turn: None,
                    shown: None,
                    reserve_left: domain::Amount::ZERO,
                    releases: releases.get(&id).copied().unwrap_or(kept.releases),
                    amendment,
                };
                self.amendments.remove(&id);
                orders.push(StoredOrder {
                    order: Order::clone(order),
                    fold,
                    reserved: None,
                });
            }
        }
        self.fresh_ranks.clear();
        let lowest = self.engine.market_seqs().map(|(number, _)| number).min();
        let markets = touched.markets.into_iter().chain(lowest).collect::<BTreeSet<_>>();
        let markets: Vec<LiveMarket> = markets
            .into_iter()
            .filter_map(|number| self.engine.live_market(number))
            .collect();
        for market in &markets {
            self.sums.set_market(market);
        }
        Changes {
            orders,
            unplaceable: out.unplaceable.clone(),
            trades: touched.trades,
            markets,
            last_rank: self.engine.last_rank(),
            last: self.last,
            digest: self.digest(),
        }
    }
}
