//! Settlements: who gives what to whom, once, whole or not at all.

use domain::Amount;

use super::stage::{Stage, amount, party, release, shown};
use crate::{Instruction, Refused, SettleTrade, TradeParty, Wallet};

pub(super) async fn a_trade_changes_hands_less_fees(wallet: &dyn Wallet) {
    let stage = Stage::open(wallet);
    let (buyer, seller) = (
        stage.funded(stage.quote, "25000").await,
        stage.funded(stage.base, "0.5").await,
    );
    let buy = stage.reserved(buyer, stage.quote, "25000").await;
    let sell = stage.reserved(seller, stage.base, "0.5").await;
    let paying = |user, order, fee: &str| TradeParty {
        fee: amount(fee),
        ..party(user, order)
    };
    let trade = stage.settle(
        "0.5",
        "25000",
        paying(buyer, buy, "0.0005"),
        paying(seller, sell, "25"),
    );
    let answer = stage.done(Instruction::Settle(trade)).await;
    assert_eq!(
        answer.entry_ids.len(),
        2,
        "the buyer's base line and the seller's quote line"
    );
    let touched: Vec<_> = answer.balances.iter().map(|of| (of.user_id, of.asset)).collect();
    let (base, quote) = (stage.base, stage.quote);
    assert_eq!(
        touched,
        [(buyer, base), (buyer, quote), (seller, base), (seller, quote)]
    );
    let after: Vec<_> = answer.balances.iter().map(shown).collect();
    let expected = [("0.4995", "0"), ("0", "0"), ("0", "0"), ("24975", "0")];
    assert_eq!(
        after,
        expected.map(|(has, holds)| (has.to_owned(), holds.to_owned()))
    );
    stage.assert_has(buyer, base, "0.4995", "0").await;
    stage.assert_has(seller, quote, "24975", "0").await;
}

pub(super) async fn what_was_reserved_too_much_comes_back_with_the_trade(wallet: &dyn Wallet) {
    let stage = Stage::open(wallet);
    let (buyer, seller) = (
        stage.funded(stage.quote, "1000").await,
        stage.funded(stage.base, "10").await,
    );
    let order = stage.reserve(buyer, stage.quote, "500");
    stage.done(Instruction::Reserve(order.clone())).await;
    let sell = stage.reserved(seller, stage.base, "10").await;
    let better = TradeParty {
        release: amount("20"),
        ..party(buyer, order.order_id)
    };
    let trade = stage.settle("2", "180", better, party(seller, sell));
    stage.done(Instruction::Settle(trade)).await;
    stage.assert_has(buyer, stage.quote, "520", "300").await;
    stage.assert_has(buyer, stage.base, "2", "0").await;
    stage.assert_has(seller, stage.base, "0", "8").await;
    stage
        .done(Instruction::Release(release(&order, 1, "300", true)))
        .await;
    stage.assert_has(buyer, stage.quote, "820", "0").await;
}

/// A buyer with 100 reserved and a seller with 1.
async fn pair(stage: &Stage<'_>) -> (TradeParty, TradeParty) {
    let (buyer, seller) = (
        stage.funded(stage.quote, "100").await,
        stage.funded(stage.base, "1").await,
    );
    let buy = stage.reserved(buyer, stage.quote, "100").await;
    let sell = stage.reserved(seller, stage.base, "1").await;
    (party(buyer, buy), party(seller, sell))
}

/// That the pair has what it began with.
async fn assert_unchanged(stage: &Stage<'_>, buyer: TradeParty, seller: TradeParty) {
    stage.assert_has(buyer.user_id, stage.quote, "0", "100").await;
    stage.assert_has(buyer.user_id, stage.base, "0", "0").await;
    stage.assert_has(seller.user_id, stage.base, "0", "1").await;
    stage.assert_has(seller.user_id, stage.quote, "0", "0").await;
}

pub(super) async fn a_trade_is_settled_once_and_another_under_its_key_is_a_conflict(wallet: &dyn Wallet) {
    let stage = Stage::open(wallet);
    let (buyer, seller) = pair(&stage).await;
    let trade = stage.settle("0.5", "40", buyer, seller);
    let first = stage.done(Instruction::Settle(trade)).await;
    stage
        .done(Instruction::Settle(stage.settle("0.1", "10", buyer, seller)))
        .await;
    assert_eq!(
        stage.done(Instruction::Settle(trade)).await,
        first,
        "the balances are those right after the first time"
    );
    let others = [
        SettleTrade {
            quote: amount("41"),
            ..trade
        },
        SettleTrade {
            base: amount("0.4"),
            ..trade
        },
        SettleTrade {
            buyer: TradeParty {
                fee: Amount(1),
                ..buyer
            },
            ..trade
        },
        SettleTrade {
            buyer: TradeParty {
                order_id: None,
                ..buyer
            },
            ..trade
        },
    ];
    for other in others {
        let answer = stage.one(Instruction::Settle(other)).await;
        assert_eq!(answer, Err(Refused::KeyConflict), "{other:?}");
    }
    stage.assert_has(buyer.user_id, stage.base, "0.6", "0").await;
    stage.assert_has(seller.user_id, stage.quote, "50", "0").await;
}

pub(super) async fn a_trade_of_unknown_orders_changes_nothing_and_is_refused_for_good(wallet: &dyn Wallet) {
    let stage = Stage::open(wallet);
    let (buyer, seller) = pair(&stage).await;
    stage.fund(buyer.user_id, stage.quote, "100").await;
    let late = stage.reserve(buyer.user_id, stage.quote, "100");
    let unknown = TradeParty {
        order_id: Some(late.order_id),
        ..buyer
    };
    let trade = Instruction::Settle(stage.settle("1", "100", unknown, seller));
    let refused = stage.one(trade.clone()).await;
    assert!(matches!(refused, Err(Refused::NotReserved(_))), "{refused:?}");
    stage.done(Instruction::Reserve(late)).await;
    assert_eq!(stage.one(trade).await, refused, "the key has its answer");
    stage.assert_has(buyer.user_id, stage.quote, "0", "200").await;
    stage.assert_has(seller.user_id, stage.base, "0", "1").await;
}

pub(super) async fn a_trade_that_its_reservations_do_not_cover_changes_nothing(wallet: &dyn Wallet) {
    let stage = Stage::open(wallet);
    let (buyer, seller) = pair(&stage).await;
    let with_release = TradeParty {
        release: Amount(1),
        ..buyer
    };
    for trade in [
        stage.settle("1", "100.00000001", buyer, seller),
        stage.settle("1.00000001", "100", buyer, seller),
        stage.settle("1", "100", with_release, seller),
    ] {
        let answer = stage.one(Instruction::Settle(trade)).await;
        assert!(
            matches!(answer, Err(Refused::NotReserved(_))),
            "{trade:?}: {answer:?}"
        );
    }
    assert_unchanged(&stage, buyer, seller).await;
}

pub(super) async fn a_trade_pays_only_from_its_partys_reservation_of_the_asset(wallet: &dyn Wallet) {
    let stage = Stage::open(wallet);
    let (buyer, seller) = pair(&stage).await;
    let (other, _) = pair(&stage).await;
    let foreign = TradeParty {
        order_id: other.order_id,
        ..buyer
    };
    for (buying, selling) in [(foreign, seller), (seller, seller), (buyer, buyer)] {
        let trade = stage.settle("0.5", "0.5", buying, selling);
        let answer = stage.one(Instruction::Settle(trade)).await;
        assert!(
            matches!(answer, Err(Refused::NotReserved(_))),
            "{trade:?}: {answer:?}"
        );
    }
    assert_unchanged(&stage, buyer, seller).await;
    stage.assert_has(other.user_id, stage.quote, "0", "100").await;
}

pub(super) async fn a_fee_above_what_is_received_makes_no_sense(wallet: &dyn Wallet) {
    let stage = Stage::open(wallet);
    let (buyer, seller) = pair(&stage).await;
    let greedy = |of: TradeParty, fee: &str| TradeParty {
        fee: amount(fee),
        ..of
    };
    for trade in [
        stage.settle("1", "100", greedy(buyer, "1.00000001"), seller),
        stage.settle("1", "100", buyer, greedy(seller, "100.00000001")),
    ] {
        let answer = stage.one(Instruction::Settle(trade)).await;
        assert!(
            matches!(answer, Err(Refused::Invalid { .. })),
            "{trade:?}: {answer:?}"
        );
    }
    assert_unchanged(&stage, buyer, seller).await;
}

pub(super) async fn a_user_may_trade_with_itself(wallet: &dyn Wallet) {
    let stage = Stage::open(wallet);
    let alice = stage.funded(stage.quote, "100").await;
    stage.fund(alice, stage.base, "2").await;
    let buy = stage.reserved(alice, stage.quote, "60").await;
    let sell = stage.reserved(alice, stage.base, "1").await;
    let buying = TradeParty {
        fee: amount("0.1"),
        ..party(alice, buy)
    };
    let answer = stage
        .done(Instruction::Settle(stage.settle(
            "1",
            "50",
            buying,
            party(alice, sell),
        )))
        .await;
    let after: Vec<_> = answer.balances.iter().map(shown).collect();
    let (base, quote) = (
        ("1.9".to_owned(), "0".to_owned()),
        ("90".to_owned(), "10".to_owned()),
    );
    assert_eq!(after, [base.clone(), quote.clone(), base, quote]);
    stage.assert_has(alice, stage.base, "1.9", "0").await;
    stage.assert_has(alice, stage.quote, "90", "10").await;
}

pub(super) async fn the_largest_amounts_are_settled_exactly(wallet: &dyn Wallet) {
    let stage = Stage::open(wallet);
    let most = Amount::MAX.to_string();
    let (buyer, seller) = (
        stage.funded(stage.quote, &most).await,
        stage.funded(stage.base, &most).await,
    );
    let buy = stage.reserved(buyer, stage.quote, &most).await;
    let sell = stage.reserved(seller, stage.base, &most).await;
    let keeping = TradeParty {
        fee: Amount(Amount::MAX.0 - 1),
        ..party(seller, sell)
    };
    let trade = stage.settle(&most, &most, party(buyer, buy), keeping);
    stage.done(Instruction::Settle(trade)).await;
    stage.assert_has(buyer, stage.base, &most, "0").await;
    stage.assert_has(seller, stage.quote, "0.00000001", "0").await;
}
