//! Two gateways as one exchange: one is told what to do, the other is asked.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use distributed::Distributed;
use domain::{
    Amount, ApiKey, ApiKeyId, Asset, LedgerEntry, MarketDefinition, MarketNumber, MarketState, Order,
    OrderRef, Selection, SessionId, Side, Stamp, Tier, TierName, Trade, TransferKey, TransferKind,
    TransferReceipt, UserId,
};
use market_data::Candle;
use tokio::sync::broadcast;
use trading::{
    AccountBalance, Accounts, Amendment, Caller, CandleFilter, DepthView, EntryError, EntryFilter, Feeds,
    Health, HistoryLag, Markets, NewOrder, Operations, OrderEntry, OrderFilter, Placed, Queries, QueryError,
    TradeFilter, Update, UserSnapshot,
};

pub struct Pair {
    pub told: Arc<Distributed>,
    pub asked: Arc<Distributed>,
}

/// What a market takes, as this gateway tells.
fn state_at(gateway: &Distributed, market: MarketNumber) -> Option<MarketState> {
    gateway.markets().by_number(market).map(|view| view.state)
}

#[async_trait]
impl OrderEntry for Pair {
    async fn place(&self, caller: Caller, order: NewOrder) -> Result<Placed, EntryError> {
        self.told.place(caller, order).await
    }

    async fn cancel(&self, caller: Caller, order: OrderRef) -> Result<Order, EntryError> {
        self.told.cancel(caller, order).await
    }

    async fn amend(&self, caller: Caller, order: OrderRef, change: Amendment) -> Result<Order, EntryError> {
        self.told.amend(caller, order, change).await
    }

    async fn cancel_all(
        &self,
        caller: Caller,
        market: Option<MarketNumber>,
        side: Option<Side>,
    ) -> Result<u64, EntryError> {
        self.told.cancel_all(caller, market, side).await
    }

    async fn cancel_all_after(&self, caller: Caller, micros: u64) -> Result<Option<Stamp>, EntryError> {
        self.told.cancel_all_after(caller, micros).await
    }

    async fn open_session(&self, caller: Caller) -> Result<SessionId, EntryError> {
        self.told.open_session(caller).await
    }

    async fn close_session(&self, session: SessionId, cancel: bool) -> Result<(), EntryError> {
        self.told.close_session(session, cancel).await
    }
}

#[async_trait]
impl Queries for Pair {
    fn markets(&self) -> Arc<Markets> {
        self.asked.markets()
    }

    async fn order(&self, caller: Caller, order: OrderRef) -> Result<Order, QueryError> {
        self.asked.order(caller, order).await
    }

    async fn orders(&self, caller: Caller, filter: OrderFilter) -> Result<Vec<Order>, QueryError> {
        self.asked.orders(caller, filter).await
    }

    async fn balances(&self, caller: Caller) -> Result<Vec<AccountBalance>, QueryError> {
        self.asked.balances(caller).await
    }

    async fn depth(&self, market: MarketNumber, levels: usize) -> Result<DepthView, QueryError> {
        self.asked.depth(market, levels).await
    }

    async fn trades(&self, market: MarketNumber, limit: usize) -> Result<Vec<Trade>, QueryError> {
        self.asked.trades(market, limit).await
    }

    async fn own_trades(&self, caller: Caller, filter: TradeFilter) -> Result<Vec<Trade>, QueryError> {
        self.asked.own_trades(caller, filter).await
    }

    async fn ledger(&self, caller: Caller, filter: EntryFilter) -> Result<Vec<LedgerEntry>, QueryError> {
        self.asked.ledger(caller, filter).await
    }

    async fn candles(&self, market: MarketNumber, filter: CandleFilter) -> Result<Vec<Candle>, QueryError> {
        self.asked.candles(market, filter).await
    }

    fn history_lag(&self) -> HistoryLag {
        self.asked.history_lag()
    }

    async fn health(&self) -> Health {
        self.asked.health().await
    }
}

#[async_trait]
impl Feeds for Pair {
    fn updates(&self) -> broadcast::Receiver<Arc<Update>> {
        self.asked.updates()
    }

    async fn books(&self) -> Result<Vec<DepthView>, QueryError> {
        self.asked.books().await
    }

    async fn user_snapshot(&self, caller: Caller) -> Result<UserSnapshot, QueryError> {
        self.asked.user_snapshot(caller).await
    }
}

#[async_trait]
impl Operations for Pair {
    async fn transfer(
        &self,
        kind: TransferKind,
        key: TransferKey,
        user_id: UserId,
        asset: Asset,
        amount: Amount,
    ) -> Result<TransferReceipt, EntryError> {
        self.told.transfer(kind, key, user_id, asset, amount).await
    }

    async fn define_market(&self, definition: MarketDefinition) -> Result<(), EntryError> {
        self.told.define_market(definition).await
    }

    async fn set_market_state(&self, market: MarketNumber, state: MarketState) -> Result<(), EntryError> {
        self.told.set_market_state(market, state).await?;
        // The gateway that was told shows it at once, the others as soon as they have heard of it.
        assert_eq!(state_at(&self.told, market), Some(state));
        for _ in 0..1_000 {
            if state_at(&self.asked, market) == Some(state) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok(())
    }

    async fn cancel_selected(&self, selection: Selection) -> Result<u64, EntryError> {
        self.told.cancel_selected(selection).await
    }

    async fn define_tier(&self, tier: Tier) -> Result<(), EntryError> {
        self.told.define_tier(tier).await
    }

    async fn set_account_tier(&self, user_id: UserId, tier: Option<TierName>) -> Result<(), EntryError> {
        self.told.set_account_tier(user_id, tier).await
    }

    async fn add_api_key(&self, key: ApiKey) -> Result<(), EntryError> {
        self.told.add_api_key(key).await
    }

    async fn revoke_api_key(&self, key_id: ApiKeyId) -> Result<(), EntryError> {
        self.told.revoke_api_key(key_id).await
    }
}

/// From memory, which another gateway has a moment later only: the one that was told answers.
impl Accounts for Pair {
    fn tier_of(&self, user_id: UserId) -> Option<Arc<Tier>> {
        self.told.tier_of(user_id)
    }

    fn tiers(&self) -> Vec<Arc<Tier>> {
        self.told.tiers()
    }

    fn api_key(&self, key_id: &str) -> Option<Arc<ApiKey>> {
        self.told.api_key(key_id)
    }

    fn api_keys_of(&self, user_id: UserId) -> Vec<Arc<ApiKey>> {
        self.told.api_keys_of(user_id)
    }
}
