//! A running service in front of a wallet in memory, and short ways to ask it.

use std::net::SocketAddr;
use std::sync::Arc;

use http::{Scope, Scopes, TokenIssuer, TokenRequest};
use reqwest::{Client, Method, RequestBuilder};
use runtime::settings::WalletSettings;
use runtime::{Clock, Settings, Shutdown};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use wallet_client::{HttpWallet, HttpWalletOptions, LedgerWallet, Wallet};

pub const ALICE: &str = "00000000-0000-4000-8000-0000000000a1";
pub const BOB: &str = "00000000-0000-4000-8000-0000000000b2";

/// A service that runs until this value is dropped.
pub struct Running {
    pub address: SocketAddr,
    pub metrics: Option<SocketAddr>,
    pub settings: Settings,
    pub http: Client,
    pub shutdown: Shutdown,
    pub task: Option<JoinHandle<anyhow::Result<()>>>,
}

/// Settings of a test: any free port.
pub fn settings() -> Settings {
    let mut settings = Settings::default();
    settings.wallet.port = 0;
    settings.wallet.metrics_port = 0;
    settings
}

impl Running {
    /// In front of a fresh wallet in memory.
    pub fn fresh() -> Self {
        Self::before(Arc::new(LedgerWallet::default()))
    }

    /// In front of this wallet.
    pub fn before(wallet: Arc<dyn Wallet>) -> Self {
        Self::with(settings(), wallet)
    }

    /// With these settings.
    pub fn with(settings: Settings, wallet: Arc<dyn Wallet>) -> Self {
        let service = wallet_service::start(&settings, wallet).unwrap();
        let (address, metrics) = (service.address, service.metrics);
        let shutdown = Shutdown::new();
        let task = tokio::spawn(service.run(shutdown.clone()));
        Self {
            address,
            metrics,
            settings,
            http: Client::builder().no_proxy().build().unwrap(),
            shutdown,
            task: Some(task),
        }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// How its callers are set to call it, at this address.
    pub fn options(&self, url: &str) -> HttpWalletOptions {
        HttpWalletOptions::of(&WalletSettings {
            url: url.to_owned(),
            ..self.settings.wallet.clone()
        })
        .unwrap()
    }

    /// A client of it.
    pub fn client(&self) -> HttpWallet {
        let clock = Clock::System;
        HttpWallet::new(self.options(&self.url()), runtime::Ids::new(clock.clone()), clock).unwrap()
    }

    /// A request without a token.
    pub fn bare(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.url()))
    }

    /// A request with a good token.
    pub fn signed(&self, method: Method, path: &str) -> RequestBuilder {
        self.bare(method, path).bearer_auth(service_token(&self.settings))
    }

    /// Sends a body below `/api/v1/wallets`; status and answer.
    pub async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        let request = self.signed(Method::POST, &format!("/api/v1/wallets{path}"));
        told(request.json(&body)).await
    }

    pub async fn get(&self, path: &str) -> (u16, Value) {
        told(self.signed(Method::GET, &format!("/api/v1/wallets{path}"))).await
    }

    /// Deposits.
    pub async fn fund(&self, user_id: &str, asset: &str, amount: &str) {
        let key = format!("fund-{user_id}-{asset}-{amount}");
        let body = json!({"key": key, "user_id": user_id, "asset": asset, "amount": amount});
        let (status, answer) = self.post("/deposits", body).await;
        assert_eq!(status, 200, "{answer}");
    }

    /// What a user has of an asset: available and reserved.
    pub async fn has(&self, user_id: &str, asset: &str) -> (String, String) {
        let (status, answer) = self.get(&format!("/{user_id}/balances")).await;
        assert_eq!(status, 200, "{answer}");
        let balances = answer["balances"].as_array().unwrap().iter();
        let of_asset = balances.into_iter().find(|balance| balance["asset"] == asset);
        let text = |field: &str| {
            of_asset
                .map_or("0.00", |of| of[field].as_str().unwrap())
                .to_owned()
        };
        (text("available_balance"), text("reserved_balance"))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.shutdown.trigger();
    }
}

/// Sends a request; status and answer.
pub async fn told(request: RequestBuilder) -> (u16, Value) {
    let response = request.send().await.unwrap();
    let (status, text) = (response.status().as_u16(), response.text().await.unwrap());
    let value = serde_json::from_str(&text).unwrap_or(Value::String(text));
    (status, value)
}

/// A token of a service.
pub fn service_token(settings: &Settings) -> String {
    let wallet = &settings.wallet;
    token(&wallet.secret, &wallet.issuer, &wallet.audience, 60)
}

/// A token that is good for so many seconds from a minute ago.
pub fn token(secret: &SecretString, issuer: &str, audience: &str, valid_secs: u64) -> String {
    let request = TokenRequest {
        user_id: ALICE.parse().unwrap(),
        institution_id: None,
        scopes: Scopes::of(Scope::ALL),
        issued_secs: Clock::System.wall_us() / 1_000_000,
        valid_secs,
    };
    let issuer = TokenIssuer::new(secret, issuer, audience).unwrap();
    issuer.issue(&request).unwrap().expose_secret().to_owned()
}

/// The id that ends in this number.
pub fn id(number: u32) -> String {
    format!("018bcfe5-687b-7000-8000-{number:012x}")
}

pub fn reserve(user_id: &str, asset: &str, amount: &str, order: u32) -> Value {
    json!({"user_id": user_id, "asset": asset, "amount": amount, "order_id": id(order), "reason": "BUY_ORDER"})
}

pub fn release(user_id: &str, asset: &str, amount: &str, order: u32) -> Value {
    json!({"user_id": user_id, "asset": asset, "amount": amount, "order_id": id(order), "reason": "ORDER_CANCELLED"})
}

/// A trade of 0.5 BTC at 50000 between alice, who buys, and bob.
pub fn trade(number: u32) -> Value {
    json!({
        "trade_id": id(number), "buyer_user_id": ALICE, "seller_user_id": BOB, "base_asset": "BTC",
        "quote_asset": "USDT", "quantity": "0.5", "price": "50000.00", "buyer_fee": "0.0005",
        "seller_fee": "25.00", "buyer_fee_asset": "BTC", "seller_fee_asset": "USDT"
    })
}
