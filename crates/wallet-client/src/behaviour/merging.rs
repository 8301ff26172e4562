//! Amendments: their reservations go over to their orders whole, or come back whole.

use domain::{Merge, Reserve};

use super::stage::{Stage, amount, merge, party, release, shown};
use crate::{Instruction, Refused, Wallet};

/// An order with 10 reserved, and an amendment of it with 5.
async fn amended(stage: &Stage<'_>) -> (Reserve, Reserve) {
    let alice = stage.funded(stage.quote, "100").await;
    let order = stage.reserve(alice, stage.quote, "10");
    let amendment = Reserve {
        request_id: Some(stage.request()),
        amount: amount("5"),
        ..order.clone()
    };
    for reserve in [&order, &amendment] {
        stage.done(Instruction::Reserve(reserve.clone())).await;
    }
    (order, amendment)
}

pub(super) async fn a_merged_amendment_pays_for_its_orders_trades(wallet: &dyn Wallet) {
    let stage = Stage::open(wallet);
    let (order, amendment) = amended(&stage).await;
    let seller = stage.funded(stage.base, "1").await;
    let sell = stage.reserved(seller, stage.base, "1").await;
    let buying = party(order.user_id, order.order_id);
    let early = stage.settle("0.5", "12", buying, party(seller, sell));
    let answer = stage.one(Instruction::Settle(early)).await;
    assert!(
        matches!(answer, Err(Refused::NotReserved(_))),
        "it is not merged yet: {answer:?}"
    );
    let into = Instruction::Merge(merge(&amendment));
    let answer = stage.done(into.clone()).await;
    assert_eq!(answer.entry_ids.len(), 1);
    assert_eq!(
        answer.balances.first().map(shown),
        Some(("85".into(), "15".into()))
    );
    let trade = stage.settle("0.5", "12", buying, party(seller, sell));
    stage.done(Instruction::Settle(trade)).await;
    assert_eq!(stage.done(into).await, answer, "done once");
    stage.assert_has(order.user_id, stage.quote, "85", "3").await;
    stage
        .done(Instruction::Release(release(&order, 1, "3", true)))
        .await;
    stage.assert_has(order.user_id, stage.quote, "88", "0").await;
}

pub(super) async fn a_merge_takes_all_of_the_amendment_or_nothing(wallet: &dyn Wallet) {
    let stage = Stage::open(wallet);
    for much in ["4.99999999", "5.00000001"] {
        let (order, amendment) = amended(&stage).await;
        let part = Merge {
            amount: amount(much),
            ..merge(&amendment)
        };
        let answer = stage.one(Instruction::Merge(part)).await;
        assert!(
            matches!(answer, Err(Refused::NotReserved(_))),
            "{much}: {answer:?}"
        );
        stage.assert_has(order.user_id, stage.quote, "85", "15").await;
        let other = Instruction::Merge(merge(&amendment));
        assert_eq!(
            stage.one(other).await,
            Err(Refused::KeyConflict),
            "the key has its answer"
        );
        stage
            .done(Instruction::Release(release(&amendment, 1, "5", true)))
            .await;
        stage.assert_has(order.user_id, stage.quote, "90", "10").await;
    }
}

pub(super) async fn an_amendment_that_was_not_granted_cannot_be_merged(wallet: &dyn Wallet) {
    let stage = Stage::open(wallet);
    let (order, amendment) = amended(&stage).await;
    let unknown = Merge {
        request_id: stage.request(),
        ..merge(&amendment)
    };
    let dear = Reserve {
        request_id: Some(stage.request()),
        amount: amount("1000"),
        ..amendment
    };
    let refused = stage.one(Instruction::Reserve(dear.clone())).await;
    assert!(
        matches!(refused, Err(Refused::InsufficientBalance { .. })),
        "{refused:?}"
    );
    for wrong in [unknown, merge(&dear)] {
        let answer = stage.one(Instruction::Merge(wrong)).await;
        assert!(
            matches!(answer, Err(Refused::NotReserved(_))),
            "{wrong:?}: {answer:?}"
        );
    }
    stage.assert_has(order.user_id, stage.quote, "85", "15").await;
}

pub(super) async fn a_refused_amendments_reservation_is_released_whole(wallet: &dyn Wallet) {
    let stage = Stage::open(wallet);
    let (order, amendment) = amended(&stage).await;
    let back = Instruction::Release(release(&amendment, 1, "5", true));
    let answer = stage.done(back.clone()).await;
    assert_eq!(
        answer.balances.first().map(shown),
        Some(("90".into(), "10".into()))
    );
    assert_eq!(stage.done(back).await, answer);
    let late = stage.one(Instruction::Merge(merge(&amendment))).await;
    assert!(matches!(late, Err(Refused::NotReserved(_))), "{late:?}");
    stage
        .done(Instruction::Release(release(&order, 1, "10", true)))
        .await;
    stage.assert_has(order.user_id, stage.quote, "100", "0").await;
}
