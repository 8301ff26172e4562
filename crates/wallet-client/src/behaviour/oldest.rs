//! Callers who know no order ids and no received assets: the oldest reservations pay.

use domain::{Amount, OrderId, Reserve, UserId};

use super::stage::{Stage, amount, party, release, shown};
use crate::{Instruction, Refused, TradeParty, Wallet};

/// A party whose oldest reservations pay.
const fn nameless(user_id: UserId) -> TradeParty {
    TradeParty {
        user_id,
        order_id: None,
        fee: Amount::ZERO,
        release: Amount::ZERO,
    }
}

/// A reserve of a caller who does not know what its order receives.
fn old_reserve(stage: &Stage<'_>, user_id: UserId, asset: domain::Asset, much: &str) -> Reserve {
    Reserve {
        receives: asset,
        ..stage.reserve(user_id, asset, much)
    }
}

async fn old_reserved(stage: &Stage<'_>, user_id: UserId, asset: domain::Asset, much: &str) -> OrderId {
    let reserve = old_reserve(stage, user_id, asset, much);
    let order_id = reserve.order_id;
    stage.done(Instruction::Reserve(reserve)).await;
    order_id
}

pub(super) async fn without_order_ids_the_oldest_reservations_pay_in_order(wallet: &dyn Wallet) {
    let stage = Stage::open(wallet);
    let (buyer, seller) = (
        stage.funded(stage.quote, "100").await,
        stage.funded(stage.base, "10").await,
    );
    let [first, second, third] = ["10", "20", "30"].map(|much| old_reserve(&stage, buyer, stage.quote, much));
    for reserve in [&first, &second, &third] {
        stage.done(Instruction::Reserve(reserve.clone())).await;
    }
    old_reserved(&stage, seller, stage.base, "10").await;
    let buying = TradeParty {
        fee: amount("0.1"),
        release: amount("1"),
        ..nameless(buyer)
    };
    let trade = Instruction::Settle(stage.settle("1", "24", buying, nameless(seller)));
    let answer = stage.done(trade.clone()).await;
    let after: Vec<_> = answer.balances.iter().map(shown).collect();
    let expected = [("0.9", "0"), ("41", "35"), ("0", "9"), ("24", "0")];
    assert_eq!(
        after,
        expected.map(|(has, holds)| (has.to_owned(), holds.to_owned()))
    );
    assert_eq!(stage.done(trade).await, answer);
    // 25 were taken: all 10 of the first and 15 of the second.
    for (reserve, left) in [(&first, "0"), (&second, "5"), (&third, "30")] {
        let more = (amount(left) + Amount(1)).to_string();
        let too_much = stage
            .one(Instruction::Release(release(reserve, 7, &more, false)))
            .await;
        assert_eq!(too_much, Err(Refused::InvalidReleaseAmount), "{left} is left");
        stage
            .done(Instruction::Release(release(reserve, 0, left, true)))
            .await;
    }
    stage.assert_has(buyer, stage.quote, "76", "0").await;
}

pub(super) async fn without_enough_reservations_nobody_pays(wallet: &dyn Wallet) {
    let stage = Stage::open(wallet);
    let (buyer, seller) = (
        stage.funded(stage.quote, "100").await,
        stage.funded(stage.base, "10").await,
    );
    for much in ["10", "20"] {
        old_reserved(&stage, buyer, stage.quote, much).await;
    }
    old_reserved(&stage, seller, stage.base, "1").await;
    for (base, quote) in [("1", "30.00000001"), ("1.00000001", "30")] {
        let trade = Instruction::Settle(stage.settle(base, quote, nameless(buyer), nameless(seller)));
        for _ in 0..2 {
            let answer = stage.one(trade.clone()).await;
            assert!(
                matches!(answer, Err(Refused::NotReserved(_))),
                "{base} {quote}: {answer:?}"
            );
        }
    }
    let stranger = nameless(stage.user());
    let trade = stage.settle("1", "1", nameless(buyer), stranger);
    let answer = stage.one(Instruction::Settle(trade)).await;
    assert!(matches!(answer, Err(Refused::NotReserved(_))), "{answer:?}");
    stage.assert_has(buyer, stage.quote, "70", "30").await;
    stage.assert_has(seller, stage.base, "9", "1").await;
    let trade = stage.settle("1", "30", nameless(buyer), nameless(seller));
    stage.done(Instruction::Settle(trade)).await;
    stage.assert_has(buyer, stage.quote, "70", "0").await;
}

pub(super) async fn a_reserve_that_names_no_received_asset_learns_it_from_its_first_trade(
    wallet: &dyn Wallet,
) {
    let stage = Stage::open(wallet);
    let other = stage.another_asset();
    let buyer = stage.funded(stage.quote, "100").await;
    let seller = stage.funded(stage.base, "5").await;
    stage.fund(seller, other, "5").await;
    let buy = old_reserved(&stage, buyer, stage.quote, "100").await;
    let [sell, sell_other] = [
        old_reserved(&stage, seller, stage.base, "5").await,
        old_reserved(&stage, seller, other, "5").await,
    ];
    let of_other = |mut trade: crate::SettleTrade| {
        trade.symbol.base = other;
        Instruction::Settle(trade)
    };
    let unnamed = stage.settle("3", "30", nameless(buyer), nameless(seller));
    stage.done(of_other(unnamed)).await;
    let trade = stage.settle("1", "10", party(buyer, buy), party(seller, sell));
    stage.done(Instruction::Settle(trade)).await;
    let trade = stage.settle("1", "10", party(buyer, buy), party(seller, sell_other));
    let answer = stage.one(of_other(trade)).await;
    assert!(
        matches!(answer, Err(Refused::NotReserved(_))),
        "its order is of another market: {answer:?}"
    );
    let trade = stage.settle("2", "20", party(buyer, buy), party(seller, sell));
    stage.done(Instruction::Settle(trade)).await;
    stage.assert_has(buyer, stage.quote, "0", "40").await;
    stage.assert_has(buyer, stage.base, "3", "0").await;
    stage.assert_has(buyer, other, "3", "0").await;
    stage.assert_has(seller, stage.quote, "60", "0").await;
}
