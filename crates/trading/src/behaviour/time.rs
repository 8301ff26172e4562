//! What the passing of time ends.

use std::time::Duration;

use domain::{Side::Buy, Side::Sell, Stamp, TimeInForce};

use crate::NewOrder;
use crate::behaviour::Venue;
use crate::behaviour::stage::{Stage, told};

const SECOND: u64 = 1_000_000;

pub(super) async fn gtd_ends_at_its_moment<V: Venue>(venue: &V) {
    let stage = Stage::open(venue).await;
    let (alice, bob) = (stage.user(0, 1_000).await, stage.user(5, 0).await);
    let until = |end| NewOrder {
        time_in_force: TimeInForce::Gtd(end),
        ..stage.limit(Buy, 5, 100)
    };
    let end = venue.now().plus_micros(30 * SECOND);
    let order = stage.placed(alice, until(end)).await;
    assert_eq!((told(&order).as_str(), order.expires_at), ("OPEN 0/5", Some(end)));
    venue.pass(Duration::from_secs(31)).await;
    let ask = stage.limits(bob, Sell, 5, 100).await;
    assert_eq!(
        told(&ask),
        "OPEN 0/5",
        "an order whose time has come never trades"
    );
    assert_eq!(stage.stands(alice, &order).await, "EXPIRED 0/5 time_in_force");
    assert_eq!(stage.has(alice).await, "base 0 + 0, quote 1000 + 0");
    let late = stage.placed(alice, until(end)).await;
    assert_eq!(told(&late), "EXPIRED 0/5 time_in_force", "a moment that is over");
    stage.finish().await;
}

pub(super) async fn day_ends_at_midnight<V: Venue>(venue: &V) {
    let stage = Stage::open(venue).await;
    let alice = stage.user(0, 1_000).await;
    let day = NewOrder {
        time_in_force: TimeInForce::Day,
        ..stage.limit(Buy, 5, 100)
    };
    let order = stage.placed(alice, day).await;
    let midnight = order.created_at.next_midnight();
    assert_eq!(order.expires_at, Some(midnight));
    let left = midnight.micros().saturating_sub(venue.now().micros());
    if left > 2 * SECOND {
        venue.pass(Duration::from_micros(left - SECOND)).await;
        assert_eq!(
            stage.stands(alice, &order).await,
            "OPEN 0/5",
            "a second before midnight"
        );
    }
    venue.pass(Duration::from_secs(2)).await;
    assert_eq!(stage.stands(alice, &order).await, "EXPIRED 0/5 time_in_force");
    stage.finish().await;
}

pub(super) async fn what_comes_after_its_deadline_expires<V: Venue>(venue: &V) {
    let stage = Stage::open(venue).await;
    let alice = stage.user(0, 1_000).await;
    let by = |deadline| NewOrder {
        deadline: Some(deadline),
        ..stage.limit(Buy, 5, 100)
    };
    let past = Stamp::from_micros(venue.now().micros() - SECOND);
    let late = stage.placed(alice, by(past)).await;
    assert_eq!(told(&late), "EXPIRED 0/5 too_late");
    assert_eq!(stage.has(alice).await, "base 0 + 0, quote 1000 + 0");
    let future = venue.now().plus_micros(600 * SECOND);
    let order = stage.placed(alice, by(future)).await;
    assert_eq!(told(&order), "OPEN 0/5");
    venue.pass(Duration::from_secs(601)).await;
    assert_eq!(
        stage.stands(alice, &order).await,
        "OPEN 0/5",
        "a deadline is for entering only"
    );
    stage.finish().await;
}
