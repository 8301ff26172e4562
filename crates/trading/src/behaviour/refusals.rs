//! What is refused, why, and which of several reasons is told.

use domain::{
    Amount, MarketNumber, MarketState, OrderRef, RejectReason, Selection, SelfTradePrevention, Side::Buy,
    Side::Sell, Size, Terms, TimeInForce,
};

use crate::behaviour::Venue;
use crate::behaviour::stage::{Stage, client, lots, price, told, whole};
use crate::{Amendment, EntryError, NewOrder, Operations, OrderEntry, OrderFilter, Queries};

pub(super) async fn what_makes_no_sense_is_invalid_and_leaves_no_order<V: Venue>(venue: &V) {
    let stage = Stage::open(venue).await;
    let alice = stage.user(10, 1_000).await;
    let limit = |display: Option<u64>, post_only| {
        let (price, quantity, display) = (price(100), lots(5), display.map(lots));
        stage.order(
            Buy,
            Terms::Limit {
                price,
                quantity,
                display,
                post_only,
            },
        )
    };
    let timed = |time_in_force, order: NewOrder| NewOrder {
        time_in_force,
        ..order
    };
    let budget = |side, amount| stage.at_market(side, Size::Budget(amount));
    let decrement = NewOrder {
        self_trade_prevention: SelfTradePrevention::Decrement,
        ..budget(Buy, whole(500))
    };
    let by_quantity = stage.at_market(Buy, Size::Quantity(lots(5)));
    for (order, field) in [
        (timed(TimeInForce::Gtc, by_quantity.clone()), "time_in_force"),
        (timed(TimeInForce::Day, by_quantity), "time_in_force"),
        (timed(TimeInForce::Ioc, limit(None, true)), "post_only"),
        (timed(TimeInForce::Fok, limit(None, true)), "post_only"),
        (timed(TimeInForce::Ioc, limit(Some(2), false)), "display_quantity"),
        (limit(Some(6), false), "display_quantity"),
        (budget(Sell, whole(500)), "quote_quantity"),
        (budget(Buy, Amount::ZERO), "quote_quantity"),
        (decrement, "self_trade_prevention"),
    ] {
        match stage.place(alice, order.clone()).await {
            Err(EntryError::Invalid(error)) => assert_eq!(error.field, field, "{order:?}"),
            other => panic!("{order:?} makes no sense, but the answer is {other:?}"),
        }
    }
    let elsewhere = NewOrder {
        market: MarketNumber(venue.fresh()),
        ..stage.limit(Buy, 5, 100)
    };
    assert_eq!(
        stage.place(alice, elsewhere).await,
        Err(EntryError::UnknownMarket)
    );
    let everything = OrderFilter {
        limit: 10,
        ..OrderFilter::default()
    };
    assert_eq!(stage.exchange().orders(alice, everything).await, Ok(Vec::new()));
    stage.finish().await;
}

pub(super) async fn what_breaks_a_market_rule_is_an_order_rejected_with_its_reason<V: Venue>(venue: &V) {
    use RejectReason::{
        InsufficientBalance, NotionalTooSmall, PriceOutOfBand, PriceTooHigh, QuantityTooLarge,
        QuantityTooSmall, StopAlreadyTriggered,
    };
    let stage = Stage::open(venue).await;
    let alice = stage.user(10, 1_000).await;
    let stop = |side, at| {
        let (stop_price, size) = (price(at), Size::Quantity(lots(2)));
        stage.order(side, Terms::Stop { stop_price, size })
    };
    for (order, reason) in [
        (stage.limit(Buy, 1, 150), QuantityTooSmall),
        (stage.limit(Buy, 10_001, 60), QuantityTooLarge),
        (stage.limit(Buy, 2, 1_001), PriceTooHigh),
        (stop(Buy, 1_001), PriceTooHigh),
        (stage.limit(Buy, 2, 60), NotionalTooSmall),
        (stage.at_market(Buy, Size::Budget(whole(149))), NotionalTooSmall),
        (stage.limit(Buy, 2, 151), PriceOutOfBand),
        (stage.limit(Sell, 4, 49), PriceOutOfBand),
        (stop(Buy, 100), StopAlreadyTriggered),
        (stop(Sell, 100), StopAlreadyTriggered),
        (stage.limit(Buy, 11, 100), InsufficientBalance),
        (stage.limit(Sell, 11, 100), InsufficientBalance),
        (
            stage.at_market(Buy, Size::Quantity(lots(10))),
            InsufficientBalance,
        ),
        (
            stage.at_market(Buy, Size::Budget(whole(1_001))),
            InsufficientBalance,
        ),
        (stop(Buy, 600), InsufficientBalance),
    ] {
        assert_eq!(stage.rejected(alice, order.clone()).await, reason, "{order:?}");
        let newest = OrderFilter {
            limit: 1,
            ..OrderFilter::default()
        };
        let orders = stage
            .exchange()
            .orders(alice, newest)
            .await
            .expect("orders are told");
        let expected = format!("REJECTED 0/{} {reason}", stage.market.lots(order.terms.size()).0);
        assert_eq!(
            orders.first().map(told),
            Some(expected),
            "a rejected order exists"
        );
    }
    assert_eq!(stage.has(alice).await, "base 10 + 0, quote 1000 + 0");
    stage.finish().await;

    let young = Stage::with(venue, |market| market.initial_price = None).await;
    let bob = young.user(10, 10_000).await;
    let order = young.at_market(Buy, Size::Quantity(lots(2)));
    assert_eq!(young.rejected(bob, order).await, RejectReason::NoReferencePrice);
    assert_eq!(
        told(&young.limits(bob, Buy, 2, 1_000).await),
        "OPEN 0/2",
        "no price, no band"
    );
    young.finish().await;
}

pub(super) async fn the_first_rule_in_order_is_the_one_told<V: Venue>(venue: &V) {
    let stage = Stage::open(venue).await;
    let (poor, maker) = (stage.user(0, 0).await, stage.user(5, 0).await);
    stage.limits(maker, Sell, 5, 101).await;
    let taken = NewOrder {
        client_order_id: client("taken"),
        ..stage.limit(Buy, 5, 100)
    };
    assert_eq!(
        stage.rejected(poor, taken).await,
        RejectReason::InsufficientBalance
    );
    let post_only = stage.order(
        Buy,
        Terms::Limit {
            price: price(101),
            quantity: lots(5),
            display: None,
            post_only: true,
        },
    );
    // Funds before the book, limits before funds.
    assert_eq!(
        stage.rejected(poor, post_only).await,
        RejectReason::InsufficientBalance
    );
    assert_eq!(
        stage.rejected(poor, stage.limit(Buy, 1, 151)).await,
        RejectReason::QuantityTooSmall
    );
    assert_eq!(
        stage.rejected(poor, stage.limit(Buy, 2, 151)).await,
        RejectReason::PriceOutOfBand
    );
    // The market's state before its limits.
    let exchange = stage.exchange();
    assert_eq!(
        exchange
            .set_market_state(stage.number(), MarketState::Halted)
            .await,
        Ok(())
    );
    assert_eq!(
        stage.rejected(poor, stage.limit(Buy, 1, 151)).await,
        RejectReason::MarketState
    );
    // The client id before the market's state, the shape before the client id.
    let other = NewOrder {
        client_order_id: client("taken"),
        ..stage.limit(Buy, 6, 100)
    };
    let conflict = stage.place(poor, other.clone()).await;
    assert!(
        matches!(conflict, Err(EntryError::ClientIdConflict(_))),
        "{conflict:?}"
    );
    let senseless = NewOrder {
        terms: Terms::Market {
            size: Size::Quantity(lots(5)),
        },
        ..other
    };
    let invalid = stage.place(poor, senseless).await;
    assert!(matches!(invalid, Err(EntryError::Invalid(_))), "{invalid:?}");
    assert_eq!(
        exchange.set_market_state(stage.number(), MarketState::Open).await,
        Ok(())
    );
    stage.finish().await;
}

pub(super) async fn too_many_live_orders_are_rejected<V: Venue>(venue: &V) {
    let stage = Stage::open(venue).await;
    let alice = stage.user(0, 100_000).await;
    let mut last = stage.limits(alice, Buy, 4, 50).await;
    for _ in 1..20 {
        last = stage.limits(alice, Buy, 4, 50).await;
    }
    let reason = stage.rejected(alice, stage.limit(Buy, 4, 50)).await;
    assert_eq!(reason, RejectReason::TooManyOrders);
    let cancelled = stage.exchange().cancel(alice, OrderRef::Id(last.order_id)).await;
    assert!(cancelled.is_ok(), "{cancelled:?}");
    stage.limits(alice, Buy, 4, 50).await;
    stage.finish().await;
}

/// Sets the market's state and looks whether everybody is told.
async fn set<V: Venue>(stage: &Stage<'_, V>, state: MarketState) {
    assert_eq!(
        stage.exchange().set_market_state(stage.number(), state).await,
        Ok(())
    );
    let markets = stage.exchange().markets();
    let view = markets.by_number(stage.number());
    assert_eq!(
        view.map(|view| view.state),
        Some(state),
        "the markets tell it at once"
    );
}

pub(super) async fn a_post_only_market_takes_what_rests<V: Venue>(venue: &V) {
    let stage = Stage::open(venue).await;
    let (alice, exchange) = (stage.user(10, 5_000).await, stage.exchange());
    let maker = stage.user(10, 0).await;
    stage.limits(maker, Sell, 5, 101).await;
    let bid = stage.limits(alice, Buy, 2, 99).await;
    set(&stage, MarketState::PostOnly).await;
    assert_eq!(told(&stage.limits(alice, Buy, 2, 100).await), "OPEN 0/2");
    assert_eq!(
        stage.rejected(alice, stage.limit(Buy, 2, 101)).await,
        RejectReason::MarketState
    );
    let at_market = stage.at_market(Buy, Size::Quantity(lots(2)));
    assert_eq!(stage.rejected(alice, at_market).await, RejectReason::MarketState);
    let crossing = Amendment {
        price: Some(price(101)),
        quantity: None,
    };
    let refused = exchange.amend(alice, OrderRef::Id(bid.order_id), crossing).await;
    assert_eq!(
        refused,
        Err(EntryError::AmendmentRefused(RejectReason::PostOnlyWouldTake))
    );
    let cancelled = exchange.cancel(alice, OrderRef::Id(bid.order_id)).await;
    assert!(cancelled.is_ok(), "{cancelled:?}");
    stage.finish().await;
}

pub(super) async fn a_market_takes_cancels_only_or_nothing<V: Venue>(venue: &V) {
    let stage = Stage::open(venue).await;
    let (alice, maker, exchange) = (
        stage.user(0, 5_000).await,
        stage.user(10, 0).await,
        stage.exchange(),
    );
    let ask = stage.limits(maker, Sell, 5, 101).await;
    let bid = stage.limits(alice, Buy, 2, 99).await;
    stage.limits(alice, Buy, 2, 98).await;

    set(&stage, MarketState::CancelOnly).await;
    assert_eq!(
        stage.rejected(alice, stage.limit(Buy, 2, 90)).await,
        RejectReason::MarketState
    );
    let less = Amendment {
        price: None,
        quantity: Some(lots(2)),
    };
    let refused = exchange.amend(alice, OrderRef::Id(bid.order_id), less).await;
    assert_eq!(refused, Err(EntryError::MarketState(MarketState::CancelOnly)));
    let cancelled = exchange.cancel(alice, OrderRef::Id(bid.order_id)).await;
    assert_eq!(
        cancelled.map(|order| told(&order)),
        Ok("CANCELLED 0/2 requested".to_owned())
    );

    set(&stage, MarketState::Halted).await;
    let refused = exchange.cancel(maker, OrderRef::Id(ask.order_id)).await;
    assert_eq!(refused, Err(EntryError::MarketState(MarketState::Halted)));
    assert_eq!(
        exchange.cancel_all(maker, None, None).await,
        Ok(0),
        "users cancel nothing in a halted market"
    );
    let all = Selection {
        market: Some(stage.number()),
        ..Selection::default()
    };
    assert_eq!(exchange.cancel_selected(all).await, Ok(2), "operators do");
    assert_eq!(stage.stands(maker, &ask).await, "CANCELLED 0/5 operator");

    set(&stage, MarketState::Open).await;
    stage.limits(alice, Buy, 2, 100).await;
    let nowhere = exchange
        .set_market_state(MarketNumber(venue.fresh()), MarketState::Open)
        .await;
    assert_eq!(nowhere, Err(EntryError::UnknownMarket));
    stage.finish().await;
}
