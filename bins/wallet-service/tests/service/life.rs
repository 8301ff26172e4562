//! Start, health, metrics and stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use domain::{LedgerEntry, Transfer, TransferReceipt, UserId};
use reqwest::Method;
use serde_json::json;
use tokio::sync::Semaphore;
use wallet_client::{
    Answer, EntryPage, Instruction, LedgerWallet, NotAnswered, Refused, TransferRefused, UserBalance, Wallet,
};

use crate::support::{ALICE, Running, reserve, settings, told};

/// A wallet that does nothing before it is let go on, and may be in trouble.
pub struct Slow {
    pub inner: LedgerWallet,
    pub go: Semaphore,
    pub begun: AtomicBool,
    pub trouble: AtomicBool,
}

impl Slow {
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            inner: LedgerWallet::default(),
            go: Semaphore::new(0),
            begun: AtomicBool::new(false),
            trouble: AtomicBool::new(false),
        })
    }
}

#[async_trait]
impl Wallet for Slow {
    async fn instruct(
        &self,
        shard: u32,
        instructions: Vec<Instruction>,
    ) -> Result<Vec<Result<Answer, Refused>>, NotAnswered> {
        self.begun.store(true, Ordering::SeqCst);
        self.go.acquire().await.unwrap().forget();
        self.inner.instruct(shard, instructions).await
    }

    async fn transfer(
        &self,
        transfer: Transfer,
    ) -> Result<Result<TransferReceipt, TransferRefused>, NotAnswered> {
        self.inner.transfer(transfer).await
    }

    async fn balances(&self, users: Vec<UserId>) -> Result<Vec<UserBalance>, NotAnswered> {
        self.inner.balances(users).await
    }

    async fn ledger(&self, page: EntryPage) -> Result<Vec<LedgerEntry>, NotAnswered> {
        self.inner.ledger(page).await
    }

    async fn trouble(&self) -> Option<String> {
        let trouble = self.trouble.load(Ordering::SeqCst);
        trouble.then(|| "postgres://wallet:hunter2@db is away".to_owned())
    }
}

/// Waits until something holds, for a generous while.
pub async fn until(holds: impl Fn() -> bool) {
    for _ in 0..3_000 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it never came to hold");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wallet_in_trouble_is_alive_and_not_ready_and_the_reason_stays_inside() {
    let wallet = Slow::new();
    let service = Running::before(Arc::<Slow>::clone(&wallet));
    let health = async |path: &str| told(service.bare(Method::GET, path)).await;
    assert_eq!(health("/health/ready").await, (200, json!({"status": "ready"})));
    assert_eq!(service.client().trouble().await, None);
    wallet.trouble.store(true, Ordering::SeqCst);
    assert_eq!(
        health("/health/ready").await,
        (503, json!({"status": "not_ready"}))
    );
    assert_eq!(health("/health").await, (200, json!({"status": "alive"})));
    assert_eq!(
        service.client().trouble().await.as_deref(),
        Some("the wallet answers 503")
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn metrics_have_a_listener_of_their_own_with_nothing_else_on_it() {
    let mut settings = settings();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    settings.wallet.metrics_port = free.local_addr().unwrap().port();
    drop(free);
    let service = Running::with(settings, Arc::new(LedgerWallet::default()));
    service.fund(ALICE, "USDT", "1").await;
    let at = |path: &str| format!("http://{}{path}", service.metrics.unwrap());
    let (status, text) = told(service.http.get(at("/metrics"))).await;
    assert_eq!(status, 200);
    let text = text.as_str().unwrap();
    assert!(
        text.contains(r#"http_requests_total{method="POST",route="/api/v1/wallets/deposits",status="200"}"#),
        "{text}"
    );
    for path in ["/health", "/openapi.json", "/api/v1/wallets/reserve"] {
        assert_eq!(told(service.http.get(at(path))).await.0, 404, "{path}");
    }
    let (status, _) = told(service.signed(Method::GET, "/metrics")).await;
    assert_eq!(status, 404, "not on the service's port");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_begun_is_finished_when_it_stops_even_for_callers_that_have_gone() {
    let wallet = Slow::new();
    let mut service = Running::before(Arc::<Slow>::clone(&wallet));
    service.fund(ALICE, "USDT", "10").await;
    let request = service.signed(Method::POST, "/api/v1/wallets/reserve");
    let caller = tokio::spawn(request.json(&reserve(ALICE, "USDT", "4", 1)).send());
    until(|| wallet.begun.load(Ordering::SeqCst)).await;
    caller.abort();
    let _ = caller.await;
    service.shutdown.trigger();
    wallet.go.add_permits(1);
    service.task.take().unwrap().await.unwrap().unwrap();
    let balances = wallet.balances(vec![ALICE.parse().unwrap()]).await.unwrap();
    assert_eq!(balances[0].reserved.to_string(), "4");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_has_not_noticed_yet_that_it_stops_is_still_answered() {
    let mut settings = settings();
    settings.wallet.drain = Some(Duration::from_secs(3_600));
    let service = Running::with(settings, Arc::new(LedgerWallet::default()));
    service.shutdown.trigger();
    let ready = async || told(service.bare(Method::GET, "/health/ready")).await;
    while ready().await != (503, json!({"status": "not_ready"})) {
        tokio::task::yield_now().await;
    }
    service.fund(ALICE, "USDT", "10").await;
    let (status, _) = service.post("/reserve", reserve(ALICE, "USDT", "4", 1)).await;
    assert_eq!(status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_above_the_bound_are_refused_at_once_and_may_come_again() {
    let wallet = Slow::new();
    let mut settings = settings();
    settings.wallet.requests_in_flight = 1;
    let service = Running::with(settings, Arc::<Slow>::clone(&wallet) as Arc<dyn Wallet>);
    let request = service.signed(Method::POST, "/api/v1/wallets/reserve");
    let first = tokio::spawn(request.json(&reserve(ALICE, "USDT", "1", 1)).send());
    until(|| wallet.begun.load(Ordering::SeqCst)).await;
    let request = service.signed(Method::POST, "/api/v1/wallets/reserve");
    let response = request
        .json(&reserve(ALICE, "USDT", "1", 2))
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 503);
    assert_eq!(response.headers()["retry-after"], "1");
    wallet.go.add_permits(2);
    assert_eq!(first.await.unwrap().unwrap().status(), 400);
    let (status, _) = service.post("/reserve", reserve(ALICE, "USDT", "1", 2)).await;
    assert_eq!(status, 400, "the balance does not cover it: it was worked on");
}
