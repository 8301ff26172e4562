//! Releases: in parts, whole, too much, too early.

use domain::{Release, Reserve};

use super::stage::{Stage, amount, party, release, shown};
use crate::{Instruction, Refused, Wallet};

pub(super) async fn parts_are_released_under_their_numbers_until_nothing_is_left(wallet: &dyn Wallet) {
    let stage = Stage::open(wallet);
    let alice = stage.funded(stage.quote, "100").await;
    let order = stage.reserve(alice, stage.quote, "60");
    stage.done(Instruction::Reserve(order.clone())).await;
    let first = Instruction::Release(release(&order, 1, "10", false));
    let answer = stage.done(first.clone()).await;
    assert_eq!(answer.entry_ids.len(), 1);
    assert_eq!(
        answer.balances.first().map(shown),
        Some(("50".into(), "50".into()))
    );
    let second = stage
        .done(Instruction::Release(release(&order, 2, "10", false)))
        .await;
    assert_ne!(
        second.entry_ids, answer.entry_ids,
        "the same amount under another number is another release"
    );
    assert_eq!(stage.done(first).await, answer);
    let other = Instruction::Release(release(&order, 2, "11", false));
    assert_eq!(stage.one(other).await, Err(Refused::KeyConflict));
    stage.assert_has(alice, stage.quote, "60", "40").await;
    stage
        .done(Instruction::Release(release(&order, 3, "40", true)))
        .await;
    stage.assert_has(alice, stage.quote, "100", "0").await;
    let more = Instruction::Release(release(&order, 4, "1", false));
    assert_eq!(stage.one(more).await, Err(Refused::InvalidReleaseAmount));
    stage.assert_has(alice, stage.quote, "100", "0").await;
}

pub(super) async fn a_plain_release_is_of_all_that_is_left(wallet: &dyn Wallet) {
    let stage = Stage::open(wallet);
    let alice = stage.funded(stage.quote, "5000").await;
    let [first, second] = ["1000", "500"].map(|much| stage.reserve(alice, stage.quote, much));
    for order in [&first, &second] {
        stage.done(Instruction::Reserve(order.clone())).await;
    }
    let part = stage
        .one(Instruction::Release(release(&first, 0, "999.99", false)))
        .await;
    assert_eq!(part, Err(Refused::InvalidReleaseAmount), "it is not all of it");
    stage.assert_has(alice, stage.quote, "3500", "1500").await;
    let whole = Instruction::Release(release(&second, 0, "500", false));
    let answer = stage.done(whole.clone()).await;
    assert_eq!(
        answer.balances.first().map(shown),
        Some(("4000".into(), "1000".into()))
    );
    assert_eq!(stage.done(whole).await, answer);
    stage.assert_has(alice, stage.quote, "4000", "1000").await;
    let trade = stage.settle(
        "1",
        "1",
        party(alice, second.order_id),
        party(alice, second.order_id),
    );
    let ended = stage.one(Instruction::Settle(trade)).await;
    assert!(
        matches!(ended, Err(Refused::NotReserved(_))),
        "it has ended: {ended:?}"
    );
}

pub(super) async fn a_release_of_more_than_is_left_is_refused(wallet: &dyn Wallet) {
    let stage = Stage::open(wallet);
    let alice = stage.funded(stage.quote, "100").await;
    let order = stage.reserve(alice, stage.quote, "10");
    stage.reserved(alice, stage.quote, "50").await;
    stage.done(Instruction::Reserve(order.clone())).await;
    for number in [0, 1] {
        let more = Instruction::Release(release(&order, number, "10.00000001", false));
        for _ in 0..2 {
            assert_eq!(
                stage.one(more.clone()).await,
                Err(Refused::InvalidReleaseAmount),
                "{number}"
            );
        }
    }
    stage.assert_has(alice, stage.quote, "40", "60").await;
}

pub(super) async fn a_reservation_of_somebody_else_cannot_be_released(wallet: &dyn Wallet) {
    let stage = Stage::open(wallet);
    let alice = stage.funded(stage.quote, "100").await;
    let bob = stage.funded(stage.quote, "100").await;
    stage.reserved(bob, stage.quote, "10").await;
    let order = stage.reserve(alice, stage.quote, "10");
    stage.done(Instruction::Reserve(order.clone())).await;
    let as_bob = Release {
        user_id: bob,
        ..release(&order, 1, "10", true)
    };
    let other_asset = Release {
        asset: stage.base,
        ..release(&order, 2, "10", true)
    };
    for wrong in [as_bob, other_asset] {
        let answer = stage.one(Instruction::Release(wrong)).await;
        assert!(
            matches!(answer, Err(Refused::NotReserved(_))),
            "{wrong:?}: {answer:?}"
        );
    }
    stage.assert_has(alice, stage.quote, "90", "10").await;
    stage.assert_has(bob, stage.quote, "90", "10").await;
}

pub(super) async fn a_release_before_its_reserve_keeps_it_out_for_ever(wallet: &dyn Wallet) {
    let stage = Stage::open(wallet);
    let alice = stage.funded(stage.quote, "100").await;
    for number in [0, 1] {
        let order = stage.reserve(alice, stage.quote, "30");
        let early = Instruction::Release(release(&order, number, "30", true));
        let answer = stage.done(early.clone()).await;
        assert_eq!(
            answer.balances.first().map(shown),
            Some(("100".into(), "0".into())),
            "nothing moved"
        );
        assert_eq!(stage.done(early).await, answer);
        for much in ["30", "31", "30"] {
            let late = Reserve {
                amount: amount(much),
                ..order.clone()
            };
            let answer = stage.one(Instruction::Reserve(late)).await;
            let expected = if much == "30" {
                Refused::Released
            } else {
                Refused::KeyConflict
            };
            assert_eq!(answer, Err(expected), "release {number}, {much}");
        }
    }
    stage.assert_has(alice, stage.quote, "100", "0").await;
    let nobody = stage.reserve(stage.user(), stage.quote, "1");
    let answer = stage
        .done(Instruction::Release(release(&nobody, 1, "1", true)))
        .await;
    assert_eq!(answer.balances.first().map(shown), Some(("0".into(), "0".into())));
}

pub(super) async fn a_release_before_an_amendments_reserve_keeps_only_that_out(wallet: &dyn Wallet) {
    let stage = Stage::open(wallet);
    let alice = stage.funded(stage.quote, "100").await;
    let order = stage.reserve(alice, stage.quote, "30");
    let more = Reserve {
        request_id: Some(stage.request()),
        amount: amount("5"),
        ..order.clone()
    };
    stage
        .done(Instruction::Release(release(&more, 1, "5", true)))
        .await;
    assert_eq!(
        stage.one(Instruction::Reserve(more.clone())).await,
        Err(Refused::Released)
    );
    stage.done(Instruction::Reserve(order.clone())).await;
    let another = Reserve {
        request_id: Some(stage.request()),
        ..more
    };
    stage.done(Instruction::Reserve(another)).await;
    stage.assert_has(alice, stage.quote, "65", "35").await;
}

pub(super) async fn a_release_of_a_reserve_that_was_refused_moves_nothing(wallet: &dyn Wallet) {
    let stage = Stage::open(wallet);
    let alice = stage.funded(stage.quote, "10").await;
    let dear = stage.reserve(alice, stage.quote, "11");
    let refused = stage.one(Instruction::Reserve(dear.clone())).await;
    assert!(
        matches!(refused, Err(Refused::InsufficientBalance { .. })),
        "{refused:?}"
    );
    let answer = stage
        .done(Instruction::Release(release(&dear, 0, "11", true)))
        .await;
    assert_eq!(
        answer.balances.first().map(shown),
        Some(("10".into(), "0".into()))
    );
    assert_eq!(stage.one(Instruction::Reserve(dear)).await, refused);
    stage.assert_has(alice, stage.quote, "10", "0").await;
}
