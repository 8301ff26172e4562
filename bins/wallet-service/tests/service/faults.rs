//! Answers that are late, cut off or lost, and services that fail: what the client makes of them.

use std::sync::Arc;
use std::time::Duration;

use runtime::{Clock, Ids};
use wallet_client::{HttpWallet, NotAnswered, Wallet};

use crate::life::{Slow, until};
use crate::support::{ALICE, Running};

fn instruction(order: u128) -> wallet_client::Instruction {
    wallet_client::Instruction::Reserve(domain::Reserve {
        order_id: domain::OrderId::from_u128(order),
        request_id: None,
        user_id: ALICE.parse().unwrap(),
        asset: "USDT".parse().unwrap(),
        receives: "BTC".parse().unwrap(),
        amount: domain::Amount::parse("4").unwrap(),
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reserve_whose_answer_comes_too_late_is_found_again_under_its_key() {
    let wallet = Slow::new();
    let service = Running::before(Arc::<Slow>::clone(&wallet));
    service.fund(ALICE, "USDT", "10").await;
    let mut options = service.options(&service.url());
    options.timeout = Duration::from_millis(300);
    let impatient = HttpWallet::new(options, Ids::new(Clock::System), Clock::System).unwrap();
    let answer = impatient.instruct(0, vec![instruction(1)]).await;
    assert!(matches!(answer, Err(NotAnswered::Unknown(_))), "{answer:?}");
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
