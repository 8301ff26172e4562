//! A whole exchange with an auditor that looks every second, its users, and what they ask of it.

use std::path::PathBuf;
use std::time::Duration;

use reqwest::{Client, Method};
use serde_json::{Value, json};
use testbed::{Exchange, ExchangeOptions, Role};
use tokio::time::Instant;
use tokio_postgres::NoTls;

/// Who trades.
pub const ALICE: &str = "00000000-0000-4000-8000-0000000000a1";
pub const BOB: &str = "00000000-0000-4000-8000-0000000000b2";

/// Everything must come about within this.
const PATIENCE: Duration = Duration::from_secs(60);

pub struct Venue {
    pub exchange: Exchange,
    pub sql: tokio_postgres::Client,
    pub http: Client,
    operator: String,
    api: String,
    admin: String,
}

/// Where cargo has put the programs.
fn programs() -> PathBuf {
    let matcher = PathBuf::from(env!("CARGO_BIN_EXE_matcher"));
    let folder = matcher.parent().unwrap().to_owned();
    for other in ["gateway", "wallet-service"] {
        assert!(
            folder.join(other).exists(),
            "{other} is missing: cargo build -p gateway -p wallet-service"
        );
    }
    folder
}

impl Venue {
    /// With an auditor, and users who have what they need.
    pub async fn open() -> Self {
        let options = ExchangeOptions::new(programs())
            .gateways(1)
            .matchers(1)
            .auditors(1)
            .setting("TRADE_ENGINE_AUDITOR__INTERVAL", "1s")
            .setting("TRADE_ENGINE_AUDITOR__FULL_INTERVAL", "1s")
            .setting("TRADE_ENGINE_LIMITS__ORDERS_PER_SECOND", "10000");
        let exchange = Exchange::start(options).await.unwrap();
        let gateway = exchange.of(Role::Gateway).next().unwrap();
        let (api, admin) = (gateway.url(), gateway.metrics_url());
        let (sql, driver) = tokio_postgres::connect(exchange.postgres_url(), NoTls)
            .await
            .unwrap();
        tokio::spawn(driver);
        let operator = token(&exchange, "operator");
        let http = Client::builder().no_proxy().build().unwrap();
        let venue = Self {
            exchange,
            sql,
            http,
            operator,
            api,
            admin,
        };
        for user in [ALICE, BOB] {
            for asset in ["BTC", "ETH", "USDT"] {
                let body = json!({ "key": format!("{user}-{asset}"), "user_id": user, "asset": asset, "amount": "1000000" });
                let (status, answer) = venue.admin(Method::POST, "deposits", body).await;
                assert_eq!(status, 200, "{answer}");
            }
        }
        venue
    }

    pub fn token(&self, user: &str) -> String {
        token(&self.exchange, user)
    }

    async fn ask(&self, method: Method, url: String, token: &str, body: Value) -> (u16, Value) {
        let mut request = self.http.request(method, url).bearer_auth(token);
        if !body.is_null() {
            request = request.json(&body);
        }
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        (status, answer.json().await.unwrap_or_default())
    }

    /// What an operator asks.
    pub async fn admin(&self, method: Method, path: &str, body: Value) -> (u16, Value) {
        let url = format!("{}/api/v1/admin/{path}", self.admin);
        self.ask(method, url, &self.operator, body).await
    }

    /// A limit order.
    pub async fn place(
        &self,
        token: &str,
        symbol: &str,
        side: &str,
        price: &str,
        quantity: &str,
    ) -> (u16, Value) {
        let body = json!({ "symbol": symbol, "side": side, "order_type": "LIMIT", "price": price, "quantity": quantity });
        self.ask(Method::POST, format!("{}/api/v1/orders", self.api), token, body)
            .await
    }

    /// Cancels an order.
    pub async fn cancel(&self, token: &str, order_id: &str) -> (u16, Value) {
        let url = format!("{}/api/v1/orders/{order_id}", self.api);
        self.ask(Method::DELETE, url, token, Value::Null).await
    }

    /// What a market takes, as everybody is told.
    pub async fn state(&self, symbol: &str) -> String {
        let url = format!("{}/api/v1/markets", self.api);
        let (_, answer) = self.ask(Method::GET, url, &self.operator, Value::Null).await;
        let markets = answer["markets"].as_array().unwrap().clone();
        let market = markets
            .into_iter()
            .find(|market| market["symbol"] == symbol)
            .unwrap();
        market["state"].as_str().unwrap().to_owned()
    }

    /// The figures of the auditor whose names begin so, as lines.
    pub async fn figures(&self, name: &str) -> Vec<String> {
        let auditor = self.exchange.of(Role::Auditor).next().unwrap();
        let url = format!("{}/metrics", auditor.metrics_url());
        let text = self.http.get(url).send().await.unwrap().text().await.unwrap();
        let lines = text.lines().filter(|line| line.starts_with(name));
        lines.map(str::to_owned).collect()
    }

    /// How many differences count, of all kinds; all kinds are there.
    pub async fn differences(&self) -> f64 {
        let lines = self.figures("ledger_difference").await;
        assert_eq!(lines.len(), 11, "{lines:?}");
        let value = |line: &String| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap();
        lines.iter().map(value).sum()
    }

    /// When the last look was done that found all it needed; 0: none was.
    pub async fn last_success(&self) -> f64 {
        let lines = self.figures("audit_last_success_timestamp_seconds ").await;
        lines[0].rsplit(' ').next().unwrap().parse().unwrap()
    }

    /// Waits until so many looks more were done.
    pub async fn until_looked(&self, times: u32) {
        for _ in 0..times {
            let before = self.last_success().await;
            until("the auditor looks", async || self.last_success().await > before).await;
        }
    }
}

fn token(exchange: &Exchange, user: &str) -> String {
    let gateway = exchange.of(Role::Gateway).next().unwrap();
    let output = gateway.command(&["token", user]).output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Waits until it is so.
pub async fn until(what: &str, is_so: impl AsyncFn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so().await {
        assert!(Instant::now() < deadline, "in vain: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
