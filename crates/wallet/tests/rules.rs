//! What only a wallet with tables can show: answers that outlive it, rows, shards, clocks and refusals that stay.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

mod support;

use std::time::Duration;

use domain::{Release, Stamp};
use support::{
    ALICE, BOB, START_US, Stage, amendment, amount, deposit, merge, open_at, party, pool, release, reserve,
    settle, withdrawal,
};
use wallet::WalletOptions;
use wallet_client::{EntryPage, Instruction, NotAnswered, Refused, TransferRefused, Wallet as _};

#[tokio::test]
async fn answers_and_refusals_outlive_the_wallet_that_gave_them() {
    let stage = Stage::new().await;
    stage.fund(ALICE, "USDT", "100").await;
    let instructions = vec![
        Instruction::Reserve(reserve(1, ALICE, "USDT", "60")),
        Instruction::Reserve(reserve(2, ALICE, "USDT", "60")),
        Instruction::Release(release(1, 1, ALICE, "USDT", "20")),
        Instruction::Release(release(1, 2, ALICE, "USDT", "41")),
        Instruction::Release(release(3, 1, ALICE, "USDT", "5")),
        Instruction::Reserve(reserve(3, ALICE, "USDT", "5")),
        Instruction::Merge(merge(1, 77, ALICE, "USDT", "5")),
        Instruction::Settle(settle(
            9,
            "1",
            "70",
            party(ALICE, Some(1), "0", "0"),
            party(BOB, Some(4), "0", "0"),
        )),
    ];
    let first = stage.wallet.instruct(3, instructions.clone()).await.unwrap();
    assert!(
        first[0].is_ok() && first[2].is_ok() && first[4].is_ok(),
        "{first:?}"
    );
    assert!(matches!(first[1], Err(Refused::InsufficientBalance { .. })));
    assert_eq!(first[3], Err(Refused::InvalidReleaseAmount));
    assert_eq!(first[5], Err(Refused::Released));
    assert!(matches!(first[6], Err(Refused::NotReserved(_))));
    assert!(matches!(first[7], Err(Refused::NotReserved(_))));
    // Later there is enough of everything.
    stage.fund(ALICE, "USDT", "1000").await;
    stage.reserve(reserve(5, ALICE, "USDT", "1")).await.unwrap();
    let later = stage.another();
    // From another shard, too: a market may move between two tries.
    let again = later.instruct(4, instructions).await.unwrap();
    assert_eq!(again, first);
    assert_eq!(stage.has(ALICE, "USDT").await, "1059 41");
    stage.check().await;
}

#[tokio::test]
async fn another_body_under_a_key_is_refused_by_every_wallet() {
    let stage = Stage::new().await;
    stage.fund(ALICE, "USDT", "100").await;
    stage.reserve(reserve(1, ALICE, "USDT", "60")).await.unwrap();
    stage.release(release(1, 1, ALICE, "USDT", "20")).await.unwrap();
    let others = vec![
        Instruction::Reserve(reserve(1, ALICE, "USDT", "61")),
        Instruction::Release(release(1, 1, ALICE, "USDT", "21")),
        Instruction::Release(Release {
            last: true,
            ..release(1, 1, ALICE, "USDT", "20")
        }),
    ];
    for answer in stage.another().instruct(0, others).await.unwrap() {
        assert_eq!(answer, Err(Refused::KeyConflict));
    }
    let other = deposit(&format!("fund-{ALICE}-USDT-100"), ALICE, "USDT", "99");
    assert_eq!(stage.transfer(other).await, Err(TransferRefused::KeyConflict));
    assert_eq!(stage.has(ALICE, "USDT").await, "60 40");
}

#[tokio::test]
async fn a_receipt_bears_the_first_answers_time_for_ever() {
    let stage = Stage::new().await;
    let first = stage.transfer(deposit("d", ALICE, "USDT", "5")).await.unwrap();
    assert_eq!(first.at, Stamp::from_micros(START_US));
    stage.clock.advance(Duration::from_secs(86_400));
    stage.transfer(withdrawal("w", ALICE, "USDT", "2")).await.unwrap();
    let again = stage
        .another()
        .transfer(deposit("d", ALICE, "USDT", "5"))
        .await
        .unwrap();
    assert_eq!(again, Ok(first));
    let too_much = withdrawal("v", ALICE, "USDT", "4");
    assert_eq!(
        stage.transfer(too_much.clone()).await,
        Err(TransferRefused::InsufficientBalance)
    );
    stage.fund(ALICE, "USDT", "100").await;
    assert_eq!(
        stage.transfer(too_much).await,
        Err(TransferRefused::InsufficientBalance)
    );
    stage.check().await;
}

#[tokio::test]
async fn nothing_is_not_transferred_and_not_remembered() {
    let stage = Stage::new().await;
    assert_eq!(
        stage.transfer(deposit("d", ALICE, "USDT", "0")).await,
        Err(TransferRefused::Nothing)
    );
    stage.transfer(deposit("d", ALICE, "USDT", "1")).await.unwrap();
    assert_eq!(stage.has(ALICE, "USDT").await, "1 0");
}

#[tokio::test]
async fn all_money_of_an_asset_stays_within_the_largest_amount() {
    let stage = Stage::new().await;
    let most = "92233720368.54775807";
    stage.fund(ALICE, "USDT", most).await;
    let more = deposit("more", BOB, "USDT", "0.00000001");
    assert_eq!(stage.transfer(more.clone()).await, Err(TransferRefused::TooLarge));
    assert_eq!(
        stage.has(BOB, "USDT").await,
        "-",
        "an account without money is not told"
    );
    stage.transfer(withdrawal("w", ALICE, "USDT", "1")).await.unwrap();
    assert_eq!(
        stage.transfer(more).await,
        Err(TransferRefused::TooLarge),
        "for ever"
    );
    stage.fund(BOB, "USDT", "1").await;
    stage.check().await;
}

#[tokio::test]
async fn fees_go_to_the_house_account_of_their_shard() {
    let stage = Stage::new().await;
    stage.fund(ALICE, "USDT", "100").await;
    stage.fund(BOB, "BTC", "10").await;
    stage.reserve(reserve(1, ALICE, "USDT", "100")).await.unwrap();
    stage.reserve(reserve(2, BOB, "BTC", "10")).await.unwrap();
    for (shard, trade, fee) in [(0, 1, "0.1"), (7, 2, "0.2"), (7, 3, "0.3")] {
        let trade = settle(
            trade,
            "1",
            "10",
            party(ALICE, Some(1), fee, "0"),
            party(BOB, Some(2), "0", "0"),
        );
        let answers = stage
            .wallet
            .instruct(shard, vec![Instruction::Settle(trade)])
            .await
            .unwrap();
        assert!(answers[0].is_ok(), "{answers:?}");
    }
    let accounts = "SELECT string_agg(asset || shard || ' ' || fees::text || ' ' || external::text, ', '
        ORDER BY asset, shard) FROM house_accounts";
    assert_eq!(
        stage.text(accounts).await,
        "BTC0 0.10000000 -10.00000000, BTC7 0.50000000 0.00000000, USDT0 0.00000000 -100.00000000"
    );
    stage.check().await;
}

#[tokio::test]
async fn versions_grow_by_one_with_each_change_of_an_account() {
    let stage = Stage::new().await;
    stage.fund(ALICE, "USDT", "100").await;
    let version = async || stage.balance(ALICE, "USDT").await.map(|balance| balance.version);
    assert_eq!(version().await, Some(1));
    // Each counts, though one transaction writes them.
    let call = (1..=5)
        .map(|id| Instruction::Reserve(reserve(id, ALICE, "USDT", "1")))
        .collect();
    let answers = stage.wallet.instruct(0, call).await.unwrap();
    let told: Vec<u64> = answers
        .into_iter()
        .map(|answer| answer.unwrap().balances[0].version)
        .collect();
    assert_eq!(told, [2, 3, 4, 5, 6]);
    assert_eq!(version().await, Some(6));
    stage
        .reserve(reserve(9, ALICE, "USDT", "1000"))
        .await
        .unwrap_err();
    stage.release(release(77, 0, ALICE, "USDT", "1")).await.unwrap();
    assert_eq!(version().await, Some(6), "what moves nothing changes nothing");
}

#[tokio::test]
async fn rows_tell_what_became_of_each_reservation() {
    let stage = Stage::new().await;
    stage.fund(ALICE, "USDT", "100").await;
    stage.fund(BOB, "BTC", "1").await;
    stage.reserve(reserve(1, ALICE, "USDT", "10")).await.unwrap();
    stage.reserve(amendment(1, 11, ALICE, "USDT", "5")).await.unwrap();
    stage
        .reserve(reserve(2, ALICE, "USDT", "1000"))
        .await
        .unwrap_err();
    stage.release(release(3, 0, ALICE, "USDT", "1")).await.unwrap();
    stage.reserve(reserve(4, BOB, "BTC", "1")).await.unwrap();
    let trade = settle(
        9,
        "1",
        "3",
        party(ALICE, Some(1), "0", "1"),
        party(BOB, Some(4), "0", "0"),
    );
    stage.settle(trade).await.unwrap();
    stage.merge(merge(1, 11, ALICE, "USDT", "5")).await.unwrap();
    let rows = "SELECT string_agg(right(reservation_id::text, 2) || ' ' || status || ' ' || trim_scale(granted)::text
        || ' ' || trim_scale(left_amount)::text, ', ' ORDER BY reservation_id) FROM reservations";
    assert_eq!(
        stage.text(rows).await,
        "01 held 15 11, 02 refused 0 0, 03 tombstone 0 0, 04 closed 1 0, 0b closed 5 0"
    );
    stage.release(release(1, 0, ALICE, "USDT", "11")).await.unwrap();
    let closed = "SELECT status FROM reservations WHERE right(reservation_id::text, 2) = '01'";
    assert_eq!(stage.text(closed).await, "closed");
    assert_eq!(stage.has(ALICE, "USDT").await, "97 0");
    stage.check().await;
}

#[tokio::test]
async fn a_late_reserve_meets_the_tombstone_whichever_wallet_laid_it() {
    let stage = Stage::new().await;
    stage.fund(ALICE, "USDT", "100").await;
    stage.release(release(1, 0, ALICE, "USDT", "60")).await.unwrap();
    let late = vec![Instruction::Reserve(reserve(1, ALICE, "USDT", "60"))];
    let answers = stage.another().instruct(0, late).await.unwrap();
    assert_eq!(answers, [Err(Refused::Released)]);
    assert_eq!(stage.has(ALICE, "USDT").await, "100 0");
    stage.check().await;
}

#[tokio::test]
async fn where_a_fee_takes_all_that_is_received_its_line_is_named() {
    let stage = Stage::new().await;
    stage.fund(ALICE, "USDT", "100").await;
    stage.fund(BOB, "BTC", "1").await;
    stage.reserve(reserve(1, ALICE, "USDT", "100")).await.unwrap();
    stage.reserve(reserve(2, BOB, "BTC", "1")).await.unwrap();
    let trade = settle(
        9,
        "1",
        "100",
        party(ALICE, Some(1), "1", "0"),
        party(BOB, Some(2), "0", "0"),
    );
    let answer = stage.settle(trade).await.unwrap();
    assert_eq!(answer.entry_ids.len(), 2);
    let line = format!(
        "SELECT house FROM ledger_entries WHERE entry_id = '{}'",
        answer.entry_ids[0]
    );
    assert_eq!(stage.text(&line).await, "FEE");
    assert_eq!(
        stage.balance(ALICE, "BTC").await.map(|balance| balance.available),
        Some(amount("0"))
    );
    stage.check().await;
}

#[tokio::test]
async fn it_needs_no_more_rights_than_its_role_has_and_the_audit_only_reads() {
    let stage = Stage::new().await;
    let as_role = |role: &str| format!("{}?options=-c%20role%3D{role}", stage.database.url());
    let wallet = open_at(&as_role("trade_wallet"), WalletOptions::default());
    for (code, user_id) in [("USDT", ALICE), ("BTC", BOB)] {
        wallet
            .transfer(deposit(code, user_id, code, "100"))
            .await
            .unwrap()
            .unwrap();
        wallet
            .transfer(withdrawal(&format!("{code}-out"), user_id, code, "1"))
            .await
            .unwrap()
            .unwrap();
    }
    let trade = settle(
        9,
        "1",
        "10",
        party(ALICE, Some(1), "0.1", "1"),
        party(BOB, None, "0.1", "0"),
    );
    let instructions = vec![
        Instruction::Reserve(reserve(1, ALICE, "USDT", "50")),
        Instruction::Reserve(amendment(1, 11, ALICE, "USDT", "5")),
        Instruction::Reserve(reserve(2, BOB, "BTC", "50")),
        Instruction::Merge(merge(1, 11, ALICE, "USDT", "5")),
        Instruction::Settle(trade),
        Instruction::Release(release(2, 0, BOB, "BTC", "49")),
    ];
    let answers = wallet.instruct(1, instructions).await.unwrap();
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    assert_eq!(wallet.balances(vec![ALICE]).await.unwrap().len(), 2);
    let page = EntryPage {
        user_id: ALICE,
        asset: None,
        before: None,
        limit: 100,
    };
    assert_eq!(wallet.ledger(page).await.unwrap().len(), 9);
    let auditor = pool(&as_role("trade_auditor"));
    let found = wallet::audit(&mut auditor.get().await.unwrap()).await.unwrap();
    assert_eq!(found, []);
}

#[tokio::test]
async fn a_shard_that_cannot_be_is_not_taken() {
    let stage = Stage::new().await;
    let call = vec![Instruction::Reserve(reserve(1, ALICE, "USDT", "1"))];
    let answer = stage.wallet.instruct(u32::MAX, call).await;
    assert!(matches!(answer, Err(NotAnswered::NotSent(_))), "{answer:?}");
}
