//! Cancels: one order, all that match, and never an order of somebody else.

use domain::{MarketNumber, OrderId, OrderRef, Selection, Side::Buy, Side::Sell};

use crate::behaviour::Venue;
use crate::behaviour::stage::{Stage, client, told};
use crate::{EntryError, NewOrder, Operations, OrderEntry};

pub(super) async fn a_cancel_releases_and_is_final<V: Venue>(venue: &V) {
    let stage = Stage::open(venue).await;
    let (alice, bob) = (stage.user(0, 1_000).await, stage.user(2, 0).await);
    let order = stage.limits(alice, Buy, 5, 100).await;
    stage.limits(bob, Sell, 2, 100).await;
    let cancelled = stage.exchange().cancel(alice, OrderRef::Id(order.order_id)).await;
    let cancelled = cancelled.unwrap_or_else(|error| panic!("a live order can be cancelled: {error}"));
    assert_eq!(told(&cancelled), "CANCELLED 2/5 requested");
    assert!(cancelled.ended_at.is_some());
    assert_eq!(stage.has(alice).await, "base 1.998 + 0, quote 800 + 0");
    assert_eq!(stage.book().await, "bids asks");
    for _ in 0..2 {
        let again = stage.exchange().cancel(alice, OrderRef::Id(order.order_id)).await;
        assert_eq!(again, Err(EntryError::OrderEnded(cancelled.clone().into())));
    }
    stage.finish().await;
}

pub(super) async fn an_order_of_somebody_else_is_unknown<V: Venue>(venue: &V) {
    let stage = Stage::open(venue).await;
    let (alice, mallory) = (stage.user(0, 1_000).await, stage.user(0, 1_000).await);
    let named = NewOrder {
        client_order_id: client("hers"),
        ..stage.limit(Buy, 5, 100)
    };
    let order = stage.placed(alice, named).await;
    for theirs in [
        OrderRef::Id(order.order_id),
        OrderRef::Client("hers".parse().expect("a good id")),
        OrderRef::Id(OrderId::from_u128(7)),
        OrderRef::Client("nobodys".parse().expect("a good id")),
    ] {
        let answer = stage.exchange().cancel(mallory, theirs.clone()).await;
        assert_eq!(answer, Err(EntryError::UnknownOrder), "{theirs:?}");
    }
    assert_eq!(stage.stands(alice, &order).await, "OPEN 0/5");
    stage.finish().await;
}

pub(super) async fn cancel_all_takes_what_matches_and_only_the_callers<V: Venue>(venue: &V) {
    let stage = Stage::open(venue).await;
    let (alice, bob) = (stage.user(20, 2_000).await, stage.user(20, 2_000).await);
    let (exchange, market) = (stage.exchange(), Some(stage.number()));
    for user in [alice, bob] {
        for at in [97, 98] {
            stage.limits(user, Buy, 2, at).await;
            stage.limits(user, Sell, 2, at + 5).await;
        }
    }
    let elsewhere = Some(MarketNumber(venue.fresh()));
    assert_eq!(
        exchange.cancel_all(alice, elsewhere, None).await,
        Err(EntryError::UnknownMarket)
    );
    assert_eq!(exchange.cancel_all(alice, market, Some(Buy)).await, Ok(2));
    assert_eq!(stage.book().await, "bids 2@98 2@97 asks 4@102 4@103");
    assert_eq!(stage.has(alice).await, "base 16 + 4, quote 2000 + 0");
    assert_eq!(exchange.cancel_all(alice, None, None).await, Ok(2));
    assert_eq!(exchange.cancel_all(alice, None, None).await, Ok(0));
    assert_eq!(stage.book().await, "bids 2@98 2@97 asks 2@102 2@103");
    let nobody = stage.user(0, 0).await;
    assert_eq!(exchange.cancel_all(nobody, market, None).await, Ok(0));
    stage.finish().await;
}

pub(super) async fn an_operator_cancels_everybodys<V: Venue>(venue: &V) {
    let stage = Stage::open(venue).await;
    let (alice, bob) = (stage.user(20, 2_000).await, stage.user(20, 2_000).await);
    let bid = stage.limits(alice, Buy, 2, 98).await;
    stage.limits(bob, Buy, 2, 98).await;
    let ask = stage.limits(bob, Sell, 2, 102).await;
    let selection = Selection {
        user_id: None,
        market: Some(stage.number()),
        side: Some(Buy),
    };
    assert_eq!(stage.exchange().cancel_selected(selection).await, Ok(2));
    assert_eq!(stage.stands(alice, &bid).await, "CANCELLED 0/2 operator");
    assert_eq!(stage.book().await, "bids asks 2@102");
    let of_bob = Selection {
        user_id: Some(bob.user_id),
        market: None,
        side: None,
    };
    assert_eq!(stage.exchange().cancel_selected(of_bob).await, Ok(1));
    assert_eq!(stage.stands(bob, &ask).await, "CANCELLED 0/2 operator");
    stage.finish().await;
}
