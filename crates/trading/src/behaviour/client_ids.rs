//! Client order ids: one order per id, whatever comes twice, late or at once.

use std::time::Duration;

use domain::{OrderRef, RejectReason, Side::Buy, Side::Sell};

use crate::behaviour::Venue;
use crate::behaviour::stage::{Stage, client, together, told};
use crate::{EntryError, NewOrder, OrderEntry, OrderFilter, Placed, Queries};

/// The id under which this was placed, new or not.
fn id(placed: &Placed) -> domain::OrderId {
    match placed {
        Placed::New(order) | Placed::Existing(order) | Placed::Pending(order) => order.order_id,
    }
}

pub(super) async fn the_same_order_again_is_the_first_one<V: Venue>(venue: &V) {
    let stage = Stage::open(venue).await;
    let (alice, bob) = (stage.user(0, 1_000).await, stage.user(5, 1_000).await);
    let order = NewOrder {
        client_order_id: client("mine"),
        ..stage.limit(Buy, 5, 100)
    };
    let first = stage.placed(alice, order.clone()).await;
    let by_name = stage
        .exchange()
        .order(alice, OrderRef::Client("mine".parse().expect("a good id")))
        .await;
    assert_eq!(by_name, Ok(first.clone()), "an order is found by its client id");
    match stage.place(alice, order.clone()).await {
        Ok(Placed::Existing(again)) => assert_eq!(*again, first),
        other => panic!("expected the first order again, got {other:?}"),
    }
    stage.limits(bob, Sell, 2, 100).await;
    match stage.place(alice, order.clone()).await {
        Ok(Placed::Existing(now)) => assert_eq!(told(&now), "PARTIALLY_FILLED 2/5", "as it stands now"),
        other => panic!("expected the first order again, got {other:?}"),
    }
    let cancelled = stage
        .exchange()
        .cancel(alice, OrderRef::Client("mine".parse().expect("a good id")))
        .await;
    assert_eq!(
        cancelled.map(|order| told(&order)),
        Ok("CANCELLED 2/5 requested".to_owned())
    );
    match stage.place(alice, order.clone()).await {
        Ok(Placed::Existing(ended)) => assert_eq!(told(&ended), "CANCELLED 2/5 requested", "ended ones too"),
        other => panic!("expected the first order again, got {other:?}"),
    }
    let others = stage.placed(bob, order).await;
    assert_ne!(others.order_id, first.order_id, "client ids are each user's own");
    stage.finish().await;
}

pub(super) async fn another_order_under_the_same_id_is_a_conflict<V: Venue>(venue: &V) {
    let stage = Stage::open(venue).await;
    let alice = stage.user(5, 5_000).await;
    let named = |order: NewOrder| NewOrder {
        client_order_id: client("one"),
        ..order
    };
    let first = stage.placed(alice, named(stage.limit(Buy, 5, 100))).await;
    for other in [
        named(stage.limit(Buy, 6, 100)),
        named(stage.limit(Buy, 5, 99)),
        named(stage.limit(Sell, 5, 100)),
        NewOrder {
            time_in_force: domain::TimeInForce::Day,
            ..named(stage.limit(Buy, 5, 100))
        },
    ] {
        let refused = stage.place(alice, other).await;
        assert_eq!(refused, Err(EntryError::ClientIdConflict(first.order_id)));
    }
    assert_eq!(stage.book().await, "bids 5@100 asks");
    stage.finish().await;
}

pub(super) async fn duplicates_in_parallel_give_one_order<V: Venue>(venue: &V) {
    let stage = Stage::open(venue).await;
    let alice = stage.user(0, 10_000).await;
    let order = NewOrder {
        client_order_id: client("twin"),
        ..stage.limit(Buy, 5, 100)
    };
    let answers = together((0..16).map(|_| stage.place(alice, order.clone()))).await;
    let placed: Vec<Placed> = answers
        .into_iter()
        .map(|answer| answer.unwrap_or_else(|error| panic!("each of them is answered: {error}")))
        .collect();
    let new = placed
        .iter()
        .filter(|placed| matches!(placed, Placed::New(_)))
        .count();
    assert_eq!(new, 1, "exactly one is new");
    assert!(
        placed.windows(2).all(|pair| id(&pair[0]) == id(&pair[1])),
        "all are the same order"
    );
    let everything = OrderFilter {
        limit: 100,
        ..OrderFilter::default()
    };
    let orders = stage
        .exchange()
        .orders(alice, everything)
        .await
        .expect("orders are told");
    assert_eq!(orders.len(), 1);
    assert_eq!(stage.has(alice).await, "base 0 + 0, quote 9500 + 500");
    stage.finish().await;
}

pub(super) async fn a_rejected_order_uses_its_id_up<V: Venue>(venue: &V) {
    let stage = Stage::open(venue).await;
    let alice = stage.user(0, 100).await;
    let order = NewOrder {
        client_order_id: client("poor"),
        ..stage.limit(Buy, 5, 100)
    };
    assert_eq!(
        stage.rejected(alice, order.clone()).await,
        RejectReason::InsufficientBalance
    );
    let key = stage.key();
    let kind = domain::TransferKind::Deposit;
    let funded = stage
        .transfer(kind, &key, alice, stage.quote(), super::stage::whole(1_000))
        .await;
    assert!(funded.is_ok(), "{funded:?}");
    match stage.place(alice, order).await {
        Ok(Placed::Existing(order)) => assert_eq!(told(&order), "REJECTED 0/5 insufficient_balance"),
        other => panic!("expected the rejected order again, got {other:?}"),
    }
    stage.finish().await;
}

pub(super) async fn an_id_may_be_used_again_a_day_after_its_order_ended<V: Venue>(venue: &V) {
    let stage = Stage::open(venue).await;
    let alice = stage.user(0, 5_000).await;
    let order = NewOrder {
        client_order_id: client("daily"),
        ..stage.limit(Buy, 5, 100)
    };
    let first = stage.placed(alice, order.clone()).await;
    venue.pass(Duration::from_secs(25 * 3_600)).await;
    let other = NewOrder {
        client_order_id: client("daily"),
        ..stage.limit(Buy, 6, 100)
    };
    let refused = stage.place(alice, other.clone()).await;
    assert_eq!(
        refused,
        Err(EntryError::ClientIdConflict(first.order_id)),
        "a live order keeps its id"
    );
    let cancelled = stage.exchange().cancel(alice, OrderRef::Id(first.order_id)).await;
    assert!(cancelled.is_ok(), "{cancelled:?}");
    venue.pass(Duration::from_secs(23 * 3_600)).await;
    let refused = stage.place(alice, other.clone()).await;
    assert_eq!(
        refused,
        Err(EntryError::ClientIdConflict(first.order_id)),
        "for a day after its end"
    );
    venue.pass(Duration::from_secs(2 * 3_600)).await;
    let second = stage.placed(alice, other).await;
    assert_ne!(second.order_id, first.order_id);
    stage.finish().await;
}
