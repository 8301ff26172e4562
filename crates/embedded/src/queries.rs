//! Looking things up: the trait `Queries` for the embedded exchange. What lives, the writer answers; what has ended,
//! history, and lists are both by order id.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use async_trait::async_trait;
use domain::{LedgerEntry, MarketNumber, Order, OrderId, OrderRef, Trade};
use exchange::Exchange;
use market_data::Candle;
use persistence::{CandleQuery, EntryQuery, OrderQuery, TradeQuery};
use trading::{
    AccountBalance, Caller, CandleFilter, DepthView, EntryFilter, Health, HistoryLag, Markets, OrderFilter,
    Queries, QueryError, TradeFilter,
};

use crate::feeds::{balance_view, depth_of};
use crate::open::Embedded;

/// Whether a filter wants an order.
fn wanted(filter: &OrderFilter, order: &Order) -> bool {
    filter.market.is_none_or(|number| number == order.market)
        && filter.side.is_none_or(|side| side == order.side)
        && filter.live.is_none_or(|live| live != order.state.is_final())
        && filter.status.is_none_or(|status| status == order.state.status())
        && filter.before.is_none_or(|before| order.order_id < before)
}

/// The newest of the orders that the writer has: live ones, and those that ended lately. Ids grow in the order in which
/// orders came; only what is wanted is copied.
fn recent(exchange: &Exchange, caller: Caller, filter: &OrderFilter) -> Vec<Order> {
    let live = exchange.live_orders_of(caller.user_id);
    let ended = exchange.ended_orders_of(caller.user_id).map(|order| &**order);
    let mut orders: Vec<&Order> = live.chain(ended).filter(|order| wanted(filter, order)).collect();
    let newest = |order: &&Order| std::cmp::Reverse(order.order_id);
    if filter.limit < orders.len() {
        orders.select_nth_unstable_by_key(filter.limit, newest);
        orders.truncate(filter.limit);
    }
    orders.sort_unstable_by_key(newest);
    orders.into_iter().cloned().collect()
}

/// Both lists as one, newest first, each order once; the writer's word counts.
fn merged(recent: Vec<Order>, past: Vec<Order>, limit: usize) -> Vec<Order> {
    let mut merged = recent;
    let known: std::collections::HashSet<OrderId> = merged.iter().map(|order| order.order_id).collect();
    merged.extend(past.into_iter().filter(|order| !known.contains(&order.order_id)));
    merged.sort_unstable_by_key(|order| std::cmp::Reverse(order.order_id));
    merged.truncate(limit);
    merged
}

impl Embedded {
    /// An order of the caller's in history.
    pub(crate) async fn past_order(
        &self,
        caller: Caller,
        order: OrderRef,
    ) -> Result<Option<Order>, QueryError> {
        self.history(move |history| history.order(caller.user_id, &order))
            .await
    }
}

#[async_trait]
impl Queries for Embedded {
    fn markets(&self) -> Arc<Markets> {
        self.gauge.markets()
    }

    async fn order(&self, caller: Caller, order: OrderRef) -> Result<Order, QueryError> {
        let asked = order.clone();
        let found = self
            .read(move |exchange| exchange.order_of(caller.user_id, &asked))
            .await?;
        match found {
            Some(order) => Ok(Arc::unwrap_or_clone(order)),
            // What the writer has forgotten ended long ago: history has it by now.
            None => self.past_order(caller, order).await?.ok_or(QueryError::NotFound),
        }
    }

    async fn orders(&self, caller: Caller, filter: OrderFilter) -> Result<Vec<Order>, QueryError> {
        let orders = self
            .read(move |exchange| recent(exchange, caller, &filter))
            .await?;
        let only_live = filter.live == Some(true) || filter.status.is_some_and(|status| status.is_live());
        if only_live {
            return Ok(orders);
        }
        let query = OrderQuery {
            user_id: caller.user_id,
            market: filter.market,
            side: filter.side,
            status: filter.status,
            before: filter.before,
            limit: filter.limit,
        };
        let past = self.history(move |history| history.orders(&query)).await?;
        Ok(merged(orders, past, filter.limit))
    }

    async fn balances(&self, caller: Caller) -> Result<Vec<AccountBalance>, QueryError> {
        let balances = self
            .read(move |exchange| exchange.balances(caller.user_id))
            .await?;
        let view = balances
            .into_iter()
            .map(|(asset, balance)| balance_view(asset, balance));
        Ok(view.collect())
    }

    async fn depth(&self, market: MarketNumber, levels: usize) -> Result<DepthView, QueryError> {
        let depth = self
            .read(move |exchange| depth_of(exchange, market, levels))
            .await?;
        depth.ok_or(QueryError::NotFound)
    }

    async fn trades(&self, market: MarketNumber, limit: usize) -> Result<Vec<Trade>, QueryError> {
        if self.markets().by_number(market).is_none() {
            return Err(QueryError::NotFound);
        }
        self.read(move |exchange| exchange.trades(market).take(limit).copied().collect())
            .await
    }

    async fn own_trades(&self, caller: Caller, filter: TradeFilter) -> Result<Vec<Trade>, QueryError> {
        self.caught_up().await?;
        let query = TradeQuery {
            user_id: caller.user_id,
            market: filter.market,
            order_id: filter.order_id,
            before: filter.before,
            after: filter.after,
            limit: filter.limit,
        };
        self.history(move |history| history.trades(&query)).await
    }

    async fn ledger(&self, caller: Caller, filter: EntryFilter) -> Result<Vec<LedgerEntry>, QueryError> {
        self.caught_up().await?;
        let query = EntryQuery {
            user_id: caller.user_id,
            asset: filter.asset,
            before: filter.before,
            limit: filter.limit,
        };
        self.history(move |history| history.entries(&query)).await
    }

    async fn candles(&self, market: MarketNumber, filter: CandleFilter) -> Result<Vec<Candle>, QueryError> {
        if self.markets().by_number(market).is_none() {
            return Err(QueryError::NotFound);
        }
        self.caught_up().await?;
        let query = CandleQuery {
            market,
            interval: filter.interval,
            from: filter.from,
            to: filter.to,
            limit: filter.limit,
        };
        self.history(move |history| history.candles(&query)).await
    }

    fn history_lag(&self) -> HistoryLag {
        self.gauge.history.lag(self.gauge.durable(), &self.options.clock)
    }

    async fn health(&self) -> Health {
        let told = |ok: bool, text: &str| (!ok).then(|| text.to_owned());
        let running = !self.gauge.stopped.load(Ordering::Acquire) && self.read(|_| ()).await.is_ok();
        let room = self.gauge.disk_has_room.load(Ordering::Acquire);
        let sane = self.gauge.clock_is_sane.load(Ordering::Acquire);
        let stays = !self.gauge.stopping.load(Ordering::Acquire);
        let current = !self.history_is_behind();
        Health {
            ready: running && room && sane && stays && current,
            dependencies: vec![
                ("journal", told(running, "does not answer")),
                ("disk", told(room, "nearly full")),
                ("clock", told(sane, "jumped ahead")),
                ("history", told(current, "lies too far behind")),
                ("process", told(stays, "is stopping")),
            ],
        }
    }
}
