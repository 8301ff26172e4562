//! Many instructions in one request: answered one by one, as each alone would have been.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{ALICE, BOB, Running, id, release, reserve, told, trade};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_item_of_a_batch_is_answered_as_it_alone_would_have_been() {
    let service = Running::fresh();
    service.fund(ALICE, "USDT", "30000").await;
    service.fund(BOB, "BTC", "1").await;
    let mut same = reserve(ALICE, "USDT", "1", 4);
    same["receives_asset"] = "USDT".into();
    let items = [
        reserve(ALICE, "USDT", "25000", 1),
        reserve(ALICE, "USDT", "25000", 2),
        same,
        reserve(BOB, "BTC", "0.5", 3),
        reserve(ALICE, "USDT", "25000", 1),
        reserve(ALICE, "USDT", "1", 1),
    ];
    let (status, answer) = service.post("/reserve/batch", json!({ "items": items })).await;
    assert_eq!(status, 200, "{answer}");
    let results = answer["results"].as_array().unwrap();
    let told: Vec<(u64, &str)> = results
        .iter()
        .map(|result| {
            (
                result["status"].as_u64().unwrap(),
                result["code"].as_str().unwrap_or("done"),
            )
        })
        .collect();
    let expected = [
        (200, "done"),
        (400, "INSUFFICIENT_BALANCE"),
        (422, "INVALID_INSTRUCTION"),
        (200, "done"),
        (200, "done"),
        (409, "KEY_CONFLICT"),
    ];
    assert_eq!(told, expected, "{answer}");
    assert_eq!(results[4], results[0]);
    let done = json!({
        "status": 200, "success": true, "reservation_id": results[0]["reservation_id"],
        "available_balance": "5000.00", "reserved_balance": "25000.00"
    });
    assert_eq!(results[0], done);
    assert_eq!(results[1]["balance"]["available_balance"], "5000.00");
    assert_eq!(results[2]["field"], "receives_asset");
    let (_, answer) = service
        .post(
            "/settle-trade/batch",
            json!({ "items": [trade(7), trade(8), trade(7)] }),
        )
        .await;
    let results = answer["results"].as_array().unwrap();
    assert_eq!(results[0]["buyer_balances"]["BTC"]["available"], "0.4995");
    assert_eq!(
        (&results[1]["status"], &results[1]["code"]),
        (&409.into(), &"NOT_RESERVED".into())
    );
    assert_eq!(results[2], results[0]);
    let items = [release(ALICE, "USDT", "1", 9), release(ALICE, "USDT", "1", 3)];
    let (_, answer) = service.post("/release/batch", json!({ "items": items })).await;
    assert_eq!(answer["results"][0]["success"], true);
    assert_eq!(answer["results"][1]["code"], "NOT_RESERVED");
    let merge =
        json!({"request_id": id(5), "order_id": id(1), "user_id": ALICE, "asset": "USDT", "amount": "1"});
    let (_, answer) = service.post("/merge/batch", json!({ "items": [merge] })).await;
    assert_eq!(answer["results"][0]["code"], "NOT_RESERVED");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_of_another_shape_is_refused_whole() {
    let service = Running::fresh();
    service.fund(ALICE, "USDT", "100").await;
    let mut bad = reserve(ALICE, "USDT", "1", 2);
    bad["amount"] = json!(1);
    let good = reserve(ALICE, "USDT", "1", 1);
    for (items, field) in [
        (json!([good, bad]), "items[1].amount"),
        (json!([]), "items"),
        (json!(vec![&good; 1_001]), "items"),
        (json!({}), "items"),
    ] {
        let (status, answer) = service.post("/reserve/batch", json!({ "items": items })).await;
        assert_eq!((status, answer["field"].as_str()), (400, Some(field)), "{answer}");
    }
    assert_eq!(service.has(ALICE, "USDT").await, ("100.00".into(), "0.00".into()));
}

fn reserve_instruction(order: u32, amount: &str) -> Value {
    json!({"reserve": {
        "order_id": id(order), "user_id": ALICE, "asset": "USDT", "receives_asset": "BTC", "amount": amount
    }})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_of_all_kinds_is_done_in_its_order() {
    let service = Running::fresh();
    service.fund(ALICE, "USDT", "100").await;
    service.fund(BOB, "BTC", "1").await;
    let sell = json!({"reserve": {
        "order_id": id(2), "request_id": null, "user_id": BOB, "asset": "BTC", "receives_asset": "USDT", "amount": "1"
    }});
    let party =
        |user: &str, order: u32| json!({"user_id": user, "order_id": id(order), "fee": "0", "release": "0"});
    let settle = json!({"settle": {
        "trade_id": id(7), "base_asset": "BTC", "quote_asset": "USDT", "base_amount": "1", "quote_amount": "90",
        "buyer": party(ALICE, 1), "seller": party(BOB, 2)
    }});
    let release = json!({"release": {
        "order_id": id(1), "user_id": ALICE, "number": 1, "asset": "USDT", "amount": "10", "last": true
    }});
    let list = json!({
        "shard": 3, "instructions": [reserve_instruction(1, "100"), reserve_instruction(9, "1"), sell, settle, release]
    });
    let (status, answer) = service.post("/instructions", list.clone()).await;
    assert_eq!(status, 200, "{answer}");
    let results = answer["results"].as_array().unwrap();
    let statuses: Vec<u64> = results
        .iter()
        .map(|result| result["status"].as_u64().unwrap())
        .collect();
    assert_eq!(statuses, [200, 400, 200, 200, 200], "{answer}");
    assert_eq!(results[3]["balances"].as_array().unwrap().len(), 4);
    assert_eq!(results[3]["balances"][0]["available_balance"], "1.00");
    assert_eq!(results[4]["balances"][0]["available_balance"], "10.00");
    assert_eq!(service.post("/instructions", list).await, (200, answer));
    let itself = json!({"settle": {
        "trade_id": id(8), "base_asset": "BTC", "quote_asset": "BTC", "base_amount": "1", "quote_amount": "1",
        "buyer": party(ALICE, 1), "seller": party(BOB, 2)
    }});
    let (status, answer) = service
        .post("/instructions", json!({"shard": 0, "instructions": [itself]}))
        .await;
    assert_eq!(
        (status, answer["field"].as_str()),
        (422, Some("quote_asset")),
        "{answer}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_have_room_for_a_thousand_and_not_for_more() {
    let service = Running::fresh();
    service.fund(ALICE, "USDT", "1000").await;
    let all: Vec<Value> = (0..1_000).map(|order| reserve_instruction(order, "1")).collect();
    let (status, answer) = service
        .post("/instructions", json!({"shard": 0, "instructions": all}))
        .await;
    assert_eq!(
        (status, answer["results"].as_array().map(Vec::len)),
        (200, Some(1_000))
    );
    let more: Vec<Value> = (0..1_001).map(|order| reserve_instruction(order, "1")).collect();
    for (list, field) in [(more, "instructions"), (Vec::new(), "instructions")] {
        let (status, answer) = service
            .post("/instructions", json!({"shard": 0, "instructions": list}))
            .await;
        assert_eq!((status, answer["field"].as_str()), (400, Some(field)));
    }
    for (body, field) in [
        (json!({"instructions": [reserve_instruction(1, "1")]}), "shard"),
        (
            json!({"shard": 0, "instructions": [{"gift": {}}]}),
            "instructions[0]",
        ),
        (json!({"shard": 0, "instructions": [{"reserve": {"x": 1}}]}), "x"),
    ] {
        let (status, answer) = service.post("/instructions", body.clone()).await;
        assert_eq!(status, 400, "{body}");
        assert!(
            answer["field"].as_str().is_some_and(|at| at.contains(field)),
            "{answer}"
        );
    }
    for (path, bytes) in [("/instructions", 1024 * 1024 + 1), ("/reserve", 16 * 1024 + 1)] {
        let request = service.signed(Method::POST, &format!("/api/v1/wallets{path}"));
        let request = request
            .header("content-type", "application/json")
            .body(" ".repeat(bytes));
        assert_eq!(told(request).await.0, 413, "{path}");
    }
}
