//! The dead man's switch over REST.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::Venue;

const SWITCH: &str = "/api/v1/cancel-all-after";

#[actix_web::test]
async fn only_0_and_a_second_to_a_day_are_taken() {
    let venue = Venue::open().await;
    let cancel_at = |body: &Value| body["cancel_at"].as_str().map(str::to_owned);
    for (timeout, status, at) in [
        (json!(0), 200, None),
        (json!(1_000), 200, Some("2027-01-15T08:00:01.000000Z")),
        (json!(86_400_000), 200, Some("2027-01-16T08:00:00.000000Z")),
        (json!(1), 400, None),
        (json!(999), 400, None),
        (json!(86_400_001), 400, None),
        (json!(u64::MAX), 400, None),
        (json!(-1), 400, None),
        (json!("1000"), 400, None),
        (json!(1000.5), 400, None),
        (json!(null), 400, None),
    ] {
        let answer = venue.post("alice", SWITCH, json!({"timeout_ms": timeout})).await;
        assert_eq!(answer.status, status, "{timeout}: {}", answer.text);
        assert_eq!(cancel_at(&answer.body).as_deref(), at, "{timeout}");
        if status == 400 {
            assert_eq!(answer.body["field"], "timeout_ms", "{timeout}");
        }
    }
    assert_eq!(venue.post("alice", SWITCH, json!({})).await.status, 400);
    assert_eq!(
        venue
            .post("reader", SWITCH, json!({"timeout_ms": 0}))
            .await
            .status,
        403
    );
}

/// How many of the user's orders are live.
async fn live(venue: &Venue, who: &str) -> usize {
    let answer = venue.get(who, "/api/v1/orders?status=open").await;
    answer.body["orders"].as_array().unwrap().len()
}

/// Waits until so many of the user's orders are live.
async fn until_live(venue: &Venue, who: &str, count: usize) {
    for _ in 0..10_000 {
        if live(venue, who).await == count {
            return;
        }
    }
    panic!("waited in vain for {count} live orders of {who}");
}

#[actix_web::test]
async fn when_it_runs_out_all_orders_of_its_user_are_cancelled() {
    let venue = Venue::open().await;
    for who in ["alice", "bob"] {
        venue.place(who, "BUY", "49000", "0.01").await;
        venue.place(who, "SELL", "51000", "0.01").await;
    }
    venue.post("alice", SWITCH, json!({"timeout_ms": 5_000})).await;
    venue.pass(Duration::from_secs(4)).await;
    assert_eq!(live(&venue, "alice").await, 2);
    // Renewed in time.
    venue.post("alice", SWITCH, json!({"timeout_ms": 5_000})).await;
    venue.pass(Duration::from_secs(4)).await;
    assert_eq!(live(&venue, "alice").await, 2);
    venue.pass(Duration::from_secs(2)).await;
    until_live(&venue, "alice", 0).await;
    assert_eq!(live(&venue, "bob").await, 2, "others keep theirs");
    assert_eq!(venue.balance("alice", "USDT").await.1, "0");
}

#[actix_web::test]
async fn a_disarmed_switch_does_nothing() {
    let venue = Venue::open().await;
    venue.place("alice", "BUY", "49000", "0.01").await;
    venue.post("alice", SWITCH, json!({"timeout_ms": 1_000})).await;
    let answer = venue.post("alice", SWITCH, json!({"timeout_ms": 0})).await;
    assert_eq!(answer.body, json!({"cancel_at": null}));
    venue.pass(Duration::from_secs(50)).await;
    // A command after the moment: due switches would have run before it.
    venue.place("bob", "BUY", "48000", "0.01").await;
    assert_eq!(live(&venue, "alice").await, 1);
}
