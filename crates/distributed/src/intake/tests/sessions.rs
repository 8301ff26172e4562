//! Sessions: what cancels a user's orders when a connection ends, whatever others think of its gateway.

use std::sync::Arc;

use domain::{CancelReason, Side};
use trading::{EntryError, Placed};

use super::house::{House, limit};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_live_as_long_as_their_gateway_and_are_bounded() {
    let house = House::open().await;
    let alice = house.user(1, 0, 0).await;
    house.intake.open_session(alice).await.unwrap();
    house
        .sql
        .batch_execute("UPDATE sessions SET alive_until = now() + interval '1 second'")
        .await
        .unwrap();
    Arc::clone(&house.intake).keep_sessions().await;
    let kept = "SELECT count(*) FROM sessions WHERE alive_until > now() + interval '5 seconds'";
    assert_eq!(house.count(kept).await, 1);
    for _ in 1..100 {
        house.intake.open_session(alice).await.unwrap();
    }
    match house.intake.open_session(alice).await {
        Err(EntryError::Invalid(error)) => assert_eq!(error.field, "cancel_on_disconnect"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_others_have_ended_still_cancels_when_its_connection_ends() {
    let house = House::open().await;
    let alice = house.user(1, 1_000, 0).await;
    let (told, again) = (
        house.intake.open_session(alice).await.unwrap(),
        house.intake.open_session(alice).await.unwrap(),
    );
    // This gateway was taken for dead, and the orders that were there then were cancelled.
    house.sql.batch_execute("DELETE FROM sessions").await.unwrap();
    let placed = house.intake.place(alice, limit(Side::Buy, 1, 100)).await;
    let Ok(Placed::New(order)) = placed else {
        panic!("{placed:?}")
    };
    house.intake.close_session(told, true).await.unwrap();
    assert_eq!(
        house.row(alice, order.order_id).await.state.reason_code(),
        Some(CancelReason::Disconnected.code())
    );
    Arc::clone(&house.intake).keep_sessions().await;
    let sessions = "SELECT count(*) FROM sessions WHERE alive_until > now() + interval '5 seconds'";
    assert_eq!(house.count(sessions).await, 1, "the other one is made again");
    house.intake.close_session(again, false).await.unwrap();
    Arc::clone(&house.intake).keep_sessions().await;
    assert_eq!(house.count("SELECT count(*) FROM sessions").await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_are_renewed_at_every_turn() {
    let house = House::open().await;
    let alice = house.user(1, 0, 0).await;
    house.intake.open_session(alice).await.unwrap();
    let young = "UPDATE sessions SET alive_until = now() + interval '9 seconds';
        CREATE TEMPORARY TABLE before AS SELECT alive_until FROM sessions";
    house.sql.batch_execute(young).await.unwrap();
    Arc::clone(&house.intake).keep_sessions().await;
    let renewed = "SELECT count(*) FROM sessions s, before b WHERE s.alive_until > b.alive_until";
    assert_eq!(house.count(renewed).await, 1);
}
