//! Reading the database for callers, and waiting until what is followed is not older than it.

use std::sync::Arc;
use std::time::Duration;

use domain::{Market, MarketNumber, UserId};
use futures_util::future::BoxFuture;
use persistence::postgres::orders::MarketGrids;
use persistence::postgres::views::{self, MarketSeq};
use persistence::postgres::{Connection, PgError, Pool};
use trading::{AccountBalance, QueryError};

use super::{Gathered, no_answer};
use crate::Distributed;

/// The longest wait for the database.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long news may take before the log is read instead.
const NEWS: Duration = Duration::from_millis(5);

/// A question to the database: on this connection, with these markets, about this.
pub(crate) type Ask<Q, T> =
    for<'a> fn(&'a mut Connection, &'a MarketGrids, &'a Q) -> BoxFuture<'a, Result<T, PgError>>;

/// How far every market has come, asked once for all who ask at the same time.
pub(crate) fn market_seqs(pool: Pool) -> Gathered<Vec<MarketSeq>> {
    Gathered::new(move || {
        let pool = pool.clone();
        async move {
            let asked = async { views::market_seqs(&mut *pool.get().await?).await };
            match tokio::time::timeout(PATIENCE, asked).await {
                Ok(Ok(seqs)) => Some(seqs),
                Ok(Err(error)) => {
                    tracing::warn!(%error, "the database was asked how far the markets are");
                    None
                }
                Err(_) => None,
            }
        }
    })
}

impl Distributed {
    /// Asks the database about something. Where a row is of a market that is not known here yet, it is asked again once
    /// the market is.
    pub(crate) async fn read<Q: Sync, T>(&self, about: &Q, ask: Ask<Q, T>) -> Result<T, QueryError> {
        let asked = match self.ask_once(about, ask).await {
            Err(PgError::BadRow { table, why }) => {
                tracing::debug!(table, why, "a row makes no sense yet");
                self.catch_up().await?;
                self.ask_once(about, ask).await
            }
            asked => asked,
        };
        asked.map_err(|error| {
            tracing::warn!(%error, "the database was asked");
            QueryError::Unavailable
        })
    }

    async fn ask_once<Q: Sync, T>(&self, about: &Q, ask: Ask<Q, T>) -> Result<T, PgError> {
        let markets = self.views.board().grids();
        let asked = async {
            let mut connection = self.options.pool.get().await?;
            ask(&mut connection, &markets, about).await
        };
        let asked = tokio::time::timeout(PATIENCE, asked).await;
        asked.unwrap_or_else(|_| Err(PgError::NoConnection("no answer in time".to_owned())))
    }

    /// Waits until these markets' books have these events.
    pub(crate) async fn reach(&self, wanted: &[(MarketNumber, u64)]) -> Result<(), QueryError> {
        let board = self.views.board();
        if board.reach(wanted, NEWS).await {
            return Ok(());
        }
        self.views.hurry();
        if board.reach(wanted, self.options.answer_timeout).await {
            return Ok(());
        }
        Err(QueryError::Unavailable)
    }

    /// Waits until what is followed has everything that the database has at this moment.
    pub(crate) async fn catch_up(&self) -> Result<(), QueryError> {
        let seqs = self.market_seqs.ask().await.ok_or(QueryError::Unavailable)?;
        let wanted: Vec<_> = seqs.iter().map(|seq| (seq.number, seq.event_seq)).collect();
        self.reach(&wanted).await
    }

    /// A market by its number, also one that was defined a moment ago elsewhere.
    pub(crate) async fn market(&self, number: MarketNumber) -> Result<Arc<Market>, QueryError> {
        let known =
            |markets: &trading::Markets| markets.by_number(number).map(|view| Arc::clone(&view.market));
        let board = self.views.board();
        if let Some(market) = known(&board.markets()) {
            return Ok(market);
        }
        self.catch_up().await?;
        known(&board.markets()).ok_or(QueryError::NotFound)
    }

    /// Whether there is this market, where one is named.
    pub(crate) async fn knows(&self, number: Option<MarketNumber>) -> Result<bool, QueryError> {
        let Some(number) = number else {
            return Ok(true);
        };
        match self.market(number).await {
            Ok(_) => Ok(true),
            Err(QueryError::NotFound) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// What a user has, by asset.
    pub(crate) async fn account_balances(&self, user_id: UserId) -> Result<Vec<AccountBalance>, QueryError> {
        let balances = self.options.wallet.balances(vec![user_id]).await;
        let mut balances: Vec<AccountBalance> = balances
            .map_err(no_answer)?
            .into_iter()
            .filter(|balance| balance.user_id == user_id)
            .map(|balance| AccountBalance {
                asset: balance.asset,
                available: balance.available,
                reserved: balance.reserved,
                version: balance.version,
            })
            .collect();
        balances.sort_unstable_by_key(|balance| balance.asset);
        Ok(balances)
    }
}
