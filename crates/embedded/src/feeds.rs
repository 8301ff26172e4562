//! Following the exchange: the trait `Feeds` for the embedded exchange.

use std::sync::Arc;

use async_trait::async_trait;
use domain::{Asset, MarketNumber};
use exchange::Exchange;
use ledger::Balance;
use tokio::sync::broadcast;
use trading::{AccountBalance, Caller, DepthView, Feeds, LevelView, QueryError, Update, UserSnapshot};

use crate::open::Embedded;

/// A book's best levels.
pub(crate) fn depth_of(exchange: &Exchange, market: MarketNumber, levels: usize) -> Option<DepthView> {
    let (seq, bids, asks) = exchange.engine().depth(market, levels)?;
    let view = |levels: Vec<engine::DepthLevel>| {
        let view = |level: engine::DepthLevel| LevelView {
            price: level.price,
            quantity: level.quantity,
        };
        levels.into_iter().map(view).collect()
    };
    Some(DepthView {
        market,
        seq,
        bids: view(bids),
        asks: view(asks),
    })
}

/// A balance as callers see it.
pub(crate) fn balance_view(asset: Asset, balance: Balance) -> AccountBalance {
    let Balance {
        available,
        reserved,
        version,
    } = balance;
    AccountBalance {
        asset,
        available,
        reserved,
        version,
    }
}

#[async_trait]
impl Feeds for Embedded {
    fn updates(&self) -> broadcast::Receiver<Arc<Update>> {
        self.gauge.updates.subscribe()
    }

    async fn books(&self) -> Result<Vec<DepthView>, QueryError> {
        self.read(|exchange| {
            let markets = exchange.engine().markets();
            markets
                .filter_map(|(market, _)| depth_of(exchange, market.number(), usize::MAX))
                .collect()
        })
        .await
    }

    async fn user_snapshot(&self, caller: Caller) -> Result<UserSnapshot, QueryError> {
        self.read(move |exchange| UserSnapshot {
            markets: exchange.engine().market_seqs().collect(),
            orders: exchange.live_orders_of(caller.user_id).cloned().collect(),
            balances: exchange
                .balances(caller.user_id)
                .into_iter()
                .map(|(asset, balance)| balance_view(asset, balance))
                .collect(),
        })
        .await
    }
}
