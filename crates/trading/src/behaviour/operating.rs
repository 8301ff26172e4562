//! What operators do: money in and out once per key, markets defined and changed.

use domain::{Amount, FeeRate, Side::Buy, Side::Sell, TransferKind::Deposit, TransferKind::Withdrawal};

use crate::behaviour::Venue;
use crate::behaviour::stage::{Stage, together, usual_definition, whole};
use crate::{EntryError, Operations, Queries};

pub(super) async fn a_transfer_is_done_once_per_key<V: Venue>(venue: &V) {
    let stage = Stage::open(venue).await;
    let (alice, bob) = (stage.user(0, 0).await, stage.user(0, 0).await);
    let (exchange, quote, key) = (stage.exchange(), stage.quote(), stage.key());
    let first = stage
        .transfer(Deposit, &key, alice, quote, whole(1_000))
        .await
        .expect("a deposit is taken");
    assert_eq!((first.amount, first.available), (whole(1_000), whole(1_000)));
    stage.limits(alice, Buy, 5, 100).await;
    let again = |user: crate::Caller, asset, amount, kind| {
        exchange.transfer(kind, key.clone(), user.user_id, asset, amount)
    };
    let answers = together((0..8).map(|_| again(alice, quote, whole(1_000), Deposit))).await;
    assert!(
        answers.iter().all(|answer| answer.as_ref() == Ok(&first)),
        "the first answer: {answers:?}"
    );
    venue.pass(std::time::Duration::from_secs(400 * 24 * 3_600)).await;
    assert_eq!(
        again(alice, quote, whole(1_000), Deposit).await,
        Ok(first),
        "for ever"
    );
    for (user, asset, amount, kind) in [
        (alice, quote, whole(1_001), Deposit),
        (alice, stage.base(), whole(1_000), Deposit),
        (bob, quote, whole(1_000), Deposit),
        (alice, quote, whole(1_000), Withdrawal),
    ] {
        assert_eq!(
            again(user, asset, amount, kind).await,
            Err(EntryError::TransferKeyConflict)
        );
    }
    assert_eq!(stage.has(alice).await, "base 0 + 0, quote 500 + 500");
    stage.finish().await;
}

pub(super) async fn a_withdrawal_takes_only_what_is_available<V: Venue>(venue: &V) {
    let stage = Stage::open(venue).await;
    let alice = stage.user(0, 1_000).await;
    let (quote, key) = (stage.quote(), stage.key());
    stage.limits(alice, Buy, 5, 100).await;
    let withdraw = |key, amount| {
        let exchange = stage.exchange();
        exchange.transfer(Withdrawal, key, alice.user_id, quote, amount)
    };
    let too_much = Amount(whole(500).0 + 1);
    for _ in 0..2 {
        let refused = withdraw(key.clone(), too_much).await;
        assert_eq!(refused, Err(EntryError::InsufficientBalance));
    }
    let other = withdraw(key.clone(), whole(500)).await;
    assert_eq!(
        other,
        Err(EntryError::TransferKeyConflict),
        "a refusal is an answer"
    );
    let more = stage
        .transfer(Deposit, &stage.key(), alice, quote, whole(1))
        .await;
    assert_eq!(more.map(|receipt| receipt.available), Ok(whole(501)));
    let still = withdraw(key, too_much).await;
    assert_eq!(
        still,
        Err(EntryError::InsufficientBalance),
        "the first answer, for ever"
    );
    let key = stage.key();
    let done = stage.transfer(Withdrawal, &key, alice, quote, whole(501)).await;
    assert_eq!(done.map(|receipt| receipt.available), Ok(Amount::ZERO));
    let again = withdraw(key, whole(501)).await;
    assert_eq!(again.map(|receipt| receipt.available), Ok(Amount::ZERO));
    assert_eq!(stage.has(alice).await, "base 0 + 0, quote 0 + 500");
    for kind in [Deposit, Withdrawal] {
        match stage
            .transfer(kind, &stage.key(), alice, quote, Amount::ZERO)
            .await
        {
            Err(EntryError::Invalid(error)) => assert_eq!(error.field, "amount"),
            other => panic!("nothing cannot be moved: {other:?}"),
        }
    }
    match stage
        .transfer(Deposit, &stage.key(), alice, quote, Amount::MAX)
        .await
    {
        Err(EntryError::Invalid(error)) => assert_eq!(error.field, "amount"),
        other => panic!("more than can be counted is refused: {other:?}"),
    }
    stage.finish().await;
}

pub(super) async fn a_market_keeps_its_grid_and_changes_its_fees<V: Venue>(venue: &V) {
    let stage = Stage::open(venue).await;
    let (alice, bob) = (stage.user(10, 0).await, stage.user(0, 2_000).await);
    let exchange = stage.exchange();
    let before = stage.limits(alice, Sell, 5, 100).await;
    let mut definition = stage.market.definition().clone();
    definition.maker_fee = FeeRate(0);
    definition.taker_fee = FeeRate(1_000_000);
    assert_eq!(exchange.define_market(definition.clone()).await, Ok(()));
    assert_eq!(
        exchange.define_market(definition.clone()).await,
        Ok(()),
        "the same again changes nothing"
    );
    let markets = exchange.markets();
    let view = markets.by_number(stage.number()).expect("the market is there");
    assert_eq!(view.market.definition(), &definition);
    stage.limits(bob, Buy, 5, 100).await;
    // The maker's fee was fixed at entry (0.1 % of 500), the taker's is the new one (1 % of 5).
    assert_eq!(stage.look(alice, &before).await.fee, Amount(50_000_000));
    assert_eq!(stage.has(bob).await, "base 4.95 + 0, quote 1500 + 0");
    let mut other_tick = definition.clone();
    other_tick.tick = whole(2);
    let mut other_lot = definition.clone();
    other_lot.lot = whole(2);
    let mut other_symbol = definition.clone();
    other_symbol.symbol = usual_definition(venue.fresh()).symbol;
    for changed in [other_tick, other_lot, other_symbol] {
        let refused = exchange.define_market(changed).await;
        assert!(
            matches!(refused, Err(EntryError::Invalid(_))),
            "a grid never changes: {refused:?}"
        );
    }
    let markets = exchange.markets();
    let view = markets.by_number(stage.number()).expect("the market is there");
    assert_eq!(
        view.market.definition(),
        &definition,
        "what was refused changed nothing"
    );
    stage.finish().await;
}

pub(super) async fn definitions_that_break_a_rule_are_refused<V: Venue>(venue: &V) {
    let stage = Stage::open(venue).await;
    let exchange = stage.exchange();
    let fresh = || usual_definition(venue.fresh());
    let mut no_tick = fresh();
    no_tick.tick = Amount::ZERO;
    let mut too_fine = fresh();
    too_fine.tick = Amount(1);
    too_fine.lot = Amount(1);
    let mut twin = fresh();
    twin.symbol = stage.market.symbol();
    for (definition, field) in [(no_tick, "tick"), (too_fine, "lot"), (twin, "symbol")] {
        let number = definition.number;
        match exchange.define_market(definition).await {
            Err(EntryError::Invalid(error)) => assert_eq!(error.field, field),
            other => panic!("a definition that breaks a rule is refused: {other:?}"),
        }
        assert!(exchange.markets().by_number(number).is_none());
    }
    stage.finish().await;
}
