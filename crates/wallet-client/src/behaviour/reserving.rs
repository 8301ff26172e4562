//! Reserves: what they move, what they refuse, and what their keys stand for.

use domain::Reserve;

use super::stage::{Stage, amount, shown};
use crate::{Instruction, Refused, Wallet};

pub(super) async fn a_reserve_moves_money_and_the_same_again_is_the_first_answer(wallet: &dyn Wallet) {
    let stage = Stage::open(wallet);
    let alice = stage.funded(stage.quote, "5000").await;
    let first = stage.reserve(alice, stage.quote, "1000");
    let answer = stage.done(Instruction::Reserve(first.clone())).await;
    assert_eq!(answer.entry_ids.len(), 1, "the reserve's line: {answer:?}");
    let [balance] = &answer.balances[..] else {
        panic!("the balance that it touched: {answer:?}");
    };
    assert_eq!((balance.user_id, balance.asset), (alice, stage.quote));
    assert_eq!(shown(balance), ("4000".into(), "1000".into()));
    let second = stage.reserved(alice, stage.quote, "500").await;
    assert_ne!(second, first.order_id);
    let again = stage.done(Instruction::Reserve(first)).await;
    assert_eq!(again, answer, "as it was answered at first, not as it is now");
    stage.assert_has(alice, stage.quote, "3500", "1500").await;
}

pub(super) async fn a_reserve_that_is_not_covered_is_refused_for_good(wallet: &dyn Wallet) {
    let stage = Stage::open(wallet);
    let alice = stage.funded(stage.quote, "10").await;
    let reserve = stage.reserve(alice, stage.quote, "10.00000001");
    let refused = stage.one(Instruction::Reserve(reserve.clone())).await;
    let Err(Refused::InsufficientBalance { balance }) = &refused else {
        panic!("it is not covered: {refused:?}");
    };
    assert_eq!((balance.user_id, balance.asset), (alice, stage.quote));
    assert_eq!(shown(balance), ("10".into(), "0".into()));
    stage.assert_has(alice, stage.quote, "10", "0").await;
    stage.fund(alice, stage.quote, "100").await;
    assert_eq!(
        stage.one(Instruction::Reserve(reserve.clone())).await,
        refused,
        "whoever was told no never finds that it was done after all"
    );
    let anew = Reserve {
        order_id: stage.order(),
        ..reserve
    };
    stage.done(Instruction::Reserve(anew)).await;
    stage
        .assert_has(alice, stage.quote, "99.99999999", "10.00000001")
        .await;
    let stranger = stage.reserve(stage.user(), stage.base, "1");
    let refused = stage.one(Instruction::Reserve(stranger)).await;
    let Err(Refused::InsufficientBalance { balance }) = refused else {
        panic!("strangers have nothing: {refused:?}");
    };
    assert_eq!(shown(&balance), ("0".into(), "0".into()));
}

pub(super) async fn a_key_with_another_body_is_a_conflict(wallet: &dyn Wallet) {
    let stage = Stage::open(wallet);
    let (alice, bob) = (
        stage.funded(stage.quote, "100").await,
        stage.funded(stage.quote, "100").await,
    );
    stage.fund(alice, stage.base, "100").await;
    let first = stage.reserve(alice, stage.quote, "10");
    stage.done(Instruction::Reserve(first.clone())).await;
    let others = [
        Reserve {
            amount: amount("11"),
            ..first.clone()
        },
        Reserve {
            user_id: bob,
            ..first.clone()
        },
        Reserve {
            asset: stage.base,
            receives: stage.quote,
            ..first.clone()
        },
        Reserve {
            receives: stage.another_asset(),
            ..first.clone()
        },
    ];
    for other in others {
        let answer = stage.one(Instruction::Reserve(other.clone())).await;
        assert_eq!(answer, Err(Refused::KeyConflict), "{other:?}");
    }
    stage.assert_has(alice, stage.quote, "90", "10").await;
    stage.assert_has(bob, stage.quote, "100", "0").await;
    stage.done(Instruction::Reserve(first)).await;
}

pub(super) async fn a_reserve_of_nothing_makes_no_sense(wallet: &dyn Wallet) {
    let stage = Stage::open(wallet);
    let alice = stage.funded(stage.quote, "10").await;
    let nothing = stage.reserve(alice, stage.quote, "0");
    let answer = stage.one(Instruction::Reserve(nothing)).await;
    assert!(matches!(answer, Err(Refused::Invalid { .. })), "{answer:?}");
    stage.assert_has(alice, stage.quote, "10", "0").await;
}

pub(super) async fn an_amendment_reserves_beside_its_order(wallet: &dyn Wallet) {
    let stage = Stage::open(wallet);
    let alice = stage.funded(stage.quote, "100").await;
    let first = stage.reserve(alice, stage.quote, "10");
    stage.done(Instruction::Reserve(first.clone())).await;
    let more = Reserve {
        request_id: Some(stage.request()),
        amount: amount("5"),
        ..first.clone()
    };
    let answer = stage.done(Instruction::Reserve(more.clone())).await;
    assert_eq!(
        answer.balances.first().map(shown),
        Some(("85".into(), "15".into()))
    );
    assert_eq!(stage.done(Instruction::Reserve(more.clone())).await, answer);
    let conflict = Reserve {
        amount: amount("6"),
        ..more
    };
    assert_eq!(
        stage.one(Instruction::Reserve(conflict)).await,
        Err(Refused::KeyConflict)
    );
    stage.assert_has(alice, stage.quote, "85", "15").await;
}
