//! Every kind of rule is seen to be broken by what breaks it, in the tables of an exchange that has traded.

use std::collections::BTreeSet;
use std::process::Command;

use distributed::audit::{INVARIANTS, Known, watched};
use persistence::postgres::connect;
use serde_json::Value;

use crate::venue::{ALICE, BOB, Venue, until};

/// The kind of rule; what breaks it; what mends it.
const CASES: [(&str, &str, &str); 11] = [
    (
        "zero_sum",
        "UPDATE wallets SET reserved_balance = reserved_balance + 5 WHERE user_id = 'ALICE' AND asset = 'BTC'",
        "UPDATE wallets SET reserved_balance = reserved_balance - 5 WHERE user_id = 'ALICE' AND asset = 'BTC'",
    ),
    (
        "not_negative",
        "ALTER TABLE house_accounts DROP CONSTRAINT house_accounts_fees_check;
            UPDATE house_accounts SET fees = fees - 100000 WHERE asset = 'BTC'",
        "UPDATE house_accounts SET fees = fees + 100000 WHERE asset = 'BTC'",
    ),
    (
        "reserved",
        "UPDATE reservations SET left_amount = left_amount - 0.01 WHERE status = 'held'",
        "UPDATE reservations SET left_amount = left_amount + 0.01 WHERE status = 'held'",
    ),
    (
        "balances",
        "UPDATE wallets SET available_balance = available_balance + CASE user_id WHEN 'ALICE' THEN 5 ELSE -5 END WHERE asset = 'ETH'",
        "UPDATE wallets SET available_balance = available_balance - CASE user_id WHEN 'ALICE' THEN 5 ELSE -5 END WHERE asset = 'ETH'",
    ),
    (
        "ledger",
        "UPDATE ledger_entries SET transaction_number = -transaction_number WHERE transaction_number = 3",
        "UPDATE ledger_entries SET transaction_number = -transaction_number WHERE transaction_number = -3",
    ),
    (
        "needed",
        "UPDATE orders SET reserve_left = reserve_left - 0.01 WHERE status = 'OPEN'",
        "UPDATE orders SET reserve_left = reserve_left + 0.01 WHERE status = 'OPEN'",
    ),
    (
        "settled",
        "UPDATE ledger_transactions SET key = 'x' || key WHERE key LIKE 'settle:%'",
        "UPDATE ledger_transactions SET key = substr(key, 2) WHERE key LIKE 'xsettle:%'",
    ),
    (
        "orders",
        "UPDATE orders SET filled_notional = filled_notional + 1 WHERE status = 'FILLED'",
        "UPDATE orders SET filled_notional = filled_notional - 1 WHERE status = 'FILLED'",
    ),
    (
        "book",
        "UPDATE orders SET price = price + 2000 WHERE side = 'BUY' AND status = 'OPEN'",
        "UPDATE orders SET price = price - 2000 WHERE side = 'BUY' AND status = 'OPEN'",
    ),
    (
        "log",
        "UPDATE shard_log SET seq = seq + 1000000 WHERE seq = 2",
        "UPDATE shard_log SET seq = seq - 1000000 WHERE seq = 1000002",
    ),
    (
        "states",
        "UPDATE market_state SET turn = turn + 1 WHERE symbol = 'BTC/USDT'",
        "UPDATE market_state SET turn = turn - 1 WHERE symbol = 'BTC/USDT'",
    ),
];

/// The kinds that look at everything is not needed for.
const SMALL: [&str; 4] = ["zero_sum", "not_negative", "reserved", "needed"];

/// What the command says: its report, the kinds of rules that do not hold, and whether it has failed.
fn report(words: &[&str]) -> (Value, BTreeSet<String>, bool) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_matcher"));
    let output = command.arg("audit").args(words).output().unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let broken = report["broken"].as_array().unwrap().iter();
    let kinds = broken.map(|row| row["invariant"].as_str().unwrap().to_owned());
    let kinds = kinds.collect();
    (report, kinds, !output.status.success())
}

fn told(database: &str) -> (BTreeSet<String>, bool) {
    let (_, kinds, failed) = report(&["--database", database]);
    (kinds, failed)
}

/// Whether balances were compared with those of a replay, and differ.
fn replayed(database: &str) -> (bool, bool) {
    let (report, kinds, _) = report(&["--database", database, "--replay"]);
    let compared = report["replayed"]["balances_compared"].as_bool().unwrap();
    (compared, kinds.contains("replay"))
}

#[tokio::test(flavor = "multi_thread")]
async fn each_kind_of_rule_is_seen_to_be_broken_and_to_hold_again() {
    let mut venue = Venue::open().await;
    let (alice, bob) = (venue.token(ALICE), venue.token(BOB));
    for (token, side, price, quantity) in [
        (&alice, "SELL", "60000.00", "0.20"),
        (&bob, "BUY", "60000.00", "0.20"),
        (&alice, "SELL", "60500.00", "0.50"),
        (&bob, "BUY", "59900.00", "0.30"),
    ] {
        let (status, order) = venue.place(token, "BTC/USDT", side, price, quantity).await;
        assert_eq!(status, 201, "{order}");
    }
    let settled = "SELECT count(*) FROM ledger_transactions WHERE key LIKE 'settle:%'";
    until("the trade is settled", async || {
        venue.sql.query_one(settled, &[]).await.unwrap().get::<_, i64>(0) == 1
    })
    .await;
    for program in ["auditor-1", "gateway-1", "matcher-1", "wallet-1"] {
        venue.exchange.member(program).unwrap().stop().await.unwrap();
    }
    let url = venue.exchange.postgres_url().to_owned();
    assert_eq!(told(&url), (BTreeSet::new(), false));
    let cases: BTreeSet<&str> = CASES.iter().map(|(invariant, ..)| *invariant).collect();
    assert_eq!(cases, INVARIANTS.into_iter().collect());
    balances_are_compared_with_a_replay_only_where_all_of_it_is_settled(&venue, &url).await;

    let mut connection = connect(&url.clone().into()).await.unwrap();
    for (invariant, breaks, mends) in CASES {
        let sql = |text: &str| text.replace("ALICE", ALICE);
        venue.sql.batch_execute(&sql(breaks)).await.expect(invariant);
        let (kinds, failed) = told(&url);
        assert!(kinds.contains(invariant) && failed, "{invariant}: {kinds:?}");
        let look = watched(&mut connection, false, &mut Known::default())
            .await
            .unwrap();
        let small = look
            .found
            .broken
            .iter()
            .any(|broken| broken.invariant == invariant);
        assert_eq!(small, SMALL.contains(&invariant), "{invariant}");
        venue.sql.batch_execute(&sql(mends)).await.expect(invariant);
        assert_eq!(told(&url), (BTreeSet::new(), false), "{invariant}");
    }
}

/// Orders go on while a log is read: what the wallet has done by then is more than what was replayed.
async fn balances_are_compared_with_a_replay_only_where_all_of_it_is_settled(venue: &Venue, url: &str) {
    assert_eq!(replayed(url), (true, false));
    let sql = async |text: &str| venue.sql.batch_execute(text).await.unwrap();
    sql("UPDATE ledger_entries SET available = available + 1 WHERE entry_type = 'TRADE_BUY'").await;
    assert_eq!(
        replayed(url),
        (true, true),
        "nothing is on its way, and they differ"
    );
    sql("UPDATE shards SET settled_seq = settled_seq - 1").await;
    assert_eq!(replayed(url), (false, false), "something is on its way");
    sql("UPDATE shards SET settled_seq = settled_seq + 1").await;
    sql("UPDATE ledger_entries SET available = available - 1 WHERE entry_type = 'TRADE_BUY'").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_has_changed_and_is_not_what_its_lines_say_is_found_without_looking_at_all() {
    let mut venue = Venue::open().await;
    venue.exchange.member("auditor-1").unwrap().stop().await.unwrap();
    let mut connection = connect(&venue.exchange.postgres_url().to_owned().into())
        .await
        .unwrap();
    let mut known = Known::default();
    let mut wrong = async |known: &mut Known| {
        let look = watched(&mut connection, false, known).await.unwrap();
        let of_accounts = look
            .found
            .broken
            .into_iter()
            .filter(|broken| broken.invariant == "balances");
        of_accounts
            .map(|broken| (broken.account.unwrap().to_string(), broken.amount))
            .collect::<Vec<_>>()
    };
    assert_eq!(wrong(&mut known).await, []);
    let alice = venue.token(ALICE);
    let place = async || {
        let (status, order) = venue.place(&alice, "BTC/USDT", "SELL", "60500.00", "0.50").await;
        assert_eq!(status, 201, "{order}");
    };
    place().await;
    assert_eq!(wrong(&mut known).await, []);
    // From one user to the other: the sums of the asset stay.
    let moves = CASES
        .iter()
        .find(|(invariant, ..)| *invariant == "balances")
        .unwrap();
    let sql = |text: &str| text.replace("ALICE", ALICE).replace("ETH", "BTC");
    venue.sql.batch_execute(&sql(moves.1)).await.unwrap();
    assert_eq!(
        wrong(&mut known).await,
        [],
        "no line has come: only a look at everything sees it"
    );
    place().await;
    let found = vec![(ALICE.to_owned(), "5.00000000".to_owned())];
    assert_eq!(wrong(&mut known).await, found);
    assert_eq!(
        wrong(&mut known).await,
        found,
        "it is looked at until it is right"
    );
    venue.sql.batch_execute(&sql(moves.2)).await.unwrap();
    assert_eq!(wrong(&mut known).await, []);
}
