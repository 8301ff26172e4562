//! Whose things one may touch: rights, other users' orders, other users' lists.

use actix_web::test::TestRequest;
use serde_json::{Value, json};

use crate::support::{Signer, Venue, by, limit_order};

const ALICE: &str = "00000000-0000-0000-0000-000000000001";
const BOB: &str = "00000000-0000-0000-0000-000000000002";
const RANDOM: &str = "018bcfe5-6800-7000-8000-00000000002a";

#[actix_web::test]
async fn security_06_a_read_only_key_or_token_places_nothing() {
    let venue = Venue::open().await;
    let signer = Signer::ed25519();
    let key = json!({
        "user_id": ALICE, "algorithm": "ED25519", "scopes": ["read"], "public_key": signer.public_key()
    });
    let made = venue.post("operator", "/api/v1/admin/api-keys", key).await;
    let id = made.body["key_id"].as_str().unwrap();
    let order = limit_order("BUY", "50000", "0.01");
    let now_ms = venue.clock.wall_us() / 1_000;
    let signed = signer.request(id, now_ms, "POST", "/api/v1/orders", &order.to_string());
    let by_key = venue.send(signed).await;
    let by_token = venue.post("reader", "/api/v1/orders", order.clone()).await;
    for answer in [by_key, by_token] {
        assert_eq!((answer.status, &answer.body["code"]), (403, &json!("forbidden")));
    }
    let batch = json!({"items": [{"op": "place", "order": order}]});
    assert_eq!(
        venue.post("reader", "/api/v1/orders/batch", batch).await.status,
        403
    );
    assert_eq!(venue.delete("reader", "/api/v1/orders").await.status, 403);
    let orders = venue.get("reader", "/api/v1/orders").await;
    assert_eq!((orders.status, &orders.body["orders"]), (200, &json!([])));
    assert_eq!(
        venue.balance("alice", "USDT").await,
        ("1000000".to_owned(), "0".to_owned())
    );
}

#[actix_web::test]
async fn security_07_somebody_elses_order_is_byte_for_byte_no_order() {
    let venue = Venue::open().await;
    let mut named = limit_order("BUY", "49000", "0.01");
    named["client_order_id"] = json!("mine");
    let placed = venue.post("alice", "/api/v1/orders", named).await;
    let id = placed.body["order_id"].as_str().unwrap();
    let mut bodies = Vec::new();
    for path in [
        format!("/api/v1/orders/{id}"),
        format!("/api/v1/orders/{RANDOM}"),
        "/api/v1/orders/by-client-id/mine".to_owned(),
        "/api/v1/orders/by-client-id/nobodys".to_owned(),
    ] {
        for answer in [
            venue.get("bob", &path).await,
            venue.delete("bob", &path).await,
            venue.patch("bob", &path, json!({"quantity": "0.02"})).await,
        ] {
            assert_eq!(answer.status, 404, "{path}");
            bodies.push(answer.text);
        }
    }
    let items = json!({"items": [
        {"op": "cancel", "order_id": id}, {"op": "cancel", "order_id": RANDOM},
        {"op": "amend", "order_id": id, "price": "1"}, {"op": "cancel", "client_order_id": "mine"}
    ]});
    let batch = venue.post("bob", "/api/v1/orders/batch", items).await;
    let results = batch.body["results"].as_array().unwrap();
    assert!(
        results.iter().all(|result| *result == results[0]),
        "{}",
        batch.text
    );
    assert_eq!(results[0]["status"], 404);
    assert!(bodies.iter().all(|body| *body == bodies[0]), "{bodies:?}");
    assert_eq!(
        venue.delete("bob", "/api/v1/orders").await.body,
        json!({"cancelled": 0})
    );
    let found = venue.get("alice", &format!("/api/v1/orders/{id}")).await;
    assert_eq!(found.body, placed.body, "nothing has changed");
}

#[actix_web::test]
async fn security_08_lists_show_ones_own_whoever_is_named() {
    let venue = Venue::open().await;
    venue.place("alice", "BUY", "49000", "0.01").await;
    venue.place("bob", "SELL", "49000", "0.005").await;
    for list in ["orders", "trades", "ledger"] {
        for query in [format!("user_id={ALICE}"), format!("account={ALICE}")] {
            let answer = venue.get("bob", &format!("/api/v1/{list}?{query}")).await;
            assert_eq!(answer.status, 400, "{list}?{query}");
        }
        let answer = venue.get("bob", &format!("/api/v1/{list}")).await;
        assert!(!answer.text.contains(ALICE), "{list}: {}", answer.text);
    }
    // What stands in a body of a GET counts for nothing.
    let body = json!({"user_id": ALICE});
    let answer = venue
        .send(by(
            "bob",
            TestRequest::get().uri("/api/v1/orders").set_json(&body),
        ))
        .await;
    let orders = answer.body["orders"].as_array().unwrap();
    assert_eq!(
        (answer.status, orders.len(), &orders[0]["user_id"]),
        (200, 1, &json!(BOB))
    );
    let balances = venue
        .get("bob", &format!("/api/v1/balances?user_id={ALICE}"))
        .await;
    assert_eq!(balances.body, venue.get("bob", "/api/v1/balances").await.body);
    let request = TestRequest::delete().uri("/api/v1/orders");
    let answer = venue.send(by("bob", request.set_json(&body))).await;
    assert_eq!(answer.status, 400);
    let mut order = limit_order("BUY", "50000", "0.01");
    order["user_id"] = json!(ALICE);
    let answer = venue.post("bob", "/api/v1/orders", order).await;
    assert_eq!(
        (answer.status, &answer.body["field"]),
        (400, &json!("user_id")),
        "{}",
        answer.text
    );
    let order = venue.get("alice", "/api/v1/orders").await.body["orders"][0]["status"].clone();
    assert_eq!(order, "PARTIALLY_FILLED");
}

#[actix_web::test]
async fn security_09_fields_that_are_not_the_callers_to_set_are_refused() {
    let venue = Venue::open().await;
    let foreign = [
        ("status", json!("FILLED")),
        ("filled", json!("1")),
        ("filled_quantity", json!("1")),
        ("user_id", json!(BOB)),
        ("institution_id", json!(BOB)),
        ("fee_rate", json!("0")),
        ("fee", json!("0")),
        ("maker_fee", json!("0")),
        ("order_id", json!(RANDOM)),
        ("created_at", json!("2020-01-01T00:00:00Z")),
        ("__proto__", json!({})),
    ];
    let placed = venue.place("alice", "BUY", "48000", "0.01").await;
    let path = format!("/api/v1/orders/{}", placed.body["order_id"].as_str().unwrap());
    for (name, value) in &foreign {
        let mut order = limit_order("BUY", "49000", "0.01");
        order[name] = value.clone();
        let mut change = json!({"quantity": "0.02"});
        change[name] = value.clone();
        for answer in [
            venue.post("alice", "/api/v1/orders", order.clone()).await,
            venue.patch("alice", &path, change).await,
        ] {
            assert_eq!(
                (answer.status, &answer.body["field"]),
                (400, &json!(name)),
                "{}",
                answer.text
            );
        }
        let batch = json!({"items": [{"op": "place", "order": order}]});
        assert_eq!(
            venue.post("alice", "/api/v1/orders/batch", batch).await.status,
            400,
            "{name}"
        );
    }
    let orders = venue.get("alice", "/api/v1/orders").await;
    assert_eq!(orders.body["orders"], Value::Array(vec![placed.body]));
}
