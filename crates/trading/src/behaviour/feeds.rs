//! Feeds: every event of what was answered, in order; and no silent loss.

use std::sync::Arc;

use domain::{Event, OrderRef, Side::Buy, Side::Sell};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};

use crate::behaviour::Venue;
use crate::behaviour::stage::{PATIENCE, Stage};
use crate::{Feeds, OrderEntry, Queries, Update};

/// An event in one word.
const fn word(event: &Event) -> &'static str {
    match event {
        Event::MarketDefined(_) => "defined",
        Event::MarketStateChanged(_) => "state",
        Event::OrderAccepted(_) => "accepted",
        Event::OrderTriggered { .. } => "triggered",
        Event::Trade(_) => "trade",
        Event::OrderPrevented { .. } => "prevented",
        Event::OrderAmended(_) => "amended",
        Event::OrderClosed(_) => "closed",
        Event::Level { .. } => "level",
    }
}

pub(super) async fn events_of_what_was_answered_arrive_in_order<V: Venue>(venue: &V) {
    let stage = Stage::open(venue).await;
    let mut updates = stage.exchange().updates();
    // What came before may still be told; callers pass over it by its number.
    let before = stage
        .exchange()
        .depth(stage.number(), 1)
        .await
        .expect("the depth is told")
        .seq;
    let (alice, bob) = (stage.user(0, 1_000).await, stage.user(5, 0).await);
    stage.limits(alice, Buy, 5, 100).await;
    stage.limits(bob, Sell, 2, 100).await;
    let mut told = Vec::new();
    let mut last = before;
    let mut owners_last = before;
    while told.len() < 6 || owners_last < last {
        let next = tokio::time::timeout(PATIENCE, updates.recv()).await;
        let update = next
            .expect("events of what was answered arrive")
            .expect("the exchange runs");
        let ours = update
            .events
            .iter()
            .filter(|event| event.market == stage.number());
        for event in ours.filter(|event| event.seq > before) {
            if update.audience.is_public() {
                assert_eq!(event.seq, last + 1, "no gap, no repeat");
                last = event.seq;
                told.push(word(&event.event));
            }
            if update.audience.is_for_owners() {
                assert_eq!(event.seq, owners_last + 1, "no gap, no repeat for owners");
                owners_last = event.seq;
                assert!(
                    owners_last <= last,
                    "owners never hear of it before everybody does"
                );
            }
        }
    }
    assert_eq!(told[..4], ["accepted", "level", "accepted", "trade"]);
    let mut rest = told[4..].to_vec();
    rest.sort_unstable();
    assert_eq!(
        rest,
        ["closed", "level"],
        "the seller's order ends and the level shrinks"
    );
    stage.finish().await;
}

/// Whether the receiver has lost events, and was told so; before the first round it cannot have.
fn slow_has_lost(slow: &mut Receiver<Arc<Update>>, rounds: usize) -> bool {
    rounds > 0 && matches!(slow.try_recv(), Err(TryRecvError::Lagged(missed)) if missed > 0)
}

pub(super) async fn a_receiver_that_falls_behind_is_told<V: Venue>(venue: &V) {
    let stage = Stage::open(venue).await;
    let mut slow = stage.exchange().updates();
    let alice = stage.user(0, 1_000).await;
    // A receiver that never looks is cut off at some bound. Each answer is a batch of its own, at least.
    let mut rounds = 0;
    while !slow_has_lost(&mut slow, rounds) {
        rounds += 1;
        assert!(
            rounds <= 8,
            "a receiver that never looks falls behind at some point"
        );
        slow = stage.exchange().updates();
        for _ in 0..100 << rounds {
            let order = stage.limits(alice, Buy, 5, 100).await;
            let cancelled = stage.exchange().cancel(alice, OrderRef::Id(order.order_id)).await;
            assert!(cancelled.is_ok(), "{cancelled:?}");
        }
    }
    // What owners are told comes later, and may push out more.
    let kept = async {
        loop {
            match slow.recv().await {
                Err(RecvError::Lagged(_)) => {}
                next => break next,
            }
        }
    };
    let next = tokio::time::timeout(PATIENCE, kept).await;
    assert!(
        matches!(next, Ok(Ok(_))),
        "once told, it goes on with what is kept: {next:?}"
    );
    stage.finish().await;
}
