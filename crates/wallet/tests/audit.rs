//! The audit finds whatever was changed behind the wallet's back.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

mod support;

use support::{ALICE, BOB, Stage, party, reserve, settle};

/// Everything that a wallet can write, once.
async fn busy() -> Stage {
    let stage = Stage::new().await;
    stage.fund(ALICE, "USDT", "100").await;
    stage.fund(BOB, "BTC", "2").await;
    stage.reserve(reserve(1, ALICE, "USDT", "50")).await.unwrap();
    stage.reserve(reserve(2, BOB, "BTC", "2")).await.unwrap();
    let trade = settle(
        9,
        "1",
        "20",
        party(ALICE, Some(1), "0.1", "5"),
        party(BOB, Some(2), "1", "0"),
    );
    stage.settle(trade).await.unwrap();
    stage.check().await;
    stage
}

/// The rules that do not hold after this change.
async fn broken_by(stage: &Stage, change: &str) -> Vec<String> {
    stage.tamper(change).await;
    let found = wallet::audit(&mut stage.pool.get().await.unwrap()).await.unwrap();
    found
        .into_iter()
        .map(|difference| difference.to_string())
        .collect()
}

#[tokio::test]
async fn money_from_nowhere_is_found() {
    let stage = busy().await;
    let change = "UPDATE wallets SET available_balance = available_balance + 3
        WHERE asset = 'USDT' AND reserved_balance > 0";
    assert_eq!(
        broken_by(&stage, change).await,
        [
            format!("available lines in USDT of user {ALICE}: 58.00000000 instead of 55.00000000"),
            "sum in USDT: 3.00000000 instead of 0".to_owned(),
        ]
    );
}

#[tokio::test]
async fn a_thousand_accounts_of_one_asset_hide_no_other_asset() {
    let stage = busy().await;
    let change = "INSERT INTO wallets (user_id, asset, available_balance)
            SELECT gen_random_uuid(), 'BTC', 1 FROM generate_series(1, 1100);
        UPDATE wallets SET available_balance = available_balance + 3 WHERE asset = 'USDT' AND reserved_balance > 0";
    let broken = broken_by(&stage, change).await;
    let usdt = broken.iter().filter(|text| text.contains(" in USDT"));
    assert_eq!(
        usdt.collect::<Vec<_>>(),
        [
            &format!("available lines in USDT of user {ALICE}: 58.00000000 instead of 55.00000000"),
            "sum in USDT: 3.00000000 instead of 0",
        ]
    );
    // A hundred accounts, and what they sum to.
    assert_eq!(broken.len(), 101 + 2, "{broken:#?}");
}

#[tokio::test]
async fn reserved_money_that_no_order_holds_is_found() {
    let stage = busy().await;
    let change = "UPDATE reservations SET left_amount = left_amount - 1 WHERE asset = 'USDT'";
    assert_eq!(
        broken_by(&stage, change).await,
        [format!(
            "reserved in USDT of user {ALICE}: 25.00000000 instead of 24.00000000"
        )]
    );
    let change = "UPDATE reservations SET left_amount = left_amount + 1 WHERE asset = 'USDT';
        UPDATE wallets SET available_balance = available_balance + 5, reserved_balance = reserved_balance - 5
        WHERE asset = 'USDT' AND reserved_balance > 0";
    assert_eq!(
        broken_by(&stage, change).await,
        [
            format!("available lines in USDT of user {ALICE}: 60.00000000 instead of 55.00000000"),
            format!("reserved in USDT of user {ALICE}: 20.00000000 instead of 25.00000000"),
            format!("reserved lines in USDT of user {ALICE}: 20.00000000 instead of 25.00000000"),
        ]
    );
}

#[tokio::test]
async fn house_accounts_that_their_lines_do_not_explain_are_found() {
    let stage = busy().await;
    let change = "UPDATE house_accounts SET fees = fees + 1 WHERE asset = 'BTC';
        UPDATE house_accounts SET external = external - 1 WHERE asset = 'BTC'";
    assert_eq!(
        broken_by(&stage, change).await,
        [
            "external lines in BTC: -3.00000000 instead of -2.00000000",
            "fee lines in BTC: 1.10000000 instead of 0.10000000",
        ]
    );
}

#[tokio::test]
async fn a_lost_line_is_found() {
    let stage = busy().await;
    let found = broken_by(
        &stage,
        "DELETE FROM ledger_entries WHERE house = 'FEE' AND asset = 'USDT'",
    )
    .await;
    assert_eq!(
        found,
        [
            "fee lines in USDT: 1.00000000 instead of 0",
            "transaction in USDT: -1.00000000 instead of 0",
        ]
    );
}

#[tokio::test]
async fn a_negative_account_is_found_even_where_everything_sums_to_zero() {
    let stage = busy().await;
    let change = "ALTER TABLE house_accounts DROP CONSTRAINT house_accounts_fees_check;
        UPDATE house_accounts SET fees = fees - 5, external = external + 5 WHERE asset = 'USDT'";
    let found = broken_by(&stage, change).await;
    assert!(
        found.contains(&"negative in USDT: -4.00000000 instead of 0".to_owned()),
        "{found:?}"
    );
    assert!(
        !found.iter().any(|difference| difference.starts_with("sum")),
        "{found:?}"
    );
}

#[tokio::test]
async fn lines_without_a_transaction_are_found() {
    let stage = busy().await;
    let found = broken_by(
        &stage,
        "DELETE FROM ledger_transactions WHERE key LIKE 'transfer:%USDT%'",
    )
    .await;
    assert_eq!(found, ["unexplained lines in USDT: 2 instead of 0"]);
}
