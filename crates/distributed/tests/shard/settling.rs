//! What the wallet is told, whatever it answers.

use std::sync::atomic::Ordering;

use distributed::News;
use distributed::shard::ShardState;
use domain::{MoneyInstruction, Side, Status};
use wallet_client::Instruction;

use crate::bed::{Bed, asset, user};

/// The instructions of the whole log, in order.
async fn logged(bed: &Bed) -> Vec<Instruction> {
    let money = bed.log(0).await.into_iter().flat_map(|batch| batch.money);
    let instruction = |money| match money {
        MoneyInstruction::Settle(settle) => Instruction::Settle(settle.into()),
        MoneyInstruction::Release(release) => Instruction::Release(release),
        MoneyInstruction::Merge(merge) => Instruction::Merge(merge),
        MoneyInstruction::Reserve(reserve) => Instruction::Reserve(reserve),
    };
    money.map(instruction).collect()
}

/// Some trades, cancels and amendments.
async fn trade(bed: &Bed) {
    for number in 0..6u32 {
        let sell = bed.place(0, Side::Sell, 100 + number, 5).await;
        bed.place(1, Side::Buy, 103, 2).await;
        let stored = bed
            .until(sell, |order| order.state.status() != Status::Pending)
            .await;
        if !stored.order.state.is_final() {
            bed.amend(&stored, 200).await;
        }
        let buy = bed.place(2, Side::Buy, 50, 2).await;
        let stored = bed.until(buy, |order| order.state.status() == Status::Open).await;
        bed.amend(&stored, 60).await;
        bed.cancel(2, buy).await;
    }
}

/// The calls of a list, each once, where it stands first.
fn first_calls(asked: &[Instruction]) -> Vec<Instruction> {
    let mut first: Vec<Instruction> = Vec::new();
    for one in asked {
        if !first.contains(one) {
            first.push(one.clone());
        }
    }
    first
}

#[tokio::test(flavor = "multi_thread")]
async fn instructions_are_done_in_order_each_once_though_the_wallet_answers_late_twice_or_not() {
    let bed = Bed::new().await;
    bed.purse.deaf.store(3, Ordering::SeqCst);
    bed.purse.mute.store(3, Ordering::SeqCst);
    bed.purse.double.store(5, Ordering::SeqCst);
    let running = bed.start(bed.options(), 0);
    trade(&bed).await;
    bed.until_quiet().await;
    running.stop().await;
    let logged = logged(&bed).await;
    assert!(!logged.is_empty());
    assert_eq!(first_calls(&bed.purse.asked()), logged);
    bed.purse.ledger.check().unwrap();
    for (side, code) in [("SELL", "ABC"), ("BUY", "USD")] {
        let open = format!(
            "SELECT COALESCE((sum(reserve_left) * 100000000)::bigint, 0) FROM orders WHERE side = '{side}'"
        );
        let mut held = 0;
        for number in 0..3 {
            held += bed.balance(number, code).await.1;
        }
        assert_eq!(held, bed.number(&open).await.unsigned_abs(), "{code}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_owner_settles_what_the_last_one_has_left() {
    let bed = Bed::new().await;
    bed.purse.deaf.store(u32::MAX, Ordering::SeqCst);
    bed.heard.failing.store(u32::MAX, Ordering::SeqCst);
    let first = bed.start(bed.options(), 0);
    let sell = bed.place(0, Side::Sell, 100, 5).await;
    bed.place(1, Side::Buy, 100, 5).await;
    bed.until(sell, |order| order.state.status() == Status::Filled)
        .await;
    first.kill().await;
    assert_eq!(bed.purse.asked(), []);
    bed.purse.deaf.store(0, Ordering::SeqCst);
    bed.heard.failing.store(0, Ordering::SeqCst);
    let second = bed.start(bed.options(), 0);
    bed.until_quiet().await;
    assert_eq!(bed.purse.asked(), logged(&bed).await);
    let trades = bed.heard.published();
    let trades = trades
        .iter()
        .filter(|one| matches!(one.event.event, domain::Event::Trade(_)));
    assert_eq!(trades.count(), 1);
    second.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_settled_is_told_with_the_latest_balances() {
    let bed = Bed::new().await;
    let running = bed.start(bed.options(), 0);
    let sell = bed.place(0, Side::Sell, 100, 5).await;
    bed.until(sell, |order| order.state.status() == Status::Open)
        .await;
    bed.place(1, Side::Buy, 100, 5).await;
    bed.until(sell, |order| order.state.status() == Status::Filled)
        .await;
    bed.until_quiet().await;
    running.stop().await;
    let mut latest = std::collections::BTreeMap::new();
    for news in bed.heard.news() {
        if let News::Settled { balances, .. } = news {
            for balance in balances {
                let known = latest.insert((balance.user_id, balance.asset), balance);
                assert!(known.is_none_or(|known| known.version <= balance.version));
            }
        }
    }
    for (number, code) in [(0, "ABC"), (0, "USD"), (1, "ABC"), (1, "USD")] {
        let told = latest[&(user(number), asset(code))];
        assert_eq!(
            (told.available.0, told.reserved.0),
            bed.balance(number, code).await
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_halts_the_shard_loudly() {
    let bed = Bed::new().await;
    let running = bed.start(bed.options(), 0);
    let sell = bed.place(0, Side::Sell, 100, 5).await;
    bed.until(sell, |order| order.state.status() == Status::Open)
        .await;
    bed.until_quiet().await;
    bed.purse.refusing.store(1, Ordering::SeqCst);
    bed.place(1, Side::Buy, 100, 5).await;
    loop {
        if let ShardState::Halted(why) = running.status.now().state {
            assert!(why.contains("the wallet refuses"), "{why}");
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    // Gateways see it in the table.
    let told = "SELECT count(*) FROM shards WHERE shard = 0 AND halted LIKE '%the wallet refuses%'";
    bed.until_number(told, 1).await;
    let seq = bed.number("SELECT last_seq FROM shards WHERE shard = 0").await;
    bed.place(2, Side::Buy, 90, 1).await;
    // It keeps its lease and takes nothing.
    for _ in 0..10 {
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        assert_eq!(
            bed.number("SELECT last_seq FROM shards WHERE shard = 0").await,
            seq
        );
    }
    assert_eq!(bed.number("SELECT count(*) FROM commands").await, 1);
    assert_eq!(bed.number("SELECT epoch FROM shards WHERE shard = 0").await, 1);
    running.stop().await;
    // The next owner begins anew, and finds that all is well.
    bed.purse.refusing.store(0, Ordering::SeqCst);
    let next = bed.start(bed.options(), 0);
    bed.until_quiet().await;
    assert_eq!(bed.number("SELECT count(halted) FROM shards").await, 0);
    next.stop().await;
}
