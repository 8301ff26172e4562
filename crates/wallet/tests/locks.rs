//! The order of locks, looked at from beside: what waits holds all that comes before, and nothing that comes behind.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

mod support;

use std::sync::Arc;

use domain::UserId;
use support::{Stage, deposit, party, reserve, settle, until, withdrawal};
use wallet_client::{Instruction, Wallet as _};

const WAITING: &str =
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";

const PEOPLE: u128 = 6;

/// In an order that is not that of their ids.
fn person(number: u128) -> UserId {
    UserId::from_u128(1 + (number * 5) % PEOPLE)
}

/// People with money and two orders each, and trades between all of them in a circle.
async fn circle() -> (Stage, Vec<Instruction>) {
    let stage = Stage::new().await;
    for number in 0..PEOPLE {
        stage.fund(person(number), "USDT", "100").await;
        stage.fund(person(number), "BTC", "100").await;
        for (id, code) in [(2 * number, "USDT"), (2 * number + 1, "BTC")] {
            stage
                .reserve(reserve(id, person(number), code, "100"))
                .await
                .unwrap();
        }
    }
    let trade = |number: u128| {
        let next = (number + 1) % PEOPLE;
        let buyer = party(person(number), Some(2 * number), "0", "0");
        let seller = party(person(next), Some(2 * next + 1), "0", "0");
        Instruction::Settle(settle(number, "1", "1", buyer, seller))
    };
    (stage, (0..PEOPLE).map(trade).collect())
}

/// Holds one row and lets the wallet work until it waits for it: then it has locked exactly these others.
async fn assert_locked_before(row: &str, table: &str, key: &str, before: &[String]) {
    let (stage, trades) = circle().await;
    let wallet = Arc::new(stage.another());
    let session = stage.session().await;
    session
        .run(&format!(
            "BEGIN; SELECT 1 FROM {table} WHERE {key} = '{row}' FOR UPDATE"
        ))
        .await;
    let working = tokio::spawn({
        let wallet = Arc::clone(&wallet);
        async move { wallet.instruct(0, trades).await }
    });
    let free = format!("SELECT {key} FROM {table} ORDER BY {key} FOR UPDATE SKIP LOCKED");
    let locked = format!(
        "WITH free AS MATERIALIZED ({free}) SELECT CASE WHEN ({WAITING}) <> 1 THEN 'nobody waits' ELSE (
        SELECT coalesce(string_agg({key}, ' ' ORDER BY {key}), '') FROM {table}
        WHERE {key} NOT IN (SELECT * FROM free) AND {key} <> '{row}') END"
    );
    let expected = before.join(" ");
    // One that waits long gives up and begins again.
    until(&format!("{expected} before {row}"), || async {
        stage.number(WAITING).await == 1 && stage.text(&locked).await == expected
    })
    .await;
    session.run("COMMIT").await;
    let answers = working.await.unwrap().unwrap();
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    stage.check().await;
}

/// The accounts of all people in the order of their keys.
fn accounts() -> Vec<String> {
    let of = |user: u128| ["BTC", "USDT"].map(|asset| format!("{}/{asset}", UserId::from_u128(user)));
    (1..=PEOPLE).flat_map(of).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn accounts_are_locked_in_the_order_of_user_and_asset() {
    let all = accounts();
    for place in [0, 5, all.len() - 1] {
        let key = "(user_id::text || '/' || asset)";
        assert_locked_before(&all[place], "wallets", key, &all[..place]).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reservations_are_locked_in_the_order_of_their_ids() {
    let all: Vec<String> = (0..2 * PEOPLE).map(|id| support::order(id).to_string()).collect();
    for place in [0, 5, all.len() - 1] {
        assert_locked_before(&all[place], "reservations", "reservation_id::text", &all[..place]).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_are_looked_up_under_the_locks() {
    let stage = Stage::new().await;
    let user_id = person(0);
    stage.fund(user_id, "USDT", "100").await;
    let session = stage.session().await;
    session.run("BEGIN; SELECT 1 FROM wallets FOR UPDATE").await;
    let wallets = [stage.another(), stage.another()].map(Arc::new);
    let asked = wallets.clone().map(|wallet| {
        tokio::spawn(async move {
            let call = vec![Instruction::Reserve(reserve(1, user_id, "USDT", "100"))];
            wallet.instruct(0, call).await.unwrap()
        })
    });
    until("both wait", || async { stage.number(WAITING).await == 2 }).await;
    session.run("COMMIT").await;
    let [first, second] = asked;
    let (first, second) = (first.await.unwrap(), second.await.unwrap());
    assert!(first == second && first[0].is_ok(), "{first:?} {second:?}");
    for wallet in &wallets {
        // Whoever looked before would run into the other's key and begin again.
        assert_eq!(wallet.counts().conflicts, 0);
    }
    stage.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn transfers_and_fees_of_one_asset_do_not_wait_in_a_circle() {
    let (stage, trades) = circle().await;
    let wallets = [stage.another(), stage.another()].map(Arc::new);
    let mut running = tokio::task::JoinSet::new();
    for round in 0..100_u128 {
        let wallet = Arc::clone(&wallets[usize::from(round % 2 == 0)]);
        let again = trades.iter().cloned().map(move |trade| match trade {
            Instruction::Settle(mut trade) => {
                trade.trade_id = domain::TradeId::from_u128(1_000 + 10 * round + trade.trade_id.as_u128());
                trade.base = support::amount("0.01");
                trade.quote = support::amount("0.01");
                trade.buyer.fee = domain::Amount(1);
                trade.seller.fee = domain::Amount(1);
                Instruction::Settle(trade)
            }
            other => other,
        });
        let again: Vec<Instruction> = again.collect();
        running.spawn(async move {
            let user_id = UserId::from_u128(100 + round % 3);
            for code in if round % 3 == 0 {
                ["USDT", "BTC"]
            } else {
                ["BTC", "USDT"]
            } {
                let (into, out) = (format!("in{code}{round}"), format!("out{code}{round}"));
                wallet
                    .transfer(deposit(&into, user_id, code, "2"))
                    .await
                    .unwrap()
                    .unwrap();
                wallet
                    .transfer(withdrawal(&out, user_id, code, "1"))
                    .await
                    .unwrap()
                    .unwrap();
            }
            let answers = wallet.instruct(0, again).await.unwrap();
            assert!(answers.iter().all(Result::is_ok), "{answers:?}");
        });
    }
    running.join_all().await;
    assert_eq!(stage.deadlocks().await, 0);
    stage.check().await;
}
