//! Amendments: what keeps its place, what goes to the back, what is refused and then changes nothing.

use domain::{Order, OrderId, OrderRef, RejectReason, Side::Buy, Side::Sell, Size, Terms};

use crate::behaviour::Venue;
use crate::behaviour::stage::{Stage, lots, price, told};
use crate::{Amendment, Caller, EntryError, OrderEntry};

async fn amend<V: Venue>(
    stage: &Stage<'_, V>,
    user: Caller,
    order: &Order,
    new_price: Option<u32>,
    quantity: Option<u64>,
) -> Result<Order, EntryError> {
    let amendment = Amendment {
        price: new_price.map(price),
        quantity: quantity.map(lots),
    };
    stage
        .exchange()
        .amend(user, OrderRef::Id(order.order_id), amendment)
        .await
}

/// Amends an order, which must be taken; how the order stands then.
async fn amended<V: Venue>(
    stage: &Stage<'_, V>,
    user: Caller,
    order: &Order,
    new_price: Option<u32>,
    quantity: Option<u64>,
) -> String {
    let after = amend(stage, user, order, new_price, quantity).await;
    let after = after.unwrap_or_else(|error| panic!("the amendment is taken: {error}"));
    assert_eq!(
        stage.look(user, order).await,
        after,
        "the answer is the order as it is"
    );
    told(&after)
}

pub(super) async fn less_quantity_keeps_its_place<V: Venue>(venue: &V) {
    let stage = Stage::open(venue).await;
    let (alice, bob, taker) = (
        stage.user(10, 0).await,
        stage.user(5, 0).await,
        stage.user(0, 1_000).await,
    );
    let first = stage.limits(alice, Sell, 5, 100).await;
    let second = stage.limits(bob, Sell, 5, 100).await;
    assert_eq!(amended(&stage, alice, &first, None, Some(3)).await, "OPEN 0/3");
    assert_eq!(stage.has(alice).await, "base 7 + 3, quote 0 + 0");
    assert_eq!(stage.book().await, "bids asks 8@100");
    stage.limits(taker, Buy, 3, 100).await;
    assert_eq!(stage.stands(alice, &first).await, "FILLED 3/3");
    assert_eq!(stage.stands(bob, &second).await, "OPEN 0/5");
    stage.finish().await;
}

pub(super) async fn a_new_price_goes_to_the_back_and_may_trade<V: Venue>(venue: &V) {
    let stage = Stage::open(venue).await;
    let (alice, bob, carol) = (
        stage.user(10, 0).await,
        stage.user(5, 0).await,
        stage.user(0, 2_000).await,
    );
    let moved = stage.limits(alice, Sell, 5, 105).await;
    let stayed = stage.limits(bob, Sell, 5, 105).await;
    assert_eq!(amended(&stage, alice, &moved, Some(106), None).await, "OPEN 0/5");
    assert_eq!(stage.book().await, "bids asks 5@105 5@106");
    assert_eq!(amended(&stage, alice, &moved, Some(105), None).await, "OPEN 0/5");
    let bid = stage.limits(carol, Buy, 7, 105).await;
    assert_eq!(told(&bid), "FILLED 7/7");
    assert_eq!(stage.stands(bob, &stayed).await, "FILLED 5/5");
    assert_eq!(stage.stands(alice, &moved).await, "PARTIALLY_FILLED 2/5");
    let low = stage.limits(carol, Buy, 3, 100).await;
    assert_eq!(amended(&stage, carol, &low, Some(105), None).await, "FILLED 3/3");
    assert_eq!(stage.stands(alice, &moved).await, "FILLED 5/5");
    stage.finish().await;
}

pub(super) async fn more_quantity_reserves_more_and_goes_to_the_back<V: Venue>(venue: &V) {
    let stage = Stage::open(venue).await;
    let (alice, bob, taker) = (
        stage.user(0, 1_000).await,
        stage.user(0, 500).await,
        stage.user(5, 0).await,
    );
    let grown = stage.limits(alice, Buy, 5, 100).await;
    let other = stage.limits(bob, Buy, 5, 100).await;
    assert_eq!(amended(&stage, alice, &grown, None, Some(8)).await, "OPEN 0/8");
    assert_eq!(stage.has(alice).await, "base 0 + 0, quote 200 + 800");
    stage.limits(taker, Sell, 5, 100).await;
    assert_eq!(stage.stands(bob, &other).await, "FILLED 5/5");
    assert_eq!(stage.stands(alice, &grown).await, "OPEN 0/8");
    assert_eq!(amended(&stage, alice, &grown, Some(90), None).await, "OPEN 0/8");
    assert_eq!(stage.has(alice).await, "base 0 + 0, quote 280 + 720");
    stage.finish().await;
}

pub(super) async fn an_amendment_without_funds_or_within_no_limits_changes_nothing<V: Venue>(venue: &V) {
    use RejectReason::{
        InsufficientBalance, PostOnlyWouldTake, PriceOutOfBand, PriceTooHigh, QuantityTooLarge,
    };
    let stage = Stage::open(venue).await;
    let (alice, maker) = (stage.user(0, 600).await, stage.user(5, 0).await);
    stage.limits(maker, Sell, 5, 105).await;
    let terms = Terms::Limit {
        price: price(100),
        quantity: lots(5),
        display: None,
        post_only: true,
    };
    let order = stage.placed(alice, stage.order(Buy, terms)).await;
    for (new_price, quantity, reason) in [
        (None, Some(7), InsufficientBalance),
        (Some(104), Some(6), InsufficientBalance),
        (Some(105), None, PostOnlyWouldTake),
        (Some(151), None, PriceOutOfBand),
        (Some(1_001), None, PriceTooHigh),
        (None, Some(10_001), QuantityTooLarge),
        (None, Some(1), RejectReason::QuantityTooSmall),
    ] {
        let refused = amend(&stage, alice, &order, new_price, quantity).await;
        assert_eq!(
            refused,
            Err(EntryError::AmendmentRefused(reason)),
            "{new_price:?} {quantity:?}"
        );
        assert_eq!(stage.look(alice, &order).await, order, "the order is as it was");
        assert_eq!(stage.has(alice).await, "base 0 + 0, quote 100 + 500");
        assert_eq!(stage.book().await, "bids 5@100 asks 5@105");
    }
    assert_eq!(
        amend(&stage, alice, &order, None, None).await,
        Ok(order),
        "nothing asked, nothing done"
    );
    stage.finish().await;
}

pub(super) async fn an_amendment_to_what_is_filled_cancels_the_rest<V: Venue>(venue: &V) {
    let stage = Stage::open(venue).await;
    let (alice, taker) = (stage.user(20, 0).await, stage.user(0, 2_000).await);
    for quantity in [4, 2] {
        let order = stage.limits(alice, Sell, 10, 100).await;
        stage.limits(taker, Buy, 4, 100).await;
        assert_eq!(
            amended(&stage, alice, &order, None, Some(quantity)).await,
            "CANCELLED 4/10 amended"
        );
    }
    assert_eq!(stage.has(alice).await, "base 12 + 0, quote 799.2 + 0");
    assert_eq!(stage.book().await, "bids asks");
    stage.finish().await;
}

pub(super) async fn a_waiting_stop_can_be_amended<V: Venue>(venue: &V) {
    let stage = Stage::open(venue).await;
    let alice = stage.user(10, 1_000).await;
    let terms = Terms::StopLimit {
        stop_price: price(105),
        price: price(107),
        quantity: lots(5),
        display: None,
    };
    let waiting = stage.placed(alice, stage.order(Buy, terms)).await;
    assert_eq!(
        amended(&stage, alice, &waiting, Some(106), Some(9)).await,
        "OPEN 0/9"
    );
    assert_eq!(stage.has(alice).await, "base 10 + 0, quote 46 + 954");
    assert_eq!(stage.book().await, "bids asks", "it still waits");
    let (stop_price, size) = (price(95), Size::Quantity(lots(5)));
    let plain = stage
        .placed(alice, stage.order(Sell, Terms::Stop { stop_price, size }))
        .await;
    assert_eq!(amended(&stage, alice, &plain, None, Some(7)).await, "OPEN 0/7");
    match amend(&stage, alice, &plain, Some(90), None).await {
        Err(EntryError::Invalid(error)) => assert_eq!(error.field, "price"),
        other => panic!("a STOP has no limit price: {other:?}"),
    }
    stage.finish().await;
}

pub(super) async fn only_a_live_order_of_the_callers_can_be_amended<V: Venue>(venue: &V) {
    let stage = Stage::open(venue).await;
    let (alice, mallory) = (stage.user(0, 1_000).await, stage.user(0, 1_000).await);
    let order = stage.limits(alice, Buy, 5, 100).await;
    assert_eq!(
        amend(&stage, mallory, &order, None, Some(3)).await,
        Err(EntryError::UnknownOrder)
    );
    let unknown = OrderRef::Id(OrderId::from_u128(7));
    let answer = stage.exchange().amend(alice, unknown, Amendment::default()).await;
    assert_eq!(answer, Err(EntryError::UnknownOrder));
    let cancelled = stage.exchange().cancel(alice, OrderRef::Id(order.order_id)).await;
    let cancelled = cancelled.unwrap_or_else(|error| panic!("a live order can be cancelled: {error}"));
    let late = amend(&stage, alice, &order, None, Some(3)).await;
    assert_eq!(late, Err(EntryError::OrderEnded(cancelled.into())));
    stage.finish().await;
}
