//! Batches: answered item by item, in order, within their limits.

use serde_json::{Value, json};

use crate::support::{DEFAULT_RATE, Venue, limit_order};

const BATCH: &str = "/api/v1/orders/batch";

fn place(price: &str) -> Value {
    json!({"op": "place", "order": limit_order("BUY", price, "0.01")})
}

fn named(mut item: Value, name: &str) -> Value {
    item["order"]["client_order_id"] = json!(name);
    item
}

fn batch(items: impl IntoIterator<Item = Value>) -> Value {
    json!({"items": items.into_iter().collect::<Vec<_>>()})
}

/// The status of each item.
fn statuses(body: &Value) -> Vec<u64> {
    let results = body["results"].as_array().unwrap();
    results
        .iter()
        .map(|result| result["status"].as_u64().unwrap())
        .collect()
}

#[actix_web::test]
async fn fifty_items_are_taken_and_no_more() {
    let venue = Venue::open().await;
    let answer = venue
        .post("alice", BATCH, batch((0..50).map(|_| place("50000"))))
        .await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(statuses(&answer.body), vec![201; 50]);
    for count in [0, 51] {
        let answer = venue
            .post("alice", BATCH, batch((0..count).map(|_| place("50000"))))
            .await;
        assert_eq!(
            (answer.status, &answer.body["field"]),
            (400, &json!("items")),
            "{count}"
        );
    }
    let orders = venue.get("alice", "/api/v1/orders?status=open").await;
    assert_eq!(orders.body["orders"].as_array().unwrap().len(), 50);
}

#[actix_web::test]
async fn each_item_is_answered_in_its_place_as_it_would_be_alone() {
    let venue = Venue::open().await;
    venue.place("bob", "SELL", "50010", "0.01").await;
    let mut taker = place("50010");
    taker["order"]["side"] = json!("BUY");
    let unknown = json!("018bcfe5-6800-7000-8000-00000000002a");
    let items = [
        (place("50000"), 201, Value::Null),
        (place("0.001"), 400, json!("invalid_field")),
        (place("1"), 422, json!("notional_too_small")),
        (
            json!({"op": "cancel", "order_id": unknown}),
            404,
            json!("unknown_order"),
        ),
        (json!({"op": "cancel"}), 400, json!("invalid_field")),
        (
            json!({"op": "cancel", "order_id": unknown, "client_order_id": "a"}),
            400,
            json!("invalid_field"),
        ),
        (
            json!({"op": "amend", "client_order_id": "nobodys", "price": "1"}),
            404,
            json!("unknown_order"),
        ),
        (
            json!({"op": "amend", "order_id": unknown}),
            400,
            json!("invalid_field"),
        ),
        (taker, 201, Value::Null),
    ];
    let body = batch(items.iter().map(|(item, ..)| item.clone()));
    let answer = venue.post("alice", BATCH, body).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let results = answer.body["results"].as_array().unwrap();
    assert_eq!(results.len(), items.len());
    for ((item, status, code), result) in items.iter().zip(results) {
        assert_eq!(
            (&result["status"], &result["error"]["code"]),
            (&json!(status), code),
            "{item}"
        );
        assert_eq!(result.get("order").is_some(), *status == 201, "{item}");
    }
    assert_eq!(results[8]["order"]["status"], "FILLED");
}

#[actix_web::test]
async fn items_about_one_order_keep_their_order() {
    let venue = Venue::open().await;
    let mut items = Vec::new();
    for name in ["a", "b", "c", "d"] {
        items.extend([
            named(place("50000"), name),
            json!({"op": "amend", "client_order_id": name, "quantity": "0.02"}),
            json!({"op": "amend", "client_order_id": name, "price": "50001"}),
            json!({"op": "cancel", "client_order_id": name}),
            json!({"op": "cancel", "client_order_id": name}),
        ]);
    }
    let answer = venue.post("alice", BATCH, batch(items)).await;
    assert_eq!(
        statuses(&answer.body),
        [201, 200, 200, 200, 409].repeat(4),
        "{}",
        answer.text
    );
    for of_one in answer.body["results"].as_array().unwrap().chunks(5) {
        let cancelled = &of_one[3]["order"];
        assert_eq!(
            (&cancelled["status"], &cancelled["quantity"], &cancelled["price"]),
            (&json!("CANCELLED"), &json!("0.02"), &json!("50001"))
        );
    }
    let (available, reserved) = venue.balance("alice", "USDT").await;
    assert_eq!((available.as_str(), reserved.as_str()), ("1000000", "0"));
}

#[actix_web::test]
async fn what_is_no_item_makes_the_whole_batch_fail() {
    let venue = Venue::open().await;
    let order = limit_order("BUY", "50000", "0.01");
    for item in [
        json!({"op": "replace", "order": order}),
        json!({"op": "PLACE", "order": order}),
        json!({"order": order}),
        json!({"op": "place"}),
        json!({"op": "place", "order": order, "colour": "red"}),
        json!({"op": "place", "order": {"symbol": "BTC/USDT"}}),
        json!({"op": "cancel", "order_id": 7}),
        json!({"op": "cancel", "client_order_id": "a", "price": "1"}),
        json!({"op": "amend", "client_order_id": "a", "price": 1}),
        json!("place"),
        json!(null),
    ] {
        let answer = venue
            .post("alice", BATCH, batch([place("50000"), item.clone()]))
            .await;
        assert_eq!(answer.status, 400, "{item}: {}", answer.text);
    }
    for body in [
        json!({}),
        json!([]),
        json!({"items": {}}),
        json!({"items": [], "all": true}),
    ] {
        assert_eq!(
            venue.post("alice", BATCH, body.clone()).await.status,
            400,
            "{body}"
        );
    }
    let orders = venue.get("alice", "/api/v1/orders").await;
    assert_eq!(orders.body["orders"], json!([]), "nothing of them happened");
}

#[actix_web::test]
async fn placements_and_cancels_cost_their_own_buckets() {
    let venue = Venue::with_rate(DEFAULT_RATE).await;
    let cancels =
        |count: usize| (0..count).map(|n| json!({"op": "cancel", "client_order_id": format!("c{n}")}));
    // 20 of 50 in one bucket, 30 of 50 in the other.
    let mixed = batch((0..20).map(|_| place("50000")).chain(cancels(30)));
    let answer = venue.post("alice", BATCH, mixed.clone()).await;
    assert_eq!((answer.status, answer.header("ratelimit-remaining")), (200, "30"));
    let answer = venue.post("alice", BATCH, mixed).await;
    assert_eq!(
        (answer.status, &answer.body["code"]),
        (429, &json!("rate_limited")),
        "cancels ran out"
    );
    let answer = venue.post("alice", BATCH, batch(cancels(20))).await;
    assert_eq!((answer.status, answer.header("ratelimit-remaining")), (200, "0"));
    let answer = venue
        .post("alice", BATCH, batch((0..30).map(|_| place("50000"))))
        .await;
    assert_eq!(
        answer.status, 200,
        "a batch that was refused for its cancels took no orders"
    );
    let answer = venue.post("alice", BATCH, batch([place("50000")])).await;
    assert_eq!((answer.status, answer.header("retry-after")), (429, "1"));
}

#[actix_web::test]
async fn a_body_up_to_the_limit_of_the_settings_is_read() {
    let mut venue = Venue::open().await;
    let padded = |bytes: usize| {
        let mut text = batch([place("50000")]).to_string();
        text.push_str(&" ".repeat(bytes - text.len()));
        text
    };
    for limit in [64 * 1024, 20 * 1024, 100 * 1024] {
        venue.state.batch_bytes = limit;
        for (bytes, status) in [(limit, 200), (limit + 1, 413)] {
            let request = crate::support::post("alice", BATCH, &Value::Null).set_payload(padded(bytes));
            assert_eq!(venue.send(request).await.status, status, "{bytes}");
        }
    }
}
