//! Rates: what the default allows, and what a tier changes.

use std::time::Duration;

use serde_json::json;

use crate::support::{DEFAULT_RATE, Venue, limit_order};

/// How many placements in a row are taken before the first 429, of at most so many. They are cancelled afterwards.
async fn taken(venue: &Venue, who: &str, most: usize) -> usize {
    let mut count = 0;
    while count < most {
        let order = limit_order("BUY", "49000", "0.001");
        let answer = venue.post(who, "/api/v1/orders", order).await;
        if answer.status == 429 {
            assert_eq!(answer.body["code"], "rate_limited");
            assert_eq!(answer.header("retry-after"), "1");
            assert_eq!(answer.header("ratelimit-remaining"), "0");
            break;
        }
        assert_eq!(answer.status, 201, "{}", answer.text);
        count += 1;
    }
    assert_eq!(venue.delete(who, "/api/v1/orders").await.status, 200);
    count
}

/// What a bucket holds right after its rate has changed is left open here.
#[actix_web::test]
async fn ten_a_second_and_fifty_at_once_unless_a_tier_says_otherwise() {
    let venue = Venue::with_rate(DEFAULT_RATE).await;
    assert_eq!(taken(&venue, "alice", 100).await, 50);
    venue.pass(Duration::from_secs(1)).await;
    assert_eq!(taken(&venue, "alice", 100).await, 10);
    assert_eq!(
        taken(&venue, "bob", 100).await,
        50,
        "everybody has buckets of their own"
    );
    let tier = json!({"name": "market-makers", "orders_per_second": 80});
    assert_eq!(
        venue.post("operator", "/api/v1/admin/tiers", tier).await.status,
        200
    );
    let account = "/api/v1/admin/accounts/00000000-0000-0000-0000-000000000001";
    let answer = venue
        .put("operator", account, json!({"tier": "market-makers"}))
        .await;
    assert_eq!(
        (answer.status, &answer.body["tier"]),
        (200, &json!("market-makers"))
    );
    taken(&venue, "alice", 200).await;
    venue.pass(Duration::from_secs(1)).await;
    assert_eq!(
        taken(&venue, "alice", 200).await,
        80,
        "a second at the tier's rate"
    );
    venue.pass(Duration::from_secs(1)).await;
    assert_eq!(taken(&venue, "bob", 200).await, 20, "bob is in no tier");
    let slower = json!({"name": "market-makers", "orders_per_second": 5});
    assert_eq!(
        venue.post("operator", "/api/v1/admin/tiers", slower).await.status,
        200
    );
    taken(&venue, "alice", 200).await;
    venue.pass(Duration::from_secs(4)).await;
    assert_eq!(
        taken(&venue, "alice", 200).await,
        20,
        "four seconds at the changed rate"
    );
    assert_eq!(
        venue.put("operator", account, json!({"tier": null})).await.body["tier"],
        json!(null)
    );
    taken(&venue, "alice", 200).await;
    venue.pass(Duration::from_secs(1)).await;
    assert_eq!(taken(&venue, "alice", 200).await, 10, "out of the tier");
}

#[actix_web::test]
async fn who_ran_out_of_orders_can_still_leave() {
    let venue = Venue::with_rate(DEFAULT_RATE).await;
    let order = venue.place("alice", "BUY", "49000", "0.01").await;
    for _ in 0..49 {
        assert_eq!(venue.get("alice", "/api/v1/balances").await.status, 200);
    }
    let answer = venue
        .post("alice", "/api/v1/orders", limit_order("BUY", "49000", "0.01"))
        .await;
    assert_eq!(answer.status, 429);
    let path = format!("/api/v1/orders/{}", order.body["order_id"].as_str().unwrap());
    let answer = venue.delete("alice", &path).await;
    assert_eq!((answer.status, answer.header("ratelimit-remaining")), (200, "49"));
    let answer = venue.delete("alice", "/api/v1/orders").await;
    assert_eq!((answer.status, &answer.body["cancelled"]), (200, &json!(0)));
    let disarm = json!({"timeout_ms": 0});
    assert_eq!(
        venue
            .post("alice", "/api/v1/cancel-all-after", disarm)
            .await
            .status,
        200
    );
}

#[actix_web::test]
async fn tiers_and_accounts_that_do_not_fit_are_refused() {
    let venue = Venue::open().await;
    for (body, field) in [
        (json!({"name": "a b"}), "name"),
        (json!({"name": ""}), "name"),
        (json!({"orders_per_second": 1}), "name"),
        (json!({"name": "t", "orders_per_second": 0}), "orders_per_second"),
        (
            json!({"name": "t", "orders_per_second": 1_000_001}),
            "orders_per_second",
        ),
        (json!({"name": "t", "orders_per_second": -1}), "orders_per_second"),
        (json!({"name": "t", "maker_fee": "1"}), "maker_fee"),
        (json!({"name": "t", "taker_fee": "-0.1"}), "taker_fee"),
        (json!({"name": "t", "taker_fee": 0.1}), "taker_fee"),
        (json!({"name": "t", "colour": "red"}), "colour"),
    ] {
        let answer = venue.post("operator", "/api/v1/admin/tiers", body.clone()).await;
        assert_eq!(
            (answer.status, &answer.body["field"]),
            (400, &json!(field)),
            "{body}: {}",
            answer.text
        );
    }
    let account = "/api/v1/admin/accounts/00000000-0000-0000-0000-000000000001";
    let answer = venue.put("operator", account, json!({"tier": "nobodys"})).await;
    assert_eq!(
        (answer.status, &answer.body["code"]),
        (422, &json!("unknown_tier"))
    );
    let answer = venue
        .put("operator", "/api/v1/admin/accounts/alice", json!({"tier": null}))
        .await;
    assert_eq!((answer.status, &answer.body["field"]), (400, &json!("user_id")));
    assert_eq!(
        venue.get("operator", "/api/v1/admin/tiers").await.body,
        json!({"tiers": []})
    );
}
