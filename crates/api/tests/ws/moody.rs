//! The real exchange, except that it does not always do what the server asks.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use domain::{
    Amount, ApiKey, ApiKeyId, Asset, LedgerEntry, MarketDefinition, MarketNumber, MarketState, Order,
    OrderRef, Selection, SessionId, Side, Stamp, Tier, TierName, Trade, TransferKey, TransferKind,
    TransferReceipt, UserId,
};
use embedded::Embedded;
use market_data::Candle;
use tokio::sync::{broadcast, watch};
use trading::{
    AccountBalance, Accounts, Amendment, Caller, CandleFilter, DepthView, EntryError, EntryFilter, Feeds,
    Health, HistoryLag, Markets, NewOrder, Operations, OrderEntry, OrderFilter, Placed, Queries, QueryError,
    TradeFilter, Update, UserSnapshot,
};

/// How a question is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Answers {
    #[default]
    Well,
    /// With an error.
    Badly,
    /// Not before another mood.
    Later,
}

/// How one kind of question is answered, and how often it was asked.
#[derive(Default)]
pub struct Mood {
    answers: watch::Sender<Answers>,
    asked: watch::Sender<u32>,
}

impl Mood {
    pub fn set(&self, answers: Answers) {
        self.answers.send_replace(answers);
    }

    /// Waits until it was asked so often in all.
    pub async fn was_asked(&self, times: u32) {
        let mut asked = self.asked.subscribe();
        let enough = asked.wait_for(|asked| *asked >= times);
        tokio::time::timeout(crate::house::PATIENCE, enough)
            .await
            .unwrap()
            .unwrap();
    }

    async fn check<E>(&self, error: E) -> Result<(), E> {
        self.asked.send_modify(|asked| *asked += 1);
        let mut answers = self.answers.subscribe();
        let answers = answers.wait_for(|answers| *answers != Answers::Later).await;
        match *answers.unwrap() {
            Answers::Badly => Err(error),
            _ => Ok(()),
        }
    }
}

/// What goes wrong at will.
#[derive(Default)]
pub struct Moods {
    pub candles: Mood,
    pub snapshots: Mood,
    pub opening: Mood,
    pub closing: Mood,
    /// How each session was closed, in order.
    pub closed: Mutex<Vec<(SessionId, bool)>>,
}

pub struct Moody {
    pub inner: Arc<Embedded>,
    pub moods: Arc<Moods>,
}

#[async_trait]
impl OrderEntry for Moody {
    async fn place(&self, caller: Caller, order: NewOrder) -> Result<Placed, EntryError> {
        self.inner.place(caller, order).await
    }

    async fn cancel(&self, caller: Caller, order: OrderRef) -> Result<Order, EntryError> {
        self.inner.cancel(caller, order).await
    }

    async fn amend(&self, caller: Caller, order: OrderRef, change: Amendment) -> Result<Order, EntryError> {
        self.inner.amend(caller, order, change).await
    }

    async fn cancel_all(
        &self,
        caller: Caller,
        market: Option<MarketNumber>,
        side: Option<Side>,
    ) -> Result<u64, EntryError> {
        self.inner.cancel_all(caller, market, side).await
    }

    async fn cancel_all_after(&self, caller: Caller, micros: u64) -> Result<Option<Stamp>, EntryError> {
        self.inner.cancel_all_after(caller, micros).await
    }

    async fn open_session(&self, caller: Caller) -> Result<SessionId, EntryError> {
        self.moods.opening.check(EntryError::OutcomeUnknown).await?;
        self.inner.open_session(caller).await
    }

    async fn close_session(&self, session: SessionId, cancel: bool) -> Result<(), EntryError> {
        self.moods.closing.check(EntryError::OutcomeUnknown).await?;
        self.inner.close_session(session, cancel).await?;
        self.moods.closed.lock().unwrap().push((session, cancel));
        Ok(())
    }
}

#[async_trait]
impl Queries for Moody {
    fn markets(&self) -> Arc<Markets> {
        self.inner.markets()
    }

    async fn order(&self, caller: Caller, order: OrderRef) -> Result<Order, QueryError> {
        self.inner.order(caller, order).await
    }

    async fn orders(&self, caller: Caller, filter: OrderFilter) -> Result<Vec<Order>, QueryError> {
        self.inner.orders(caller, filter).await
    }

    async fn balances(&self, caller: Caller) -> Result<Vec<AccountBalance>, QueryError> {
        self.inner.balances(caller).await
    }

    async fn depth(&self, market: MarketNumber, levels: usize) -> Result<DepthView, QueryError> {
        self.inner.depth(market, levels).await
    }

    async fn trades(&self, market: MarketNumber, limit: usize) -> Result<Vec<Trade>, QueryError> {
        self.inner.trades(market, limit).await
    }

    async fn own_trades(&self, caller: Caller, filter: TradeFilter) -> Result<Vec<Trade>, QueryError> {
        self.inner.own_trades(caller, filter).await
    }

    async fn ledger(&self, caller: Caller, filter: EntryFilter) -> Result<Vec<LedgerEntry>, QueryError> {
        self.inner.ledger(caller, filter).await
    }

    async fn candles(&self, market: MarketNumber, filter: CandleFilter) -> Result<Vec<Candle>, QueryError> {
        self.moods.candles.check(QueryError::Unavailable).await?;
        self.inner.candles(market, filter).await
    }

    fn history_lag(&self) -> HistoryLag {
        self.inner.history_lag()
    }

    async fn health(&self) -> Health {
        self.inner.health().await
    }
}

#[async_trait]
impl Feeds for Moody {
    fn updates(&self) -> broadcast::Receiver<Arc<Update>> {
        self.inner.updates()
    }

    async fn books(&self) -> Result<Vec<DepthView>, QueryError> {
        self.inner.books().await
    }

    async fn user_snapshot(&self, caller: Caller) -> Result<UserSnapshot, QueryError> {
        self.moods.snapshots.check(QueryError::Unavailable).await?;
        self.inner.user_snapshot(caller).await
    }
}

impl Accounts for Moody {
    fn tier_of(&self, user_id: UserId) -> Option<Arc<Tier>> {
        self.inner.tier_of(user_id)
    }

    fn tiers(&self) -> Vec<Arc<Tier>> {
        self.inner.tiers()
    }

    fn api_key(&self, key_id: &str) -> Option<Arc<ApiKey>> {
        self.inner.api_key(key_id)
    }

    fn api_keys_of(&self, user_id: UserId) -> Vec<Arc<ApiKey>> {
        self.inner.api_keys_of(user_id)
    }
}

#[async_trait]
impl Operations for Moody {
    async fn transfer(
        &self,
        kind: TransferKind,
        key: TransferKey,
        user_id: UserId,
        asset: Asset,
        amount: Amount,
    ) -> Result<TransferReceipt, EntryError> {
        self.inner.transfer(kind, key, user_id, asset, amount).await
    }

    async fn define_market(&self, definition: MarketDefinition) -> Result<(), EntryError> {
        self.inner.define_market(definition).await
    }

    async fn set_market_state(&self, market: MarketNumber, state: MarketState) -> Result<(), EntryError> {
        self.inner.set_market_state(market, state).await
    }

    async fn cancel_selected(&self, selection: Selection) -> Result<u64, EntryError> {
        self.inner.cancel_selected(selection).await
    }

    async fn define_tier(&self, tier: Tier) -> Result<(), EntryError> {
        self.inner.define_tier(tier).await
    }

    async fn set_account_tier(&self, user_id: UserId, tier: Option<TierName>) -> Result<(), EntryError> {
        self.inner.set_account_tier(user_id, tier).await
    }

    async fn add_api_key(&self, key: ApiKey) -> Result<(), EntryError> {
        self.inner.add_api_key(key).await
    }

    async fn revoke_api_key(&self, key_id: ApiKeyId) -> Result<(), EntryError> {
        self.inner.revoke_api_key(key_id).await
    }
}
