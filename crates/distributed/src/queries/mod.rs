//! Looking things up: the trait `Queries` for the distributed exchange. Markets and books come from what is followed, never
//! older than the database; orders, trades and candles from the database; balances and the ledger from the wallet.

mod gathered;
mod read;

use std::sync::Arc;

use async_trait::async_trait;
use domain::{LedgerEntry, MarketNumber, Order, OrderRef, Stamp, Trade};
use futures_util::FutureExt as _;
use market_data::Candle;
use persistence::postgres::views::{self, Life};
use persistence::{CandleQuery, OrderQuery, TradeQuery};
use trading::{
    AccountBalance, Caller, CandleFilter, DepthView, EntryFilter, Health, HistoryLag, Markets, OrderFilter,
    Queries, QueryError, TradeFilter,
};
use wallet_client::{EntryPage, NotAnswered};

pub(crate) use self::gathered::Gathered;
pub(crate) use self::read::market_seqs;
use crate::Distributed;

/// What callers are told when the wallet does not answer.
pub(crate) fn no_answer(error: NotAnswered) -> QueryError {
    tracing::warn!(%error, "the wallet was asked");
    QueryError::Unavailable
}

#[async_trait]
impl Queries for Distributed {
    fn markets(&self) -> Arc<Markets> {
        self.views.board().markets()
    }

    async fn order(&self, caller: Caller, order: OrderRef) -> Result<Order, QueryError> {
        let about = (caller.user_id, order);
        let found = self.read(&about, |connection, markets, (user_id, order)| {
            views::order(connection, *user_id, order, markets).boxed()
        });
        found.await?.ok_or(QueryError::NotFound)
    }

    async fn orders(&self, caller: Caller, filter: OrderFilter) -> Result<Vec<Order>, QueryError> {
        let OrderFilter {
            market,
            side,
            live,
            status,
            before,
            limit,
        } = filter;
        if !self.knows(market).await? {
            return Ok(Vec::new());
        }
        let query = OrderQuery {
            user_id: caller.user_id,
            market,
            side,
            status,
            before,
            limit,
        };
        let life = match live {
            None => Life::All,
            Some(true) => Life::Live,
            Some(false) => Life::Ended,
        };
        self.read(&(query, life), |connection, markets, (query, life)| {
            views::orders(connection, query, *life, markets).boxed()
        })
        .await
    }

    async fn balances(&self, caller: Caller) -> Result<Vec<AccountBalance>, QueryError> {
        self.account_balances(caller.user_id).await
    }

    async fn depth(&self, market: MarketNumber, levels: usize) -> Result<DepthView, QueryError> {
        let seqs = self.market_seqs.ask().await.ok_or(QueryError::Unavailable)?;
        let wanted = seqs.iter().find(|seq| seq.number == market);
        let wanted = wanted.ok_or(QueryError::NotFound)?;
        self.reach(&[(market, wanted.event_seq)]).await?;
        let depth = self.views.board().depth(market, levels);
        depth.ok_or(QueryError::NotFound)
    }

    async fn trades(&self, market: MarketNumber, limit: usize) -> Result<Vec<Trade>, QueryError> {
        let market = self.market(market).await?;
        let now = Stamp::from_micros(self.options.clock.wall_us());
        self.read(
            &(market, limit, now),
            |connection, markets, (market, limit, now)| {
                views::market_trades(connection, market, *limit, *now, markets).boxed()
            },
        )
        .await
    }

    async fn own_trades(&self, caller: Caller, filter: TradeFilter) -> Result<Vec<Trade>, QueryError> {
        let TradeFilter {
            market,
            order_id,
            before,
            after,
            limit,
        } = filter;
        if !self.knows(market).await? {
            return Ok(Vec::new());
        }
        let query = TradeQuery {
            user_id: caller.user_id,
            market,
            order_id,
            before,
            after,
            limit,
        };
        let now = Stamp::from_micros(self.options.clock.wall_us());
        self.read(&(query, now), |connection, markets, (query, now)| {
            views::own_trades(connection, query, *now, markets).boxed()
        })
        .await
    }

    async fn ledger(&self, caller: Caller, filter: EntryFilter) -> Result<Vec<LedgerEntry>, QueryError> {
        let EntryFilter { asset, before, limit } = filter;
        let page = EntryPage {
            user_id: caller.user_id,
            asset,
            before,
            limit,
        };
        self.options.wallet.ledger(page).await.map_err(no_answer)
    }

    async fn candles(&self, market: MarketNumber, filter: CandleFilter) -> Result<Vec<Candle>, QueryError> {
        let found = self.market(market).await?;
        let CandleFilter {
            interval,
            from,
            to,
            limit,
        } = filter;
        let query = CandleQuery {
            market,
            interval,
            from,
            to,
            limit,
        };
        self.read(&(found, query), |connection, _, (market, query)| {
            views::candles(connection, market, query).boxed()
        })
        .await
    }

    fn history_lag(&self) -> HistoryLag {
        // Everything is in the database with the batch that made it.
        HistoryLag::default()
    }

    async fn health(&self) -> Health {
        self.look_at_health().await
    }
}
