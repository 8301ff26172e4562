//! What the tests of the API share: a fake exchange and a real one, apps around them, and tokens.
#![allow(dead_code, reason = "each test file uses a part of it")]
#![allow(unused_imports, reason = "each test file uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod script;
mod signing;
mod venue;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use actix_web::App;
use actix_web::body::{MessageBody, to_bytes};
use actix_web::dev::ServiceResponse;
use actix_web::http::header::{self, HeaderMap};
use actix_web::test::{TestRequest, init_service, try_call_service};
use api::{ApiState, Reload, Reloaded, StreamOptions, Streams, WsLimits, configure, configure_admin};
use async_trait::async_trait;
use domain::{
    Amount, Band, FeeRate, Lots, Market, MarketDefinition, MarketNumber, MarketState, Order, OrderId,
    OrderState, Price, Progress, Quantity, SelfTradePrevention, Side, Stamp, Terms, TimeInForce, UserId,
};
use http::{
    AddressLimits, AddressRates, AuditLog, Edge, EdgeLimits, IssuerSettings, JwtAlgorithm, JwtKeys,
    JwtSettings, LocalRates, Origins, RateLimits, Scope, Scopes, SecretBox, Tickets, TokenIssuer,
    TokenRequest, TokenVerifier,
};
use runtime::{Clock, Ids, ManualClock};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use trading::{MarketView, Markets};

pub use script::{Asked, Script};
pub use signing::Signer;
pub use venue::{DEFAULT_RATE, Venue, by, limit_order, post};

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

/// The issuer whose tokens are taken.
pub fn verifier() -> Arc<TokenVerifier> {
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
    Arc::new(TokenVerifier::new(&settings).unwrap())
}

/// Settings that cannot be read, or one change that was applied.
pub struct Settings(pub Result<Reloaded, Vec<String>>);

#[async_trait]
impl Reload for Settings {
    async fn reload(&self) -> Result<Reloaded, Vec<String>> {
        self.0.clone()
    }
}

/// What the handlers share, with the audit file in this folder and streams of the exchange that is followed.
pub async fn state(
    exchange: Arc<dyn api::Exchange>,
    followed: Arc<dyn api::Exchange>,
    folder: &Path,
    clock: &Clock,
    limits: Arc<RateLimits>,
) -> ApiState {
    let ids = Ids::new(clock.clone());
    let streams = Streams::start(followed, StreamOptions::default(), clock.clone());
    ApiState {
        exchange,
        verifier: verifier(),
        limits,
        audit: Arc::new(AuditLog::open(folder.join("audit.log")).unwrap()),
        secrets: Arc::new(secrets()),
        tickets: Arc::new(Tickets::new(ids.clone())),
        addresses: Arc::new(AddressLimits::new(AddressRates::default(), clock.clone())),
        origins: Arc::new(Origins::default()),
        streams: streams.await,
        batch_bytes: 64 * 1024,
        ws: WsLimits::default(),
        demo: false,
        reload: Arc::new(Settings(Ok(Reloaded::default()))),
        ids,
        clock: clock.clone(),
        version: "1.2.3",
    }
}

/// What seals the secrets of API keys.
pub fn secrets() -> SecretBox {
    SecretBox::derive(&SecretString::from("s".repeat(32))).unwrap()
}

pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Value,
    pub text: String,
}

impl Answer {
    /// What a service answered.
    pub async fn of<B>(answer: Result<ServiceResponse<B>, actix_web::Error>) -> Self
    where
        B: MessageBody + 'static,
    {
        let response = match answer {
            Ok(response) => response.into_parts().1.map_into_boxed_body(),
            Err(error) => error.error_response(),
        };
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let bytes = to_bytes(response.into_body()).await.unwrap();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        Self {
            status,
            headers,
            body,
            text,
        }
    }

    /// A header as text; empty where it is missing.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// The edge of the tests. The request id is always `r-1`.
pub fn edge() -> Edge {
    let limits = EdgeLimits {
        request_timeout: Duration::from_secs(30),
        ..EdgeLimits::default()
    };
    Edge::new(limits, || "r-1".to_owned())
}

/// Asks a fresh app around the script.
pub async fn ask(script: &Arc<Script>, request: TestRequest) -> Answer {
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::from(ManualClock::at(stamp(0).micros()));
    let store = Arc::new(LocalRates::new(clock.clone()));
    let limits = Arc::new(RateLimits::new(store, 1_000));
    let exchange = Arc::clone(script) as Arc<dyn api::Exchange>;
    // The streams follow one that answers, whatever this one is told to do.
    let followed = Arc::new(Script::default());
    let state = state(exchange, followed, folder.path(), &clock, limits).await;
    let app = App::new()
        .wrap(edge())
        .configure(|config| configure(config, &state))
        .configure(|config| configure_admin(config, &state));
    let service = init_service(app).await;
    Answer::of(try_call_service(&service, request.to_request()).await).await
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
