//! Many at once: whoever comes second sees what the first has done, and nobody waits in a circle.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

mod support;

use std::sync::Arc;

use domain::UserId;
use support::{ALICE, BOB, Stage, amount, asset, deposit, party, release, reserve, settle, symbol};
use tokio::task::JoinSet;
use wallet::{PgWallet, WalletOptions};
use wallet_client::{Answer, Instruction, Refused, Wallet as _};

/// Runs all of it at once, on wallets in turn.
async fn at_once(
    wallets: &[Arc<PgWallet>],
    instructions: impl IntoIterator<Item = Instruction>,
) -> Vec<Result<Answer, Refused>> {
    let mut running = JoinSet::new();
    for (index, instruction) in instructions.into_iter().enumerate() {
        let wallet = Arc::clone(&wallets[index % wallets.len()]);
        running.spawn(async move { wallet.instruct(0, vec![instruction]).await.unwrap().remove(0) });
    }
    running.join_all().await
}

/// Two wallets on one database.
fn two(stage: &Stage) -> [Arc<PgWallet>; 2] {
    [stage.another(), stage.another()].map(Arc::new)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_identical_settlements_have_one_effect() {
    let stage = Stage::new().await;
    stage.fund(ALICE, "USDT", "1000").await;
    stage.fund(BOB, "BTC", "10").await;
    stage.reserve(reserve(1, ALICE, "USDT", "1000")).await.unwrap();
    stage.reserve(reserve(2, BOB, "BTC", "10")).await.unwrap();
    let trade = settle(
        9,
        "1",
        "10",
        party(ALICE, Some(1), "0.1", "0"),
        party(BOB, Some(2), "1", "0"),
    );
    let answers = at_once(&two(&stage), (0..200).map(|_| Instruction::Settle(trade))).await;
    assert_eq!(answers.len(), 200);
    assert!(answers[0].is_ok());
    assert!(answers.iter().all(|answer| *answer == answers[0]));
    assert_eq!(stage.has(ALICE, "USDT").await, "0 990");
    assert_eq!(stage.has(ALICE, "BTC").await, "0.9 0");
    assert_eq!(stage.has(BOB, "USDT").await, "9 0");
    let kept = "SELECT count(*) FROM ledger_transactions WHERE key LIKE 'settle:%'";
    assert_eq!(stage.number(kept).await, 1);
    stage.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_identical_first_deposits_have_one_effect() {
    let stage = Stage::new().await;
    let wallets = two(&stage);
    let mut running = JoinSet::new();
    for index in 0..200 {
        let wallet = Arc::clone(&wallets[index % 2]);
        running.spawn(async move { wallet.transfer(deposit("d", ALICE, "USDT", "5")).await.unwrap() });
    }
    let receipts = running.join_all().await;
    assert!(
        receipts
            .iter()
            .all(|receipt| *receipt == receipts[0] && receipt.is_ok())
    );
    assert_eq!(stage.has(ALICE, "USDT").await, "5 0");
    stage.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_reserves_that_each_need_everything_one_is_granted() {
    let stage = Stage::new().await;
    let wallets = two(&stage);
    for round in 0..20 {
        let user_id = UserId::from_u128(1_000 + round);
        stage.fund(user_id, "USDT", "100").await;
        let both =
            [2 * round, 2 * round + 1].map(|id| Instruction::Reserve(reserve(id, user_id, "USDT", "100")));
        let answers = at_once(&wallets, both).await;
        let granted = answers.iter().filter(|answer| answer.is_ok()).count();
        assert_eq!(granted, 1, "{answers:?}");
        let refused =
            |answer: &Result<Answer, Refused>| matches!(answer, Err(Refused::InsufficientBalance { .. }));
        assert!(answers.iter().any(refused), "{answers:?}");
        assert_eq!(stage.has(user_id, "USDT").await, "0 100");
    }
    stage.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn opposite_trades_from_two_wallets_never_wait_in_a_circle() {
    let stage = Stage::new().await;
    let wallets = two(&stage);
    for user_id in [ALICE, BOB] {
        stage.fund(user_id, "USDT", "100000").await;
        stage.fund(user_id, "BTC", "100000").await;
    }
    // Each sells to the other, so both wallets touch the same accounts from both ends.
    for (id, user_id, code) in [
        (1, ALICE, "USDT"),
        (2, BOB, "BTC"),
        (3, BOB, "USDT"),
        (4, ALICE, "BTC"),
    ] {
        stage.reserve(reserve(id, user_id, code, "100000")).await.unwrap();
    }
    let trade = |number: u128| {
        let (buyer, seller) = if number.is_multiple_of(2) {
            (party(ALICE, Some(1), "0.1", "0"), party(BOB, Some(2), "0.1", "0"))
        } else {
            (party(BOB, Some(3), "0.1", "0"), party(ALICE, Some(4), "0.1", "0"))
        };
        Instruction::Settle(settle(number, "1", "1", buyer, seller))
    };
    let answers = at_once(&wallets, (0..600).map(trade)).await;
    assert!(answers.iter().all(Result::is_ok));
    for wallet in &wallets {
        let counts = wallet.counts();
        assert!(counts.transactions > 0 && counts.answered == 300, "{counts:?}");
        assert_eq!((counts.failures, counts.conflicts), (0, 0), "{counts:?}");
    }
    stage.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn random_crowds_of_parties_never_wait_in_a_circle() {
    let stage = Stage::new().await;
    let wallets = two(&stage);
    let people: Vec<UserId> = (0..12)
        .map(|number| UserId::from_u128(0xFFFF - 977 * number))
        .collect();
    for (number, user_id) in (0_u128..).zip(&people) {
        stage.fund(*user_id, "USDT", "1000").await;
        stage.fund(*user_id, "BTC", "1000").await;
        stage
            .reserve(reserve(2 * number, *user_id, "USDT", "1000"))
            .await
            .unwrap();
        stage
            .reserve(reserve(2 * number + 1, *user_id, "BTC", "1000"))
            .await
            .unwrap();
    }
    // Calls of twenty trades between everybody and everybody, in an order of their own.
    let mut running = JoinSet::new();
    for call in 0_u128..40 {
        let trades = (0..20).map(|index| {
            let number = call * 20 + index;
            let (buys, sells) = (number * 7 % 12, (number * 5 + call) % 12);
            let buyer = party(
                people[usize::try_from(buys).unwrap()],
                Some(2 * buys),
                "0.01",
                "0",
            );
            let seller = party(
                people[usize::try_from(sells).unwrap()],
                Some(2 * sells + 1),
                "0.01",
                "0",
            );
            Instruction::Settle(settle(number, "1", "1", buyer, seller))
        });
        let (trades, wallet) = (
            trades.collect::<Vec<_>>(),
            Arc::clone(&wallets[usize::from(call % 2 == 0)]),
        );
        running.spawn(async move { wallet.instruct(0, trades).await.unwrap() });
    }
    let answers: Vec<_> = running.join_all().await.into_iter().flatten().collect();
    assert_eq!(answers.len(), 800);
    assert!(answers.iter().all(Result::is_ok));
    for wallet in &wallets {
        let counts = wallet.counts();
        assert_eq!((counts.failures, counts.conflicts), (0, 0), "{counts:?}");
    }
    stage.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn first_credits_of_one_account_from_two_wallets_all_arrive() {
    let stage = Stage::new().await;
    let wallets = two(&stage);
    stage.fund(BOB, "BTC", "1000").await;
    stage.reserve(reserve(1, BOB, "BTC", "1000")).await.unwrap();
    for round in 0_u128..10 {
        let newcomer = UserId::from_u128(5_000 + round);
        stage.fund(newcomer, "USDT", "20").await;
        let order = 100 + round;
        stage
            .reserve(reserve(order, newcomer, "USDT", "20"))
            .await
            .unwrap();
        let trades = (0..20).map(|index| {
            let trade = 1_000 * (round + 1) + index;
            let seller = party(BOB, Some(1), "0", "0");
            Instruction::Settle(settle(
                trade,
                "1",
                "1",
                party(newcomer, Some(order), "0.5", "0"),
                seller,
            ))
        });
        let answers = at_once(&wallets, trades).await;
        assert!(answers.iter().all(Result::is_ok), "{answers:?}");
        assert_eq!(stage.has(newcomer, "BTC").await, "10 0");
    }
    stage.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reserve_and_its_release_at_once_never_leave_money_behind() {
    let stage = Stage::new().await;
    let wallets = two(&stage);
    let mut met = [0, 0];
    for round in 0..40 {
        let user_id = UserId::from_u128(7_000 + round);
        stage.fund(user_id, "USDT", "10").await;
        let mut both = vec![
            Instruction::Reserve(reserve(round, user_id, "USDT", "10")),
            Instruction::Release(release(round, 0, user_id, "USDT", "10")),
        ];
        if round % 2 == 0 {
            both.reverse();
        }
        let answers = at_once(&wallets, both.clone()).await;
        // Whichever came first, the reservation has ended.
        assert_eq!(stage.has(user_id, "USDT").await, "10 0", "{answers:?}");
        let late = answers.contains(&Err(Refused::Released));
        met[usize::from(late)] += 1;
        let again = at_once(&wallets, both).await;
        assert_eq!(
            again.iter().filter(|answer| answer.is_ok()).count(),
            if late { 1 } else { 2 }
        );
    }
    assert_eq!(met.iter().sum::<i32>(), 40);
    stage.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_key_with_two_bodies_at_once_is_one_of_them() {
    let stage = Stage::new().await;
    let wallets = two(&stage);
    for round in 0..20 {
        let people = [
            UserId::from_u128(9_000 + 2 * round),
            UserId::from_u128(9_001 + 2 * round),
        ];
        for user_id in people {
            stage.fund(user_id, "USDT", "10").await;
        }
        // Of different users, so that no account's lock keeps them apart: the key alone does.
        let both = people.map(|user_id| Instruction::Reserve(reserve(round, user_id, "USDT", "10")));
        let answers = at_once(&wallets, both).await;
        assert_eq!(
            answers.iter().filter(|answer| answer.is_ok()).count(),
            1,
            "{answers:?}"
        );
        assert!(answers.contains(&Err(Refused::KeyConflict)), "{answers:?}");
    }
    stage.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn callers_at_once_share_transactions() {
    let stage = Stage::with(WalletOptions {
        workers: 2,
        batch: 50,
        ..WalletOptions::default()
    })
    .await;
    stage.fund(ALICE, "USDT", "1000").await;
    let Stage {
        wallet,
        pool,
        database,
        ..
    } = stage;
    let wallet = Arc::new(wallet);
    let before = wallet.counts();
    let answers = at_once(
        &[Arc::clone(&wallet)],
        (0..400).map(|id| Instruction::Reserve(reserve(id, ALICE, "USDT", "1"))),
    )
    .await;
    assert!(answers.iter().all(Result::is_ok));
    let counts = wallet.counts();
    assert_eq!(counts.answered - before.answered, 400);
    assert!(counts.transactions - before.transactions <= 200, "{counts:?}");
    let balances = wallet.balances(vec![ALICE]).await.unwrap();
    let [balance] = balances[..] else {
        panic!("{balances:?}");
    };
    assert_eq!((balance.asset, balance.reserved), (asset("USDT"), amount("400")));
    assert_eq!(symbol().quote, balance.asset);
    support::check(&pool).await;
    drop(database);
}
