//! The schemas of the description against real answers: each field is described, and each described field is there.

use std::collections::BTreeSet;

use actix_web::test::TestRequest;
use api::openapi;
use serde_json::{Value, json};

use crate::support::{Signer, Venue, by};

/// The names that a schema has.
fn described(document: &Value, schema: &str) -> BTreeSet<String> {
    let properties = &document["components"]["schemas"][schema]["properties"];
    let properties = properties
        .as_object()
        .unwrap_or_else(|| panic!("there is no schema {schema}"));
    properties.keys().cloned().collect()
}

fn names(value: &Value) -> BTreeSet<String> {
    value.as_object().unwrap().keys().cloned().collect()
}

#[actix_web::test]
async fn what_is_answered_is_what_is_described() {
    let mut venue = Venue::open().await;
    // With the fields that come only then.
    venue.state.demo = true;
    let document = openapi("1.2.3");
    venue.place("bob", "SELL", "50000", "0.01").await;
    let order = venue.place("alice", "BUY", "50000", "0.02").await;
    let user = "00000000-0000-0000-0000-000000000001";
    let key = json!({
        "user_id": user, "algorithm": "ED25519", "scopes": ["read"], "public_key": Signer::ed25519().public_key()
    });
    let transfer = json!({"key": "d-1", "user_id": user, "asset": "USDT", "amount": "1"});
    let armed = json!({"timeout_ms": 0});
    let items = json!({"items": [{"op": "cancel", "client_order_id": "a"}]});
    let state = json!({"state": "open"});
    let posted = [
        (
            "DefineTier",
            "/api/v1/admin/tiers",
            json!({"name": "vip"}),
            "Tier",
        ),
        ("Transfer", "/api/v1/admin/deposits", transfer, "Receipt"),
        ("MakeApiKey", "/api/v1/admin/api-keys", key, "MadeApiKey"),
        ("CancelAllAfter", "/api/v1/cancel-all-after", armed, "Armed"),
        ("Batch", "/api/v1/orders/batch", items, "BatchResults"),
        (
            "CancelSelected",
            "/api/v1/admin/orders/cancel",
            json!({"user_id": user}),
            "Cancelled",
        ),
    ];
    assert_eq!(names(&order.body), described(&document, "Order"));
    let ticket = TestRequest::post().uri("/api/v1/ws-ticket");
    let ticket = venue.send(by("alice", ticket)).await;
    assert_eq!(
        (ticket.status, names(&ticket.body)),
        (201, described(&document, "Ticket"))
    );
    for (request, path, body, schema) in posted {
        assert!(
            names(&body).is_subset(&described(&document, request)),
            "{request}"
        );
        let who = if path.contains("admin") {
            "operator"
        } else {
            "alice"
        };
        let answer = venue.post(who, path, body).await;
        assert_eq!(
            names(&answer.body),
            described(&document, schema),
            "{path}: {}",
            answer.text
        );
    }
    let answer = venue
        .put("operator", "/api/v1/admin/markets/BTC-USDT/state", state)
        .await;
    assert_eq!(names(&answer.body), described(&document, "MarketStateSet"));
    for (path, list, of_page, of_one) in [
        ("/api/v1/orders", "orders", "Orders", "Order"),
        ("/api/v1/trades", "trades", "OwnTrades", "OwnTrade"),
        ("/api/v1/ledger", "entries", "Ledger", "LedgerEntry"),
        ("/api/v1/balances", "balances", "Balances", "Balance"),
        ("/api/v1/markets", "markets", "Markets", "Market"),
        ("/api/v1/markets/BTC-USDT/trades", "trades", "Trades", "Trade"),
        ("/api/v1/markets/BTC-USDT/candles", "candles", "Candles", "Candle"),
        ("/api/v1/admin/tiers", "tiers", "Tiers", "Tier"),
        (
            &format!("/api/v1/admin/api-keys?user_id={user}"),
            "api_keys",
            "ApiKeys",
            "ApiKey",
        ),
        (
            &format!("/api/v1/admin/accounts/{user}"),
            "balances",
            "Account",
            "Balance",
        ),
    ] {
        let who = if path.contains("admin") {
            "operator"
        } else {
            "alice"
        };
        let answer = venue.get(who, path).await;
        assert_eq!(
            names(&answer.body),
            described(&document, of_page),
            "{path}: {}",
            answer.text
        );
        assert_eq!(
            names(&answer.body[list][0]),
            described(&document, of_one),
            "{path}"
        );
    }
    for (path, schema) in [
        ("/api/v1/markets/BTC-USDT", "Market"),
        ("/api/v1/markets/BTC-USDT/depth", "Depth"),
        ("/api/v1/markets/BTC-USDT/ticker", "Ticker"),
        ("/api/v1/status", "Status"),
        ("/health", "Alive"),
        ("/health/ready", "Readiness"),
    ] {
        let answer = venue.get("nobody", path).await;
        assert_eq!(names(&answer.body), described(&document, schema), "{path}");
    }
}

/// Every reference in a value.
fn references(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                match member {
                    Value::String(text) if name == "$ref" => {
                        found.insert(text.clone());
                    }
                    member => references(member, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        _ => {}
    }
}

#[test]
fn every_reference_leads_somewhere_and_every_schema_is_used() {
    let document = openapi("1.2.3");
    let mut found = BTreeSet::new();
    references(&document, &mut found);
    for reference in &found {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
    }
    for schema in document["components"]["schemas"].as_object().unwrap().keys() {
        let reference = format!("#/components/schemas/{schema}");
        assert!(found.contains(&reference), "{schema} is not used");
    }
    let mut ids = BTreeSet::new();
    for item in document["paths"].as_object().unwrap().values() {
        for operation in item.as_object().unwrap().values() {
            let id = operation["operationId"].as_str().unwrap();
            assert!(ids.insert(id.to_owned()), "{id} names two operations");
        }
    }
}
