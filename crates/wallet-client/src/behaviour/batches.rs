//! Many instructions in one call, and many calls at once.

use super::stage::{Stage, amount, party, release, together};
use crate::{Instruction, Refused, Wallet};

pub(super) async fn what_is_refused_does_not_keep_back_what_stands_behind_it(wallet: &dyn Wallet) {
    let stage = Stage::open(wallet);
    let alice = stage.funded(stage.quote, "100").await;
    let reserve = |much| Instruction::Reserve(stage.reserve(alice, stage.quote, much));
    let answers = stage
        .many(vec![reserve("60"), reserve("60"), reserve("0"), reserve("40")])
        .await;
    let done: Vec<bool> = answers.iter().map(Result::is_ok).collect();
    assert_eq!(done, [true, false, false, true], "{answers:?}");
    stage.assert_has(alice, stage.quote, "0", "100").await;
    assert_eq!(stage.many(Vec::new()).await, []);
}

pub(super) async fn instructions_of_one_call_are_done_in_their_order(wallet: &dyn Wallet) {
    let stage = Stage::open(wallet);
    let (buyer, seller) = (
        stage.funded(stage.quote, "100").await,
        stage.funded(stage.base, "1").await,
    );
    let buy = stage.reserve(buyer, stage.quote, "100");
    let sell = stage.reserve(seller, stage.base, "1");
    let resell = stage.reserve(buyer, stage.base, "1");
    let trade = stage.settle(
        "1",
        "90",
        party(buyer, buy.order_id),
        party(seller, sell.order_id),
    );
    let call = vec![
        Instruction::Reserve(resell.clone()),
        Instruction::Reserve(buy.clone()),
        Instruction::Reserve(sell),
        Instruction::Settle(trade),
        Instruction::Release(release(&buy, 1, "10", true)),
        Instruction::Reserve(domain::Reserve {
            order_id: stage.order(),
            ..resell
        }),
    ];
    let answers = stage.many(call.clone()).await;
    let done: Vec<bool> = answers.iter().map(Result::is_ok).collect();
    assert_eq!(done, [false, true, true, true, true, true], "{answers:?}");
    assert_eq!(
        stage.many(call).await,
        answers,
        "the same call again is the same answer"
    );
    stage.assert_has(buyer, stage.quote, "10", "0").await;
    stage.assert_has(buyer, stage.base, "0", "1").await;
    stage.assert_has(seller, stage.quote, "90", "0").await;
}

pub(super) async fn a_key_twice_in_one_call_is_answered_twice_and_done_once(wallet: &dyn Wallet) {
    let stage = Stage::open(wallet);
    let alice = stage.funded(stage.quote, "100").await;
    let order = stage.reserve(alice, stage.quote, "30");
    let other = domain::Reserve {
        amount: amount("31"),
        ..order.clone()
    };
    let dear = Instruction::Reserve(stage.reserve(alice, stage.quote, "1000"));
    let order = Instruction::Reserve(order);
    let call = vec![
        order.clone(),
        order,
        Instruction::Reserve(other),
        dear.clone(),
        dear,
    ];
    let answers = stage.many(call).await;
    assert!(answers[0].is_ok() && answers[0] == answers[1], "{answers:?}");
    assert_eq!(answers[2], Err(Refused::KeyConflict));
    assert!(answers[3].is_err() && answers[3] == answers[4], "{answers:?}");
    stage.assert_has(alice, stage.quote, "70", "30").await;
}

pub(super) async fn a_thousand_instructions_are_answered_one_by_one(wallet: &dyn Wallet) {
    let stage = Stage::open(wallet);
    let alice = stage.funded(stage.quote, "999").await;
    let call: Vec<_> = (0..1_000)
        .map(|_| Instruction::Reserve(stage.reserve(alice, stage.quote, "1")))
        .collect();
    let answers = stage.many(call.clone()).await;
    assert!(answers[..999].iter().all(Result::is_ok));
    assert!(matches!(answers[999], Err(Refused::InsufficientBalance { .. })));
    assert_eq!(stage.many(call.clone()).await, answers);
    stage.assert_has(alice, stage.quote, "0", "999").await;
    let more = [
        call,
        vec![Instruction::Reserve(stage.reserve(alice, stage.quote, "1"))],
    ]
    .concat();
    let refused = wallet.instruct(0, more).await;
    assert!(refused.is_err(), "a call takes a thousand at most");
}

pub(super) async fn the_same_call_in_parallel_is_done_once(wallet: &dyn Wallet) {
    let stage = Stage::open(wallet);
    let alice = stage.funded(stage.quote, "1000").await;
    let call: Vec<_> = (0..5)
        .map(|_| Instruction::Reserve(stage.reserve(alice, stage.quote, "10")))
        .collect();
    let answers = together((0..8).map(|_| stage.many(call.clone()))).await;
    assert!(answers[0].iter().all(Result::is_ok));
    assert!(answers.iter().all(|one| *one == answers[0]), "{answers:?}");
    stage.assert_has(alice, stage.quote, "950", "50").await;
}

pub(super) async fn parallel_calls_spend_no_more_than_there_is(wallet: &dyn Wallet) {
    let stage = Stage::open(wallet);
    let alice = stage.funded(stage.quote, "50").await;
    stage.fund(alice, stage.base, "50").await;
    let calls = (0..16).map(|number| {
        let (first, second) = if number % 2 == 0 {
            (stage.quote, stage.base)
        } else {
            (stage.base, stage.quote)
        };
        let reserve = |asset| Instruction::Reserve(stage.reserve(alice, asset, "5"));
        stage.many(vec![reserve(first), reserve(second)])
    });
    let granted = together(calls)
        .await
        .concat()
        .iter()
        .filter(|answer| answer.is_ok())
        .count();
    assert_eq!(granted, 20, "ten of each asset");
    stage.assert_has(alice, stage.quote, "0", "50").await;
    stage.assert_has(alice, stage.base, "0", "50").await;
}
