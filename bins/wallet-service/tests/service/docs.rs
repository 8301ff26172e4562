//! The description against real answers: each field is described, and each described field is there.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{ALICE, BOB, Running, id, release, reserve, told, trade};

fn described(document: &Value, schema: &str) -> BTreeSet<String> {
    let properties = &document["components"]["schemas"][schema]["properties"];
    let properties = properties.as_object();
    properties
        .unwrap_or_else(|| panic!("there is no schema {schema}"))
        .keys()
        .cloned()
        .collect()
}

fn names(value: &Value) -> BTreeSet<String> {
    value.as_object().unwrap().keys().cloned().collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_answered_is_what_is_described() {
    let service = Running::fresh();
    let (status, document) = told(service.signed(Method::GET, "/openapi.json")).await;
    assert_eq!(status, 200);
    assert_eq!(document, serde_json::to_value(wallet_service::openapi()).unwrap());
    service.fund(ALICE, "USDT", "25000").await;
    service.fund(BOB, "BTC", "1").await;
    let transfer = json!({"key": "t", "user_id": ALICE, "asset": "ETH", "amount": "1"});
    for (path, body, request, answer) in [
        ("/deposits", transfer, "Transfer", "Receipt"),
        (
            "/reserve",
            reserve(ALICE, "USDT", "25000", 1),
            "Reserve",
            "Reserved",
        ),
        ("/reserve", reserve(BOB, "BTC", "0.5", 2), "Reserve", "Reserved"),
        ("/settle-trade", trade(7), "SettleTrade", "Settled"),
        ("/release", release(ALICE, "USDT", "1", 9), "Release", "Released"),
        (
            "/balances",
            json!({"user_ids": [ALICE]}),
            "BalancesOf",
            "Balances",
        ),
    ] {
        assert!(
            names(&body).is_subset(&described(&document, request)),
            "{request}"
        );
        let (status, told) = service.post(path, body).await;
        assert_eq!(status, 200, "{path}: {told}");
        assert_eq!(names(&told), described(&document, answer), "{path}: {told}");
    }
    let (_, page) = service.get(&format!("/{ALICE}/ledger")).await;
    assert_eq!(names(&page), described(&document, "Statement"));
    assert_eq!(names(&page["entries"][0]), described(&document, "LedgerEntry"));
    let (_, balances) = service.get(&format!("/{ALICE}/balances")).await;
    assert_eq!(names(&balances["balances"][0]), described(&document, "Balance"));
    let (_, problem) = service.post("/reserve", reserve(ALICE, "USDT", "1", 5)).await;
    assert!(
        names(&problem).is_subset(&described(&document, "Problem")),
        "{problem}"
    );
    let dear = json!({"reserve": {
        "order_id": id(6), "user_id": ALICE, "asset": "USDT", "receives_asset": "BTC", "amount": "1"
    }});
    let cheap = json!({"reserve": {
        "order_id": id(8), "user_id": ALICE, "asset": "BTC", "receives_asset": "USDT", "amount": "0.1"
    }});
    let list = json!({"shard": 0, "instructions": [dear, cheap]});
    assert_eq!(names(&list), described(&document, "Instructions"));
    let (_, results) = service.post("/instructions", list).await;
    assert_eq!(names(&results), described(&document, "InstructionResults"));
    assert!(names(&results["results"][0]).is_subset(&described(&document, "Refusal")));
    assert_eq!(
        names(&results["results"][1]),
        described(&document, "InstructionDone")
    );
    let (_, health) = told(service.bare(Method::GET, "/health")).await;
    assert_eq!(names(&health), described(&document, "Health"));
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
fn every_reference_leads_somewhere_and_operations_have_names_of_their_own() {
    let document = serde_json::to_value(wallet_service::openapi()).unwrap();
    let mut found = BTreeSet::new();
    references(&document, &mut found);
    assert!(found.len() > 10);
    for reference in &found {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
    }
    let mut ids = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let id = operation["operationId"].as_str().unwrap();
            assert!(ids.insert(id.to_owned()), "{id} names two operations");
            let open = operation.get("security") == Some(&json!([{}]));
            assert_eq!(
                open,
                path.starts_with("/health"),
                "{method} {path} {}",
                operation["security"]
            );
        }
    }
    for (schema, closed) in [
        ("Reserve", true),
        ("Release", true),
        ("SettleTrade", true),
        ("Settled", false),
    ] {
        let more = &document["components"]["schemas"][schema]["additionalProperties"];
        assert_eq!(*more == json!(false), closed, "{schema}");
    }
}
