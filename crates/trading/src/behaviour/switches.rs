//! What cancels by itself: a dead man's switch that runs out, a session that ends.

use std::time::Duration;

use domain::{SessionId, Side::Buy, Side::Sell};

use crate::behaviour::Venue;
use crate::behaviour::stage::{Stage, told};
use crate::{EntryError, OrderEntry};

const SECOND: u64 = 1_000_000;

pub(super) async fn a_switch_that_runs_out_cancels_only_its_users_orders<V: Venue>(venue: &V) {
    let stage = Stage::open(venue).await;
    let (alice, bob) = (stage.user(10, 1_000).await, stage.user(0, 1_000).await);
    let bid = stage.limits(alice, Buy, 2, 99).await;
    let ask = stage.limits(alice, Sell, 2, 105).await;
    let bobs = stage.limits(bob, Buy, 2, 98).await;
    let armed = stage.exchange().cancel_all_after(alice, 30 * SECOND).await;
    let end = armed
        .unwrap_or_else(|error| panic!("a switch is armed: {error}"))
        .expect("an armed switch has a moment");
    assert!(end.micros() >= venue.now().micros() + 30 * SECOND);
    venue.pass(Duration::from_secs(29)).await;
    assert_eq!(
        stage.stands(alice, &bid).await,
        "OPEN 0/2",
        "its moment has not come"
    );
    venue.pass(Duration::from_secs(2)).await;
    for order in [&bid, &ask] {
        assert_eq!(stage.stands(alice, order).await, "CANCELLED 0/2 dead_mans_switch");
    }
    assert_eq!(stage.stands(bob, &bobs).await, "OPEN 0/2");
    let later = stage.limits(alice, Buy, 2, 99).await;
    venue.pass(Duration::from_secs(60)).await;
    assert_eq!(stage.stands(alice, &later).await, "OPEN 0/2", "it fires once");
    stage.finish().await;
}

pub(super) async fn a_switch_can_be_renewed_and_disarmed<V: Venue>(venue: &V) {
    let stage = Stage::open(venue).await;
    let alice = stage.user(0, 1_000).await;
    let order = stage.limits(alice, Buy, 2, 99).await;
    let arm = |micros| stage.exchange().cancel_all_after(alice, micros);
    for _ in 0..3 {
        let armed = arm(30 * SECOND).await;
        assert!(matches!(armed, Ok(Some(_))), "{armed:?}");
        venue.pass(Duration::from_secs(20)).await;
    }
    assert_eq!(stage.stands(alice, &order).await, "OPEN 0/2", "renewed in time");
    assert_eq!(arm(0).await, Ok(None));
    assert_eq!(arm(0).await, Ok(None), "disarming what is not armed is no error");
    venue.pass(Duration::from_secs(3_600)).await;
    assert_eq!(stage.stands(alice, &order).await, "OPEN 0/2", "disarmed");
    for wrong in [1, SECOND - 1, 86_401 * SECOND, u64::MAX] {
        match arm(wrong).await {
            Err(EntryError::Invalid(error)) => assert_eq!(error.field, "timeout_ms"),
            other => panic!("{wrong} is no span for a switch: {other:?}"),
        }
    }
    stage.finish().await;
}

pub(super) async fn a_session_that_ends_cancels_only_its_users_orders<V: Venue>(venue: &V) {
    let stage = Stage::open(venue).await;
    let (alice, bob) = (stage.user(10, 1_000).await, stage.user(0, 1_000).await);
    let open = async |user| match stage.exchange().open_session(user).await {
        Ok(session) => session,
        Err(error) => panic!("a session is opened: {error}"),
    };
    let (first, second, bobs) = (open(alice).await, open(alice).await, open(bob).await);
    assert_ne!(first, second);
    let before = stage.limits(alice, Buy, 2, 99).await;
    let other = stage.limits(bob, Buy, 2, 98).await;
    assert_eq!(stage.exchange().close_session(first, false).await, Ok(()));
    assert_eq!(
        stage.stands(alice, &before).await,
        "OPEN 0/2",
        "closed without a cancel"
    );
    assert_eq!(stage.exchange().close_session(first, true).await, Ok(()));
    assert_eq!(
        stage.stands(alice, &before).await,
        "OPEN 0/2",
        "it is over already"
    );
    assert_eq!(stage.exchange().close_session(second, true).await, Ok(()));
    let ended = stage.look(alice, &before).await;
    assert_eq!(told(&ended), "CANCELLED 0/2 disconnected");
    assert_eq!(stage.stands(bob, &other).await, "OPEN 0/2");
    let unknown = SessionId::from_u128(7);
    assert_eq!(stage.exchange().close_session(unknown, true).await, Ok(()));
    assert_eq!(stage.exchange().close_session(bobs, true).await, Ok(()));
    assert_eq!(stage.stands(bob, &other).await, "CANCELLED 0/2 disconnected");
    stage.finish().await;
}
