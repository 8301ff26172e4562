//! An exchange that answers what a test tells it to, an app around it, and tokens for it.
#![allow(dead_code, reason = "each test file uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use actix_web::body::to_bytes;
use actix_web::http::header::{self, HeaderMap};
use actix_web::test::{TestRequest, init_service, try_call_service};
use actix_web::{App, HttpResponse};
use api::{ApiState, configure, configure_admin};
use async_trait::async_trait;
use domain::{
    Amount, Asset, Band, FeeRate, Lots, Market, MarketDefinition, MarketEvent, MarketNumber, MarketState,
    Order, OrderId, OrderRef, OrderState, Price, Progress, Quantity, Selection, SelfTradePrevention, Side,
    Stamp, Terms, TimeInForce, Trade, TransferKey, TransferKind, TransferReceipt, UserId,
};
use http::{
    Edge, EdgeLimits, IssuerSettings, JwtAlgorithm, JwtKeys, JwtSettings, Scope, Scopes, TokenIssuer,
    TokenRequest, TokenVerifier,
};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use trading::{
    AccountBalance, Amendment, Caller, DepthView, EntryError, Feeds, Health, LevelView, MarketView, Markets,
    NewOrder, Operations, OrderEntry, OrderFilter, Placed, Queries, QueryError,
};

pub const USER: u128 = 7;
const SECRET: &str = "a secret that is long enough for HS256";

/// BTC/USDT with a tick of 0.01 and a lot of 0.000001, number 1.
pub fn btc_usdt() -> MarketDefinition {
    MarketDefinition {
        number: MarketNumber(1),
        symbol: "BTC/USDT".parse().unwrap(),
        tick: Amount::parse("0.01").unwrap(),
        lot: Amount::parse("0.000001").unwrap(),
        min_quantity: Lots(10),
        max_quantity: Lots(1_000_000_000),
        max_price: Price::from_ticks(100_000_000).unwrap(),
        min_notional: Amount::parse("5").unwrap(),
        market_band: Some(Band(1_000)),
        limit_band: None,
        initial_price: None,
        maker_fee: FeeRate(100_000),
        taker_fee: FeeRate(200_000),
        max_open_orders: 200,
    }
}

pub fn markets() -> Markets {
    let market = Arc::new(Market::new(btc_usdt()).unwrap());
    Markets::new(vec![MarketView {
        market,
        state: MarketState::Open,
    }])
}

pub fn stamp(micros: u64) -> Stamp {
    Stamp::from_micros(1_700_000_000_000_000 + micros)
}

/// A buy of 0.5 BTC at 50000 of the user, with 0.2 filled at 49999.99.
pub fn order() -> Order {
    Order {
        order_id: OrderId::at(stamp(0), 42),
        user_id: UserId::from_u128(USER),
        institution_id: None,
        market: MarketNumber(1),
        side: Side::Buy,
        terms: Terms::Limit {
            price: Price::from_ticks(5_000_000).unwrap(),
            quantity: Quantity::from_lots(Lots(500_000)).unwrap(),
            display: None,
            post_only: false,
        },
        time_in_force: TimeInForce::Gtc,
        self_trade_prevention: SelfTradePrevention::ExpireTaker,
        client_order_id: Some("mine-1".parse().unwrap()),
        quantity: Lots(500_000),
        protection_price: None,
        state: OrderState::Open(Progress {
            remaining: Lots(300_000),
            filled: Lots(200_000),
            prevented: Lots(0),
        }),
        filled_notional: Amount::parse("9999.998").unwrap(),
        fee: Amount::parse("0.0004").unwrap(),
        maker_fee: FeeRate(100_000),
        taker_fee: FeeRate(200_000),
        deadline: stamp(60_000_000),
        expires_at: None,
        created_at: stamp(0),
        updated_at: stamp(1_500),
        triggered_at: None,
        ended_at: None,
    }
}

/// What was asked of the exchange.
#[derive(Debug, Clone, PartialEq)]
pub enum Asked {
    Place(Caller, NewOrder),
    Cancel(Caller, OrderRef),
    Amend(Caller, OrderRef, Amendment),
    CancelAll(Caller, Option<MarketNumber>, Option<Side>),
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

    async fn health(&self) -> Health {
        let trouble = self.not_ready.then(|| "the disk is nearly full".to_owned());
        Health {
            ready: !self.not_ready,
            dependencies: vec![("journal", trouble)],
        }
    }
}

impl Feeds for Script {
    fn events(&self) -> tokio::sync::broadcast::Receiver<Arc<[MarketEvent]>> {
        tokio::sync::broadcast::channel(1).1
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
}

/// A token of a user with these rights.
pub fn token(user: u128, scopes: &[Scope]) -> String {
    let issuer = TokenIssuer::new(&SecretString::from(SECRET), "us", "engine").unwrap();
    #[allow(
        clippy::disallowed_methods,
        reason = "the library checks tokens by the system's clock"
    )]
    let now = SystemTime::now();
    let request = TokenRequest {
        user_id: uuid::Uuid::from_u128(user),
        institution_id: None,
        scopes: Scopes::of(scopes),
        issued_secs: now.duration_since(UNIX_EPOCH).unwrap().as_secs(),
        valid_secs: 60,
    };
    issuer.issue(&request).unwrap().expose_secret().to_owned()
}

pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Value,
    pub text: String,
}

/// Asks a fresh app around the script. The request id is always `r-1`.
pub async fn ask(script: &Arc<Script>, request: TestRequest) -> Answer {
    let settings = JwtSettings {
        issuers: vec![IssuerSettings {
            issuer: "us".to_owned(),
            audience: "engine".to_owned(),
            algorithm: JwtAlgorithm::Hs256,
            keys: JwtKeys::Secret(SecretString::from(SECRET)),
            leeway_secs: 5,
        }],
        cache_entries: 100,
    };
    let state = ApiState {
        exchange: Arc::clone(script) as Arc<dyn api::Exchange>,
        verifier: Arc::new(TokenVerifier::new(&settings).unwrap()),
        now: Arc::new(|| stamp(0)),
        version: "1.2.3",
    };
    let limits = EdgeLimits {
        request_timeout: Duration::from_secs(30),
        ..EdgeLimits::default()
    };
    let app = App::new()
        .wrap(Edge::new(limits, || "r-1".to_owned()))
        .configure(|config| configure(config, &state))
        .configure(|config| configure_admin(config, &state));
    let service = init_service(app).await;
    let response: HttpResponse = match try_call_service(&service, request.to_request()).await {
        Ok(response) => response.into_parts().1,
        Err(error) => error.error_response(),
    };
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let bytes = to_bytes(response.into_body()).await.unwrap();
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    let body = serde_json::from_str(&text).unwrap_or(Value::Null);
    Answer {
        status,
        headers,
        body,
        text,
    }
}

/// A request of a user who may trade.
pub fn as_trader(request: TestRequest) -> TestRequest {
    as_user(request, USER, &[Scope::Trade])
}

pub fn as_user(request: TestRequest, user: u128, scopes: &[Scope]) -> TestRequest {
    request.insert_header((header::AUTHORIZATION, format!("Bearer {}", token(user, scopes))))
}

pub fn get(path: &str) -> TestRequest {
    TestRequest::get().uri(path)
}

pub fn delete(path: &str) -> TestRequest {
    TestRequest::delete().uri(path)
}

pub fn with_json(request: TestRequest, path: &str, body: &Value) -> TestRequest {
    request
        .uri(path)
        .insert_header((header::CONTENT_TYPE, "application/json"))
        .set_payload(body.to_string())
}
