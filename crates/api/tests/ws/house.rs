//! The real exchange in a directory of its own, behind a real server on a free port.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use actix_web::dev::ServerHandle;
use actix_web::{App, HttpServer};
use api::{ApiState, Reload, Reloaded, StreamOptions, Streams, WsLimits, configure};
use async_trait::async_trait;
use domain::{
    Amount, Band, FeeRate, Lots, MarketDefinition, MarketNumber, Order, Price, Quantity, SelfTradePrevention,
    Side, Terms, TimeInForce, TransferKind, UserId,
};
use embedded::{Embedded, Options, Probe};
use http::{
    AddressLimits, AddressRates, AuditLog, Edge, EdgeLimits, IssuerSettings, JwtAlgorithm, JwtKeys,
    JwtSettings, LocalRates, Origins, RateLimits, Scope, Scopes, SecretBox, Tickets, TokenIssuer,
    TokenRequest, TokenVerifier,
};
use runtime::{Clock, Ids};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use tempfile::TempDir;
use trading::{Caller, NewOrder, Operations, OrderEntry, Placed};
use uuid::Uuid;

use crate::moody::{Moods, Moody};

/// A condition that a test waits for may take this long; far more than any machine needs.
pub const PATIENCE: Duration = Duration::from_secs(60);
const SECRET: &str = "a secret that is long enough for HS256";

pub const ALICE: u128 = 1;
pub const BOB: u128 = 2;

/// What a test changes.
pub struct Plan {
    pub limits: WsLimits,
    pub streams: StreamOptions,
    pub rate: u32,
    pub origins: Vec<&'static str>,
    /// Whether the streams follow the exchange from the beginning.
    pub follows: bool,
    /// What the exchange does not do for the server; it does everything for the test.
    pub moods: Arc<Moods>,
    /// Sees each command before it is applied.
    pub probe: Probe,
    /// Whether requests over HTTP join the traces that they name.
    pub joins_callers: bool,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            limits: WsLimits {
                messages_per_second: 100_000,
                ..WsLimits::default()
            },
            streams: StreamOptions {
                depth_interval: Duration::from_millis(5),
                ..StreamOptions::default()
            },
            rate: 1_000_000,
            origins: Vec::new(),
            follows: true,
            moods: Arc::default(),
            probe: Probe::default(),
            joins_callers: false,
        }
    }
}

struct NoReload;

#[async_trait]
impl Reload for NoReload {
    async fn reload(&self) -> Result<Reloaded, Vec<String>> {
        Ok(Reloaded::default())
    }
}

pub struct House {
    dir: TempDir,
    pub address: SocketAddr,
    pub exchange: Arc<Embedded>,
    pub streams: Arc<Streams>,
    pub tickets: Arc<Tickets>,
    pub moods: Arc<Moods>,
    server: ServerHandle,
    following: Option<tokio::task::JoinHandle<()>>,
}

impl House {
    pub async fn new() -> Self {
        Self::with(Plan::default()).await
    }

    pub async fn with(plan: Plan) -> Self {
        Self::open(tempfile::tempdir().unwrap(), plan).await
    }

    /// Opens the same exchange again.
    pub async fn again(self, plan: Plan) -> Self {
        let Self {
            dir,
            exchange,
            streams,
            server,
            following,
            ..
        } = self;
        streams.stop(PATIENCE).await;
        server.stop(true).await;
        following.inspect(tokio::task::JoinHandle::abort);
        tokio::task::spawn_blocking(move || exchange.stop())
            .await
            .unwrap();
        Self::open(dir, plan).await
    }

    async fn open(dir: TempDir, plan: Plan) -> Self {
        let options = Options {
            min_free_bytes: 0,
            answer_timeout: PATIENCE,
            probe: plan.probe,
            ..Options::new(dir.path().to_path_buf())
        };
        let markets = vec![market("BTC/USDT"), market("ETH/USDT")];
        let opened = tokio::task::spawn_blocking(move || Embedded::open(options, markets)).await;
        let exchange = Arc::new(opened.unwrap().unwrap().0);
        let shared: Arc<dyn api::Exchange> = Arc::new(Moody {
            inner: Arc::clone(&exchange),
            moods: Arc::clone(&plan.moods),
        });
        let streams = Streams::start(Arc::clone(&shared), plan.streams, Clock::System).await;
        let following = plan.follows.then(|| tokio::spawn(Arc::clone(&streams).run()));
        let ids = Ids::new(Clock::System);
        let tickets = Arc::new(Tickets::new(ids.clone()));
        let state = ApiState {
            exchange: shared,
            verifier: Arc::new(verifier()),
            limits: Arc::new(RateLimits::new(
                Arc::new(LocalRates::new(Clock::System)),
                plan.rate,
            )),
            audit: Arc::new(AuditLog::open(dir.path().join("audit.jsonl")).unwrap()),
            secrets: Arc::new(SecretBox::derive(&SecretString::from(SECRET)).unwrap()),
            tickets: Arc::clone(&tickets),
            addresses: Arc::new(AddressLimits::new(AddressRates::default(), Clock::System)),
            origins: Arc::new(Origins::parse(&plan.origins).unwrap()),
            streams: Arc::clone(&streams),
            batch_bytes: 64 * 1024,
            ws: plan.limits,
            demo: false,
            reload: Arc::new(NoReload),
            ids,
            clock: Clock::System,
            version: "test",
        };
        let edge = Edge::new(EdgeLimits::default(), || "r-1".to_owned());
        let edge = match plan.joins_callers {
            true => edge.joining_callers(),
            false => edge,
        };
        let server = HttpServer::new(move || {
            App::new()
                .wrap(edge.clone())
                .configure(|config| configure(config, &state))
        });
        let server = server
            .workers(1)
            .disable_signals()
            .bind(("127.0.0.1", 0))
            .unwrap();
        let address = server.addrs()[0];
        let server = server.run();
        let handle = server.handle();
        tokio::spawn(server);
        Self {
            dir,
            address,
            exchange,
            streams,
            tickets,
            moods: plan.moods,
            server: handle,
            following,
        }
    }

    /// Gives users plenty of every asset.
    pub async fn fund(&self, users: &[u128]) {
        for user in users {
            for asset in ["BTC", "ETH", "USDT"] {
                let key = format!("{asset}-{user}").parse().unwrap();
                let done = self.exchange.transfer(
                    TransferKind::Deposit,
                    key,
                    caller(*user).user_id,
                    asset.parse().unwrap(),
                    Amount(1_000_000 * 100_000_000),
                );
                done.await.unwrap();
            }
        }
    }

    /// Places a limit order that must be taken.
    pub async fn place(&self, user: u128, side: Side, lots: u64, price: u32) -> Order {
        self.place_in(1, user, side, lots, price).await
    }

    pub async fn place_in(&self, market: u32, user: u128, side: Side, lots: u64, price: u32) -> Order {
        let order = NewOrder {
            market: MarketNumber(market),
            ..limit(side, lots, price)
        };
        match self.exchange.place(caller(user), order).await {
            Ok(Placed::New(order)) => Arc::unwrap_or_clone(order),
            other => panic!("expected a new order, got {other:?}"),
        }
    }

    /// The answer to a GET, which must be 200.
    pub async fn get(&self, path: &str, token: Option<&str>) -> Value {
        let (status, body) = self.call(reqwest::Method::GET, path, token).await;
        assert_eq!(status, 200, "{path}: {body}");
        body
    }

    pub async fn call(&self, method: reqwest::Method, path: &str, token: Option<&str>) -> (u16, Value) {
        let request = reqwest::Client::new().request(method, format!("http://{}{path}", self.address));
        let request = match token {
            Some(token) => request.bearer_auth(token),
            None => request,
        };
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }
}

fn market(symbol: &str) -> MarketDefinition {
    MarketDefinition {
        number: MarketNumber(0),
        symbol: symbol.parse().unwrap(),
        tick: Amount::parse("0.01").unwrap(),
        lot: Amount::parse("0.001").unwrap(),
        min_quantity: Lots(1),
        max_quantity: Lots(1_000_000),
        max_price: price(1_000_000),
        min_notional: Amount(1),
        market_band: Some(Band(1_000)),
        limit_band: None,
        initial_price: Some(price(10_000)),
        maker_fee: FeeRate(100_000),
        taker_fee: FeeRate(200_000),
        max_open_orders: 10_000,
    }
}

pub fn price(ticks: u32) -> Price {
    Price::from_ticks(ticks).unwrap()
}

pub fn caller(user: u128) -> Caller {
    Caller {
        user_id: UserId::from_u128(user),
        institution_id: None,
    }
}

/// A limit order in the first market, good till cancelled; lots of 0.001 at ticks of 0.01.
pub fn limit(side: Side, lots: u64, at: u32) -> NewOrder {
    NewOrder {
        market: MarketNumber(1),
        side,
        terms: Terms::Limit {
            price: price(at),
            quantity: Quantity::from_lots(Lots(lots)).unwrap(),
            display: None,
            post_only: false,
        },
        time_in_force: TimeInForce::Gtc,
        self_trade_prevention: SelfTradePrevention::None,
        client_order_id: None,
        deadline: None,
    }
}

fn verifier() -> TokenVerifier {
    let issuer = IssuerSettings {
        issuer: "us".to_owned(),
        audience: "engine".to_owned(),
        algorithm: JwtAlgorithm::Hs256,
        keys: JwtKeys::Secret(SecretString::from(SECRET)),
        leeway_secs: 0,
    };
    TokenVerifier::new(&JwtSettings {
        issuers: vec![issuer],
        cache_entries: 100,
    })
    .unwrap()
}

/// A token of this user with these rights, good for so many seconds.
pub fn token_for(user: u128, scopes: &[Scope], valid_secs: u64) -> String {
    let issuer = TokenIssuer::new(&SecretString::from(SECRET), "us", "engine").unwrap();
    #[allow(
        clippy::disallowed_methods,
        reason = "the server under test has the system's clock"
    )]
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let request = TokenRequest {
        user_id: Uuid::from_u128(user),
        institution_id: None,
        scopes: Scopes::of(scopes),
        issued_secs: now,
        valid_secs,
    };
    issuer.issue(&request).unwrap().expose_secret().to_owned()
}

/// A token that may trade, for an hour.
pub fn token(user: u128) -> String {
    token_for(user, &[Scope::Trade], 3_600)
}

/// Waits until it holds.
pub async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    for _ in 0..PATIENCE.as_millis() / 5 {
        if holds().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("waited in vain until {what}");
}
