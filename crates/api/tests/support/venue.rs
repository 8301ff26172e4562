//! The whole API over a real embedded exchange in a folder of its own, with a clock that a test moves.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use actix_web::App;
use actix_web::test::{TestRequest, init_service, try_call_service};
use api::{ApiKeys, ApiState, configure, configure_admin};
use domain::{Amount, MarketDefinition, MarketNumber, TransferKind, UserId};
use embedded::{Embedded, Options};
use futures_util::FutureExt;
use futures_util::future::join_all;
use http::{ApiKeyLayer, LocalRates, RateLimits, Scope};
use runtime::{Clock, ManualClock};
use serde_json::{Value, json};
use tempfile::TempDir;
use trading::{Accounts, Operations, Queries};

use super::{Answer, Settings, as_user, btc_usdt, edge, secrets, state};

/// 2027-01-15T08:00:00Z.
const MORNING_US: u64 = 1_800_000_000_000_000;
/// The rate of the default settings, in requests a second.
pub const DEFAULT_RATE: u32 = 10;
/// A condition that a test waits for may take this long; far more than any machine needs.
const PATIENCE: Duration = Duration::from_secs(60);

/// A real exchange with the whole API around it.
pub struct Venue {
    pub clock: ManualClock,
    pub exchange: Arc<Embedded>,
    pub state: ApiState,
    keys: ApiKeyLayer,
    dir: TempDir,
}

impl Venue {
    /// A venue with money for alice and bob, where everybody may ask a lot.
    pub async fn open() -> Self {
        Self::with_rate(100_000).await
    }

    /// A venue in which everybody has this rate, unless a tier says otherwise.
    pub async fn with_rate(rate: u32) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let hands = ManualClock::at(MORNING_US);
        let clock = Clock::from(hands.clone());
        let options = Options {
            clock: clock.clone(),
            answer_timeout: PATIENCE,
            min_free_bytes: 0,
            ..Options::new(dir.path().join("exchange"))
        };
        let (exchange, _) = Embedded::open(options, vec![market()]).unwrap();
        let exchange = Arc::new(exchange);
        let tiers = Arc::clone(&exchange);
        let rate_of = move |user: uuid::Uuid| {
            let tier = tiers.tier_of(UserId::from_u128(user.as_u128()));
            tier.and_then(|tier| tier.orders_per_second).unwrap_or(0)
        };
        let rates = RateLimits::new(Arc::new(LocalRates::new(clock.clone())), rate);
        let rates = Arc::new(rates.with_rate_of(Arc::new(rate_of)));
        let state = state(
            Arc::clone(&exchange) as Arc<dyn api::Exchange>,
            Arc::clone(&exchange) as Arc<dyn api::Exchange>,
            dir.path(),
            &clock,
            rates,
        )
        .await;
        let keys = ApiKeyLayer::new(Arc::new(ApiKeys(Arc::clone(&exchange))), secrets(), clock.clone());
        let venue = Self {
            clock: hands,
            exchange,
            state,
            keys,
            dir,
        };
        for user in [1, 2] {
            venue.fund(user, "USDT", "1000000").await;
            venue.fund(user, "BTC", "100").await;
        }
        venue
    }

    /// Lets the settings be read again with this outcome.
    pub fn reloading(mut self, settings: Settings) -> Self {
        self.state.reload = Arc::new(settings);
        self
    }

    pub async fn fund(&self, user: u128, asset: &str, amount: &str) {
        let key = format!("fund-{user}-{asset}").parse().unwrap();
        let (asset, amount) = (asset.parse().unwrap(), Amount::parse(amount).unwrap());
        let user = UserId::from_u128(user);
        let done = self
            .exchange
            .transfer(TransferKind::Deposit, key, user, asset, amount);
        done.await.unwrap();
    }

    /// Sends requests at once to one app; their answers in the order of the requests.
    pub async fn all(&self, requests: Vec<TestRequest>) -> Vec<Answer> {
        let state = &self.state;
        let app = App::new()
            .wrap(self.keys.clone())
            .wrap(edge())
            .configure(|config| configure(config, state))
            .configure(|config| configure_admin(config, state));
        let service = init_service(app).await;
        let here = SocketAddr::from(([127, 0, 0, 1], 40_000));
        let calls = requests
            .into_iter()
            .map(|request| try_call_service(&service, request.peer_addr(here).to_request()));
        join_all(join_all(calls).await.into_iter().map(Answer::of)).await
    }

    /// Sends a request and goes away at once, before its answer.
    pub async fn abandon(&self, request: TestRequest) {
        let state = &self.state;
        let app = App::new()
            .wrap(edge())
            .configure(|config| configure_admin(config, state));
        let service = init_service(app).await;
        let call = try_call_service(&service, request.to_request());
        assert!(call.now_or_never().is_none(), "it was answered at once");
    }

    pub async fn send(&self, request: TestRequest) -> Answer {
        self.all(vec![request]).await.remove(0)
    }

    pub async fn get(&self, who: &str, path: &str) -> Answer {
        self.send(by(who, TestRequest::get().uri(path))).await
    }

    pub async fn delete(&self, who: &str, path: &str) -> Answer {
        self.send(by(who, TestRequest::delete().uri(path))).await
    }

    pub async fn post(&self, who: &str, path: &str, body: Value) -> Answer {
        self.send(post(who, path, &body)).await
    }

    pub async fn put(&self, who: &str, path: &str, body: Value) -> Answer {
        let request = TestRequest::put().uri(path).set_json(&body);
        self.send(by(who, request)).await
    }

    pub async fn patch(&self, who: &str, path: &str, body: Value) -> Answer {
        let request = TestRequest::patch().uri(path).set_json(&body);
        self.send(by(who, request)).await
    }

    /// Places an order that must be taken as new.
    pub async fn place(&self, who: &str, side: &str, price: &str, quantity: &str) -> Answer {
        let body = limit_order(side, price, quantity);
        let answer = self.post(who, "/api/v1/orders", body).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
        answer
    }

    /// Lets time pass, once history has written what there is: it is told to hurry by the same clock.
    pub async fn pass(&self, by: Duration) {
        for _ in 0..PATIENCE.as_millis() {
            if self.exchange.history_lag().records == 0 {
                self.clock.advance(by);
                return;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        panic!("history does not catch up");
    }

    /// A balance of a user: available and reserved.
    pub async fn balance(&self, who: &str, asset: &str) -> (String, String) {
        let answer = self.get(who, "/api/v1/balances").await;
        let balances = answer.body["balances"].as_array().unwrap();
        let balance = balances.iter().find(|balance| balance["asset"] == asset);
        let text = |name: &str| {
            balance
                .map_or("0", |balance| balance[name].as_str().unwrap())
                .to_owned()
        };
        (text("available_balance"), text("reserved_balance"))
    }

    /// The audit file.
    pub fn audit_file(&self) -> PathBuf {
        self.dir.path().join("audit.log")
    }

    /// The lines of the audit file.
    pub fn audit(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.audit_file()).unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

/// The market of the tests, in which a price exists from the start.
fn market() -> MarketDefinition {
    MarketDefinition {
        number: MarketNumber(0),
        initial_price: domain::Price::from_ticks(5_000_000),
        ..btc_usdt()
    }
}

/// A request that posts.
pub fn post(who: &str, path: &str, body: &Value) -> TestRequest {
    by(who, TestRequest::post().uri(path).set_json(body))
}

/// A request of somebody: alice (1) and bob (2) trade, reader (1) looks on, operator (9) has every operator's right,
/// nobody has no token.
pub fn by(who: &str, request: TestRequest) -> TestRequest {
    let (user, scopes): (u128, &[Scope]) = match who {
        "alice" => (1, &[Scope::Trade, Scope::Read]),
        "bob" => (2, &[Scope::Trade, Scope::Read]),
        "reader" => (1, &[Scope::Read]),
        "operator" => (
            9,
            &[
                Scope::AdminMarkets,
                Scope::AdminFunds,
                Scope::AdminAccounts,
                Scope::AdminRead,
            ],
        ),
        "funds" => (9, &[Scope::AdminFunds]),
        "looker" => (9, &[Scope::AdminRead]),
        "nobody" => return request,
        other => panic!("who is {other}?"),
    };
    as_user(request, user, scopes)
}

/// The body of a limit order.
pub fn limit_order(side: &str, price: &str, quantity: &str) -> Value {
    json!({
        "symbol": "BTC/USDT", "side": side, "order_type": "LIMIT", "price": price, "quantity": quantity
    })
}
