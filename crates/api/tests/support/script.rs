//! An exchange that answers what a test tells it to, and remembers what it was asked.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use domain::{
    Amount, ApiKey, ApiKeyId, Asset, LedgerEntry, Lots, MarketDefinition, MarketNumber, MarketState, Order,
    OrderId, OrderRef, Price, Quantity, Selection, SessionId, Side, Stamp, Tier, TierName, Trade,
    TransferKey, TransferKind, TransferReceipt, UserId,
};
use market_data::Candle;
use tokio::sync::broadcast;
use trading::{
    AccountBalance, Accounts, Amendment, Caller, CandleFilter, DepthView, EntryError, EntryFilter, Feeds,
    Health, HistoryLag, LevelView, Markets, NewOrder, Operations, OrderEntry, OrderFilter, Placed, Queries,
    QueryError, TradeFilter, Update, UserSnapshot,
};

use super::{markets, order, stamp};

/// What was asked of the exchange.
#[derive(Debug, Clone, PartialEq)]
pub enum Asked {
    Place(Caller, NewOrder),
    Cancel(Caller, OrderRef),
    Amend(Caller, OrderRef, Amendment),
    CancelAll(Caller, Option<MarketNumber>, Option<Side>),
    CancelAllAfter(Caller, u64),
    Orders(Caller, OrderFilter),
    Transfer(TransferKind, TransferKey, UserId, Asset, Amount),
    Define(MarketDefinition),
    SetState(MarketNumber, MarketState),
    CancelSelected(Selection),
}

/// Knows one order of one user, answers commands as told, and remembers what it was asked.
#[derive(Default)]
pub struct Script {
    pub refuse: Option<EntryError>,
    pub fail_queries: Option<QueryError>,
    pub placed: Option<Placed>,
    pub not_ready: bool,
    pub asked: Mutex<Vec<Asked>>,
}

impl Script {
    pub fn refusing(error: EntryError) -> Self {
        Self {
            refuse: Some(error),
            ..Self::default()
        }
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    fn note(&self, asked: Asked) -> Result<(), EntryError> {
        self.asked.lock().unwrap().push(asked);
        self.refuse.clone().map_or(Ok(()), Err)
    }

    fn answer<T>(&self, answer: T) -> Result<T, QueryError> {
        self.fail_queries.map_or(Ok(answer), Err)
    }
}

fn is_mine(caller: Caller, asked: &OrderRef) -> bool {
    let mine = order();
    let named = match asked {
        OrderRef::Id(id) => *id == mine.order_id,
        OrderRef::Client(id) => Some(id) == mine.client_order_id.as_ref(),
    };
    named && caller.user_id == mine.user_id
}

#[async_trait]
impl OrderEntry for Script {
    async fn place(&self, caller: Caller, order_wanted: NewOrder) -> Result<Placed, EntryError> {
        self.note(Asked::Place(caller, order_wanted))?;
        Ok(self
            .placed
            .clone()
            .unwrap_or_else(|| Placed::New(Arc::new(order()))))
    }

    async fn cancel(&self, caller: Caller, wanted: OrderRef) -> Result<Order, EntryError> {
        let mine = is_mine(caller, &wanted);
        self.note(Asked::Cancel(caller, wanted))?;
        if mine {
            Ok(order())
        } else {
            Err(EntryError::UnknownOrder)
        }
    }

    async fn amend(&self, caller: Caller, wanted: OrderRef, change: Amendment) -> Result<Order, EntryError> {
        self.note(Asked::Amend(caller, wanted, change))?;
        Ok(order())
    }

    async fn cancel_all(
        &self,
        caller: Caller,
        market: Option<MarketNumber>,
        side: Option<Side>,
    ) -> Result<u64, EntryError> {
        self.note(Asked::CancelAll(caller, market, side))?;
        Ok(3)
    }

    async fn cancel_all_after(&self, caller: Caller, micros: u64) -> Result<Option<Stamp>, EntryError> {
        self.note(Asked::CancelAllAfter(caller, micros))?;
        Ok((micros > 0).then(|| stamp(micros)))
    }

    async fn open_session(&self, _: Caller) -> Result<SessionId, EntryError> {
        self.refuse
            .clone()
            .map_or_else(|| Ok(SessionId::from_u128(1)), Err)
    }

    async fn close_session(&self, _: SessionId, _: bool) -> Result<(), EntryError> {
        self.refuse.clone().map_or(Ok(()), Err)
    }
}

#[async_trait]
impl Queries for Script {
    fn markets(&self) -> Arc<Markets> {
        Arc::new(markets())
    }

    async fn order(&self, caller: Caller, wanted: OrderRef) -> Result<Order, QueryError> {
        if is_mine(caller, &wanted) {
            self.answer(order())
        } else {
            Err(QueryError::NotFound)
        }
    }

    async fn orders(&self, caller: Caller, filter: OrderFilter) -> Result<Vec<Order>, QueryError> {
        self.asked.lock().unwrap().push(Asked::Orders(caller, filter));
        self.answer(vec![order()])
    }

    async fn balances(&self, _: Caller) -> Result<Vec<AccountBalance>, QueryError> {
        self.answer(vec![AccountBalance {
            asset: "USDT".parse().unwrap(),
            available: Amount::parse("12.5").unwrap(),
            reserved: Amount::parse("0.00000001").unwrap(),
            version: 9,
        }])
    }

    async fn depth(&self, market: MarketNumber, levels: usize) -> Result<DepthView, QueryError> {
        let level = |ticks, lots| LevelView {
            price: Price::from_ticks(ticks).unwrap(),
            quantity: Lots(lots),
        };
        let mut bids = vec![level(4_999_900, 1_000_000), level(4_999_800, 1)];
        bids.truncate(levels);
        self.answer(DepthView {
            market,
            seq: 17,
            bids,
            asks: vec![level(5_000_100, 250_000)],
        })
    }

    async fn trades(&self, market: MarketNumber, _: usize) -> Result<Vec<Trade>, QueryError> {
        let party = |user| domain::TradeSide {
            order_id: OrderId::at(stamp(0), user),
            user_id: UserId::from_u128(u128::from(user)),
            fee: Amount(1),
            remaining: Lots(0),
        };
        self.answer(vec![Trade {
            trade_id: domain::TradeId::at(stamp(0), market, 1),
            market,
            number: 1,
            price: Price::from_ticks(5_000_000).unwrap(),
            quantity: Quantity::from_lots(Lots(500_000)).unwrap(),
            buyer: party(7),
            seller: party(8),
            maker_side: Side::Sell,
            executed_at: stamp(0),
        }])
    }

    async fn own_trades(&self, _: Caller, _: TradeFilter) -> Result<Vec<Trade>, QueryError> {
        self.answer(Vec::new())
    }

    async fn ledger(&self, _: Caller, _: EntryFilter) -> Result<Vec<LedgerEntry>, QueryError> {
        self.answer(Vec::new())
    }

    async fn candles(&self, _: MarketNumber, _: CandleFilter) -> Result<Vec<Candle>, QueryError> {
        self.answer(Vec::new())
    }

    fn history_lag(&self) -> HistoryLag {
        HistoryLag::default()
    }

    async fn health(&self) -> Health {
        let trouble = self.not_ready.then(|| "the disk is nearly full".to_owned());
        Health {
            ready: !self.not_ready,
            dependencies: vec![("journal", trouble)],
        }
    }
}

#[async_trait]
impl Feeds for Script {
    fn updates(&self) -> broadcast::Receiver<Arc<Update>> {
        broadcast::channel(1).1
    }

    async fn books(&self) -> Result<Vec<DepthView>, QueryError> {
        self.answer(Vec::new())
    }

    async fn user_snapshot(&self, _: Caller) -> Result<UserSnapshot, QueryError> {
        self.answer(UserSnapshot {
            markets: Vec::new(),
            orders: Vec::new(),
            balances: Vec::new(),
        })
    }
}

/// Nobody has a tier or a key.
impl Accounts for Script {
    fn tier_of(&self, _: UserId) -> Option<Arc<Tier>> {
        None
    }

    fn tiers(&self) -> Vec<Arc<Tier>> {
        Vec::new()
    }

    fn api_key(&self, _: &str) -> Option<Arc<ApiKey>> {
        None
    }

    fn api_keys_of(&self, _: UserId) -> Vec<Arc<ApiKey>> {
        Vec::new()
    }
}

#[async_trait]
impl Operations for Script {
    async fn transfer(
        &self,
        kind: TransferKind,
        key: TransferKey,
        user_id: UserId,
        asset: Asset,
        amount: Amount,
    ) -> Result<TransferReceipt, EntryError> {
        self.note(Asked::Transfer(kind, key.clone(), user_id, asset, amount))?;
        Ok(TransferReceipt {
            key,
            kind,
            user_id,
            asset,
            amount,
            available: amount,
            at: stamp(0),
        })
    }

    async fn define_market(&self, definition: MarketDefinition) -> Result<(), EntryError> {
        self.note(Asked::Define(definition))
    }

    async fn set_market_state(&self, market: MarketNumber, state: MarketState) -> Result<(), EntryError> {
        self.note(Asked::SetState(market, state))
    }

    async fn cancel_selected(&self, selection: Selection) -> Result<u64, EntryError> {
        self.note(Asked::CancelSelected(selection))?;
        Ok(5)
    }

    async fn define_tier(&self, _: Tier) -> Result<(), EntryError> {
        self.refuse.clone().map_or(Ok(()), Err)
    }

    async fn set_account_tier(&self, _: UserId, _: Option<TierName>) -> Result<(), EntryError> {
        self.refuse.clone().map_or(Ok(()), Err)
    }

    async fn add_api_key(&self, _: ApiKey) -> Result<(), EntryError> {
        self.refuse.clone().map_or(Ok(()), Err)
    }

    async fn revoke_api_key(&self, _: ApiKeyId) -> Result<(), EntryError> {
        self.refuse.clone().map_or(Ok(()), Err)
    }
}
