//! The numbers of the specification, word for word: reserve and release, settle-trade, the two integration tests.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

mod support;

use domain::{EntryAccount, EntryType, Reference, Release};
use support::{ALICE, BOB, Stage, amount, order, party, release, reserve, settle};
use wallet_client::{EntryPage, Wallet as _};

#[tokio::test]
async fn reserving_1000_of_5000_leaves_4000_and_releasing_gives_5000() {
    let stage = Stage::new().await;
    stage.fund(ALICE, "USDT", "5000").await;
    let answer = stage.reserve(reserve(1, ALICE, "USDT", "1000")).await.unwrap();
    assert_eq!(answer.entry_ids.len(), 1);
    let [after] = answer.balances[..] else {
        panic!("{answer:?}");
    };
    assert_eq!(
        (after.available, after.reserved),
        (amount("4000"), amount("1000"))
    );
    let answer = stage.release(release(1, 0, ALICE, "USDT", "1000")).await.unwrap();
    let [after] = answer.balances[..] else {
        panic!("{answer:?}");
    };
    assert_eq!((after.available, after.reserved), (amount("5000"), amount("0")));
    assert_eq!(stage.has(ALICE, "USDT").await, "5000 0");
    stage.check().await;
}

#[tokio::test]
async fn half_a_bitcoin_at_50000_is_settled_as_the_specification_says() {
    let stage = Stage::new().await;
    stage.fund(ALICE, "USDT", "25000").await;
    stage.fund(BOB, "BTC", "0.5").await;
    stage.reserve(reserve(1, ALICE, "USDT", "25000")).await.unwrap();
    stage.reserve(reserve(2, BOB, "BTC", "0.5")).await.unwrap();
    let trade = settle(
        9,
        "0.5",
        "25000",
        party(ALICE, None, "0.0005", "0"),
        party(BOB, None, "25", "0"),
    );
    let answer = stage.settle(trade).await.unwrap();
    let told: Vec<String> = answer
        .balances
        .iter()
        .map(|of| format!("{} {} {}", of.asset, of.available, of.reserved))
        .collect();
    assert_eq!(told, ["BTC 0.4995 0", "USDT 0 0", "BTC 0 0", "USDT 24975 0"]);
    assert_eq!(answer.entry_ids.len(), 2);
    assert_eq!(stage.has(ALICE, "BTC").await, "0.4995 0");
    assert_eq!(stage.has(BOB, "USDT").await, "24975 0");
    let again = stage.settle(trade).await.unwrap();
    assert_eq!(again, answer, "both succeed with the same response");
    stage.check().await;
}

#[tokio::test]
async fn a_whole_bitcoin_gives_the_buyer_0_999_and_the_seller_49950() {
    let stage = Stage::new().await;
    stage.fund(ALICE, "USDT", "50000").await;
    stage.fund(BOB, "BTC", "1").await;
    stage.reserve(reserve(1, ALICE, "USDT", "50000")).await.unwrap();
    stage.reserve(reserve(2, BOB, "BTC", "1")).await.unwrap();
    let trade = settle(
        9,
        "1",
        "50000",
        party(ALICE, Some(1), "0.001", "0"),
        party(BOB, Some(2), "50", "0"),
    );
    let answer = stage.settle(trade).await.unwrap();
    assert_eq!(stage.has(ALICE, "BTC").await, "0.999 0");
    assert_eq!(stage.has(ALICE, "USDT").await, "0 0");
    assert_eq!(stage.has(BOB, "BTC").await, "0 0");
    assert_eq!(stage.has(BOB, "USDT").await, "49950 0");
    stage.check().await;

    // The entries that the answer names: what the buyer and the seller received.
    for (user_id, entry_id, units) in [
        (ALICE, answer.entry_ids[0], "0.99900000"),
        (BOB, answer.entry_ids[1], "49950.00000000"),
    ] {
        let found = stage
            .text(&format!(
                "SELECT amount::text FROM ledger_entries WHERE entry_id = '{entry_id}' AND user_id = '{user_id}'"
            ))
            .await;
        assert_eq!(found, units);
    }
}

#[tokio::test]
async fn every_change_stands_in_the_ledger_with_its_type_and_reference() {
    let stage = Stage::new().await;
    stage.fund(ALICE, "USDT", "60000").await;
    stage.fund(BOB, "BTC", "1").await;
    stage.reserve(reserve(1, ALICE, "USDT", "51000")).await.unwrap();
    stage.reserve(reserve(2, BOB, "BTC", "1")).await.unwrap();
    let buyer = party(ALICE, Some(1), "0.001", "500");
    let trade = settle(9, "1", "50000", buyer, party(BOB, Some(2), "50", "0"));
    stage.settle(trade).await.unwrap();
    let last = Release {
        last: true,
        ..release(1, 1, ALICE, "USDT", "500")
    };
    stage.release(last).await.unwrap();
    let page = EntryPage {
        user_id: ALICE,
        asset: None,
        before: None,
        limit: 100,
    };
    let lines = stage.wallet.ledger(page).await.unwrap();
    let told: Vec<_> = lines
        .iter()
        .rev()
        .map(|line| {
            (
                line.entry_type,
                line.asset.to_string(),
                line.available,
                line.reserved,
            )
        })
        .collect();
    let units = 100_000_000;
    let usdt = || "USDT".to_owned();
    assert_eq!(
        told,
        [
            (EntryType::Deposit, usdt(), 60_000 * units, 0),
            (EntryType::Reserve, usdt(), -51_000 * units, 51_000 * units),
            (EntryType::TradeBuy, usdt(), 0, -50_000 * units),
            (EntryType::Release, usdt(), 500 * units, -500 * units),
            (EntryType::TradeBuy, "BTC".to_owned(), 99_900_000, 0),
            (EntryType::Release, usdt(), 500 * units, -500 * units),
        ]
    );
    assert!(lines.iter().all(|line| line.account == EntryAccount::User(ALICE)));
    assert_eq!(lines[0].reference, Reference::Order(order(1)));
    assert_eq!(lines[1].reference, Reference::Trade(trade.trade_id));
    let fees = "SELECT string_agg(asset || ' ' || amount::text || ' ' || entry_type, ', ' ORDER BY asset)
        FROM ledger_entries WHERE house = 'FEE'";
    assert_eq!(stage.text(fees).await, "BTC 0.00100000 FEE, USDT 50.00000000 FEE");
}
