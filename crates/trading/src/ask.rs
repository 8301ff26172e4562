//! Order entry, queries and operations, one trait per noun, and what their calls carry.

use std::sync::Arc;

use async_trait::async_trait;
use domain::{
    Amount, ApiKey, ApiKeyId, Asset, ClientOrderId, InstitutionId, LedgerEntry, MarketDefinition,
    MarketNumber, MarketState, Order, OrderRef, Price, Quantity, Selection, SelfTradePrevention, SessionId,
    Side, Stamp, Terms, Tier, TierName, TimeInForce, Trade, TransferKey, TransferKind, TransferReceipt,
    UserId,
};
use market_data::Candle;

use crate::{
    AccountBalance, CandleFilter, DepthView, EntryError, EntryFilter, Health, HistoryLag, Markets,
    OrderFilter, QueryError, TradeFilter,
};

/// Who asks, as the edge has made sure of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caller {
    /// The user.
    pub user_id: UserId,
    /// The user's institution.
    pub institution_id: Option<InstitutionId>,
}

/// An order as a caller asks for it, parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewOrder {
    /// Its market.
    pub market: MarketNumber,
    /// Its side.
    pub side: Side,
    /// Its type and numbers.
    pub terms: Terms,
    /// How long it lives.
    pub time_in_force: TimeInForce,
    /// What happens when it meets an order of the same user.
    pub self_trade_prevention: SelfTradePrevention,
    /// The caller's name for it.
    pub client_order_id: Option<ClientOrderId>,
    /// The caller's deadline.
    pub deadline: Option<Stamp>,
}

/// What became of a placement that was not refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Placed {
    /// A new order, as it stands after it was matched.
    New(Arc<Order>),
    /// The same order was placed before under this client id.
    Existing(Arc<Order>),
    /// The order is stored and will be applied, but that was not known in time: PENDING, or as it stands after it was
    /// matched where only its money has still to be settled. The embedded exchange never answers so.
    Pending(Arc<Order>),
}

/// A change to an order; what is none stays.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Amendment {
    /// The new limit price.
    pub price: Option<Price>,
    /// The new total quantity.
    pub quantity: Option<Quantity>,
}

/// Placing, amending and cancelling orders. Every answer is durable before it is given.
#[async_trait]
pub trait OrderEntry: Send + Sync {
    /// Places an order.
    async fn place(&self, caller: Caller, order: NewOrder) -> Result<Placed, EntryError>;
    /// Cancels an order of the caller's; the order after it.
    async fn cancel(&self, caller: Caller, order: OrderRef) -> Result<Order, EntryError>;
    /// Changes an order of the caller's; the order after it.
    async fn amend(&self, caller: Caller, order: OrderRef, amendment: Amendment)
    -> Result<Order, EntryError>;
    /// Cancels all of the caller's orders that match; how many.
    async fn cancel_all(
        &self,
        caller: Caller,
        market: Option<MarketNumber>,
        side: Option<Side>,
    ) -> Result<u64, EntryError>;
    /// Arms or renews the caller's dead man's switch, or disarms it with 0: when it runs out, all of the caller's
    /// orders are cancelled. The moment of that.
    async fn cancel_all_after(
        &self,
        caller: Caller,
        timeout_micros: u64,
    ) -> Result<Option<Stamp>, EntryError>;
    /// Opens a session at whose end, or at the next start of the exchange, all of the caller's orders are cancelled.
    async fn open_session(&self, caller: Caller) -> Result<SessionId, EntryError>;
    /// Ends a session; with `cancel`, its user's orders are cancelled. An unknown session is no error.
    async fn close_session(&self, session: SessionId, cancel: bool) -> Result<(), EntryError>;
}

/// Looking things up. What a caller was told it has done is seen by every later question.
#[async_trait]
pub trait Queries: Send + Sync {
    /// The markets; cheap, from memory.
    fn markets(&self) -> Arc<Markets>;
    /// One of the caller's orders.
    async fn order(&self, caller: Caller, order: OrderRef) -> Result<Order, QueryError>;
    /// The caller's orders, newest first.
    async fn orders(&self, caller: Caller, filter: OrderFilter) -> Result<Vec<Order>, QueryError>;
    /// The caller's balances, by asset.
    async fn balances(&self, caller: Caller) -> Result<Vec<AccountBalance>, QueryError>;
    /// The best levels of a book, at most so many a side.
    async fn depth(&self, market: MarketNumber, levels: usize) -> Result<DepthView, QueryError>;
    /// A market's latest trades, newest first, at most so many.
    async fn trades(&self, market: MarketNumber, limit: usize) -> Result<Vec<Trade>, QueryError>;
    /// The caller's trades, newest first. Each has the caller as buyer, as seller, or as both.
    async fn own_trades(&self, caller: Caller, filter: TradeFilter) -> Result<Vec<Trade>, QueryError>;
    /// The caller's ledger, newest line first: all lines of an asset sum to its balance.
    async fn ledger(&self, caller: Caller, filter: EntryFilter) -> Result<Vec<LedgerEntry>, QueryError>;
    /// Candles of a market, oldest first; spans without a trade have none.
    async fn candles(&self, market: MarketNumber, filter: CandleFilter) -> Result<Vec<Candle>, QueryError>;
    /// How far history lies behind.
    fn history_lag(&self) -> HistoryLag;
    /// Whether the exchange can do its work.
    async fn health(&self) -> Health;
}

/// What operators do. The edge has made sure of their rights.
#[async_trait]
pub trait Operations: Send + Sync {
    /// Deposits or withdraws under the caller's key.
    async fn transfer(
        &self,
        kind: TransferKind,
        key: TransferKey,
        user_id: UserId,
        asset: Asset,
        amount: Amount,
    ) -> Result<TransferReceipt, EntryError>;
    /// Defines a market, or changes one's limits, bands and fees.
    ///
    /// # Errors
    /// The rules that the definition breaks, one of them in the error.
    async fn define_market(&self, definition: MarketDefinition) -> Result<(), EntryError>;
    /// Changes what a market takes.
    async fn set_market_state(&self, market: MarketNumber, state: MarketState) -> Result<(), EntryError>;
    /// Cancels every order that matches; how many.
    async fn cancel_selected(&self, selection: Selection) -> Result<u64, EntryError>;
    /// Defines an account tier, or changes one.
    async fn define_tier(&self, tier: Tier) -> Result<(), EntryError>;
    /// Puts a user into a tier, or out of every tier.
    async fn set_account_tier(&self, user_id: UserId, tier: Option<TierName>) -> Result<(), EntryError>;
    /// Keeps a new API key; its time of making is the moment of the call.
    async fn add_api_key(&self, key: ApiKey) -> Result<(), EntryError>;
    /// Revokes an API key for ever; revoking it again changes nothing.
    async fn revoke_api_key(&self, key_id: ApiKeyId) -> Result<(), EntryError>;
}
