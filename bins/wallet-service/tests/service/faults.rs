//! Answers that are late, cut off or lost: what the client makes of them, and that everything is done once all the same.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use domain::{LedgerEntry, Transfer, TransferReceipt, UserId};
use runtime::{Clock, Ids};
use testbed::{Direction, Proxy};
use wallet_client::{
    Answer, BreakerOptions, EntryPage, HttpWallet, Instruction, LedgerWallet, NotAnswered, Refused,
    TransferRefused, UserBalance, Wallet, behaviour,
};

use crate::life::{Slow, until};
use crate::support::{ALICE, Running};

fn instruction(order: u128) -> Instruction {
    Instruction::Reserve(domain::Reserve {
        order_id: domain::OrderId::from_u128(order),
        request_id: None,
        user_id: ALICE.parse().unwrap(),
        asset: "USDT".parse().unwrap(),
        receives: "BTC".parse().unwrap(),
        amount: domain::Amount::parse("4").unwrap(),
    })
}

/// A client by way of a proxy, that waits this long and never stops asking.
async fn by_proxy(service: &Running, timeout: Duration) -> (HttpWallet, Proxy) {
    let proxy = Proxy::start(service.address.port()).await.unwrap();
    let mut options = service.options(&proxy.url(&service.url()));
    options.timeout = timeout;
    options.try_timeout = timeout;
    options.first_delay = Duration::from_millis(1);
    options.breaker = BreakerOptions {
        failures: usize::MAX,
        ..BreakerOptions::default()
    };
    let wallet = HttpWallet::new(options, Ids::new(Clock::System), Clock::System).unwrap();
    (wallet, proxy)
}

fn is_unknown<T: std::fmt::Debug>(answer: &Result<T, NotAnswered>) -> bool {
    matches!(answer, Err(NotAnswered::Unknown(_)))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reserve_whose_answer_comes_too_late_is_found_again_under_its_key() {
    let wallet = Slow::new();
    let service = Running::before(Arc::<Slow>::clone(&wallet));
    service.fund(ALICE, "USDT", "10").await;
    let mut options = service.options(&service.url());
    options.timeout = Duration::from_millis(300);
    options.try_timeout = options.timeout;
    let impatient = HttpWallet::new(options, Ids::new(Clock::System), Clock::System).unwrap();
    let answer = impatient.instruct(0, vec![instruction(1)]).await;
    assert!(is_unknown(&answer), "{answer:?}");
    wallet.go.add_permits(1);
    until(|| wallet.go.available_permits() == 0).await;
    wallet.go.add_permits(1);
    let found = service.client().instruct(0, vec![instruction(1)]).await.unwrap();
    assert_eq!(found[0].as_ref().unwrap().balances[0].reserved.to_string(), "4");
    assert_eq!(
        service.has(ALICE, "USDT").await,
        ("6.00".into(), "4.00".into()),
        "once"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reserve_whose_answer_is_cut_off_is_found_again_under_its_key() {
    let service = Running::fresh();
    service.fund(ALICE, "USDT", "10").await;
    let (wallet, proxy) = by_proxy(&service, Duration::from_secs(10)).await;
    // Within the head of the answer, and within its body.
    for (order, bytes) in [(1, 20), (2, 400)] {
        let before = service.has(ALICE, "USDT").await;
        proxy.cut_after(Direction::ToClient, bytes);
        let answer = wallet.instruct(0, vec![instruction(order)]).await;
        assert!(is_unknown(&answer), "{answer:?}");
        let done = service.has(ALICE, "USDT").await;
        assert_ne!(done, before, "it was done all the same");
        proxy.heal();
        let answers = wallet.instruct(0, vec![instruction(order)]).await.unwrap();
        assert!(answers[0].is_ok(), "{answers:?}");
        assert_eq!(service.has(ALICE, "USDT").await, done, "and not twice");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reserve_that_is_cut_off_on_its_way_is_done_when_it_comes_again() {
    let service = Running::fresh();
    service.fund(ALICE, "USDT", "10").await;
    let (wallet, proxy) = by_proxy(&service, Duration::from_secs(10)).await;
    proxy.cut_after(Direction::ToServer, 500);
    let answer = wallet.instruct(0, vec![instruction(1)]).await;
    assert!(is_unknown(&answer), "{answer:?}");
    assert_eq!(
        service.has(ALICE, "USDT").await,
        ("10.00".into(), "0.00".into()),
        "half of it is nothing"
    );
    proxy.heal();
    let answers = wallet.instruct(0, vec![instruction(1)]).await.unwrap();
    assert!(answers[0].is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reserve_that_is_held_up_on_its_way_is_done_after_its_caller_gave_up_and_once() {
    let service = Running::fresh();
    service.fund(ALICE, "USDT", "10").await;
    let (wallet, proxy) = by_proxy(&service, Duration::from_millis(300)).await;
    proxy.freeze(Direction::ToClient);
    let answer = wallet.instruct(0, vec![instruction(1)]).await;
    assert!(is_unknown(&answer), "{answer:?}");
    assert_eq!(service.has(ALICE, "USDT").await, ("6.00".into(), "4.00".into()));
    proxy.heal();
    let answers = service.client().instruct(0, vec![instruction(1)]).await.unwrap();
    assert!(answers[0].is_ok());
    assert_eq!(service.has(ALICE, "USDT").await, ("6.00".into(), "4.00".into()));
}

/// Asks again with the same keys until there is an answer, as whoever uses the wallet does.
pub struct Stubborn(pub HttpWallet);

impl Stubborn {
    async fn until_answered<T, F>(&self, ask: impl Fn() -> F) -> Result<T, NotAnswered>
    where
        F: Future<Output = Result<T, NotAnswered>>,
    {
        for _ in 0..10_000 {
            if let Ok(answer) = ask().await {
                return Ok(answer);
            }
            tokio::task::yield_now().await;
        }
        Err(NotAnswered::NotSent("it was asked often enough"))
    }
}

#[async_trait]
impl Wallet for Stubborn {
    async fn instruct(
        &self,
        shard: u32,
        instructions: Vec<Instruction>,
    ) -> Result<Vec<Result<Answer, Refused>>, NotAnswered> {
        self.until_answered(|| self.0.instruct(shard, instructions.clone()))
            .await
    }

    async fn transfer(
        &self,
        transfer: Transfer,
    ) -> Result<Result<TransferReceipt, TransferRefused>, NotAnswered> {
        self.until_answered(|| self.0.transfer(transfer.clone())).await
    }

    async fn balances(&self, users: Vec<UserId>) -> Result<Vec<UserBalance>, NotAnswered> {
        self.until_answered(|| self.0.balances(users.clone())).await
    }

    async fn ledger(&self, page: EntryPage) -> Result<Vec<LedgerEntry>, NotAnswered> {
        self.until_answered(|| self.0.ledger(page)).await
    }

    async fn trouble(&self) -> Option<String> {
        self.0.trouble().await
    }
}

/// Runs random instructions by way of a proxy that cuts connections again and again; how often it did.
pub async fn run_while_connections_are_cut(service: &Running, seed: u64, steps: usize) -> u64 {
    let (wallet, proxy) = by_proxy(service, Duration::from_secs(10)).await;
    let ids = Ids::seeded(Clock::System, seed);
    let wallet = Stubborn(wallet);
    let run = behaviour::seeded_run(&wallet, seed, steps);
    tokio::pin!(run);
    let mut cuts = 0;
    loop {
        let [direction, high, low]: [u8; 3] = ids.random_bytes();
        let direction = if direction % 2 == 0 {
            Direction::ToClient
        } else {
            Direction::ToServer
        };
        proxy.cut_after(direction, u64::from(u16::from_be_bytes([high, low]) % 6_000) + 1);
        tokio::select! {
            _ = &mut run => return cuts,
            () = tokio::time::sleep(Duration::from_millis(3)) => {}
        }
        cuts += 1;
        proxy.heal();
        tokio::select! {
            _ = &mut run => return cuts,
            () = tokio::time::sleep(Duration::from_millis(1)) => {}
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_cut_off_random_instructions_are_done_once_and_answered_as_by_a_fresh_ledger() {
    let wallet = Arc::new(LedgerWallet::default());
    let service = Running::before(Arc::<LedgerWallet>::clone(&wallet));
    for seed in 40..43 {
        let cuts = run_while_connections_are_cut(&service, seed, 1_000).await;
        assert!(cuts > 10, "connections were cut {cuts} times");
    }
    wallet.check().unwrap();
}
