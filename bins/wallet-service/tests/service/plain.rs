//! The requests of callers who know nothing but an order, word for word, and what they are answered.

use serde_json::json;

use crate::support::{ALICE, BOB, Running, id, release, reserve, trade};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reserve_and_release_answer_as_they_are_documented() {
    let service = Running::fresh();
    service.fund(ALICE, "USDT", "5000").await;
    let (status, answer) = service
        .post("/reserve", reserve(ALICE, "USDT", "1000.00", 1))
        .await;
    let reservation_id = answer["reservation_id"].as_str().unwrap().to_owned();
    assert_eq!(reservation_id.len(), 36);
    let reserved = json!({
        "success": true, "reservation_id": reservation_id, "available_balance": "4000.00",
        "reserved_balance": "1000.00"
    });
    assert_eq!((status, answer), (200, reserved.clone()));
    let again = service
        .post("/reserve", reserve(ALICE, "USDT", "1000.00", 1))
        .await;
    assert_eq!(
        again,
        (200, reserved.clone()),
        "the same again is the first answer"
    );
    let released = json!({"success": true, "available_balance": "5000.00", "reserved_balance": "0.00"});
    for _ in 0..2 {
        let answer = service
            .post("/release", release(ALICE, "USDT", "1000.00", 1))
            .await;
        assert_eq!(answer, (200, released.clone()));
    }
    let again = service
        .post("/reserve", reserve(ALICE, "USDT", "1000.00", 1))
        .await;
    assert_eq!(again, (200, reserved), "even now");
    assert_eq!(
        service.has(ALICE, "USDT").await,
        ("5000.00".into(), "0.00".into())
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trade_without_order_ids_is_settled_as_it_is_documented() {
    let service = Running::fresh();
    service.fund(ALICE, "USDT", "25000").await;
    service.fund(BOB, "BTC", "0.5").await;
    for body in [
        reserve(ALICE, "USDT", "25000.00", 1),
        reserve(BOB, "BTC", "0.5", 2),
    ] {
        assert_eq!(service.post("/reserve", body).await.0, 200);
    }
    let (status, first) = service.post("/settle-trade", trade(7)).await;
    assert_eq!(status, 200, "{first}");
    let (buyer_entry, seller_entry) = (&first["buyer_ledger_entry_id"], &first["seller_ledger_entry_id"]);
    assert!(buyer_entry.is_string() && seller_entry.is_string() && buyer_entry != seller_entry);
    let expected = json!({
        "success": true, "buyer_ledger_entry_id": buyer_entry, "seller_ledger_entry_id": seller_entry,
        "buyer_balances": {
            "BTC": {"available": "0.4995", "reserved": "0.00"}, "USDT": {"available": "0.00", "reserved": "0.00"}
        },
        "seller_balances": {
            "BTC": {"available": "0.00", "reserved": "0.00"}, "USDT": {"available": "24975.00", "reserved": "0.00"}
        }
    });
    assert_eq!(first, expected);
    service.fund(ALICE, "BTC", "1").await;
    assert_eq!(
        service.post("/settle-trade", trade(7)).await,
        (200, first),
        "the first answer, ids and all"
    );
    assert_eq!(service.has(ALICE, "BTC").await, ("1.4995".into(), "0.00".into()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_whole_coin_is_settled_less_its_fees() {
    let service = Running::fresh();
    service.fund(ALICE, "USDT", "50000").await;
    service.fund(BOB, "BTC", "1").await;
    for body in [reserve(ALICE, "USDT", "50000", 1), reserve(BOB, "BTC", "1", 2)] {
        assert_eq!(service.post("/reserve", body).await.0, 200);
    }
    let mut body = trade(7);
    for (field, value) in [
        ("quantity", "1.0"),
        ("buyer_fee", "0.001"),
        ("seller_fee", "50.00"),
    ] {
        body[field] = value.into();
    }
    assert_eq!(service.post("/settle-trade", body).await.0, 200);
    assert_eq!(service.has(ALICE, "BTC").await, ("0.999".into(), "0.00".into()));
    assert_eq!(service.has(BOB, "USDT").await, ("49950.00".into(), "0.00".into()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn callers_who_know_more_say_more() {
    let service = Running::fresh();
    service.fund(ALICE, "USDT", "50000").await;
    service.fund(BOB, "BTC", "1").await;
    let mut buy = reserve(ALICE, "USDT", "26000", 1);
    buy["receives_asset"] = "BTC".into();
    let mut more = buy.clone();
    more["request_id"] = id(3).into();
    more["amount"] = "1000".into();
    more["reason"] = "ORDER_AMENDED".into();
    let mut sell = reserve(BOB, "BTC", "1", 2);
    sell["reason"] = "SELL_ORDER".into();
    for body in [buy, more, sell] {
        let (status, answer) = service.post("/reserve", body).await;
        assert_eq!(status, 200, "{answer}");
    }
    let merge = json!({
        "request_id": id(3), "order_id": id(1), "user_id": ALICE, "asset": "USDT", "amount": "1000"
    });
    let merged = json!({"success": true, "available_balance": "23000.00", "reserved_balance": "27000.00"});
    assert_eq!(service.post("/merge", merge).await, (200, merged));
    let mut settle = trade(7);
    for (field, value) in [
        ("buyer_order_id", id(1)),
        ("seller_order_id", id(2)),
        ("buyer_release", "500".to_owned()),
    ] {
        settle[field] = value.into();
    }
    let (status, answer) = service.post("/settle-trade", settle).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(
        answer["buyer_balances"]["USDT"],
        json!({"available": "23500.00", "reserved": "1500.00"})
    );
    let mut part = release(ALICE, "USDT", "1000", 1);
    part["number"] = 1.into();
    let mut last = release(ALICE, "USDT", "500", 1);
    last["number"] = 2.into();
    last["last"] = true.into();
    for (body, has) in [(part, "24500.00"), (last, "25000.00")] {
        let (status, answer) = service.post("/release", body).await;
        assert_eq!(
            (status, &answer["available_balance"]),
            (200, &has.into()),
            "{answer}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn transfers_and_questions_answer_as_they_are_documented() {
    let service = Running::fresh();
    let deposit = json!({"key": "d-1", "user_id": ALICE, "asset": "USDT", "amount": "100.5"});
    let (status, receipt) = service.post("/deposits", deposit.clone()).await;
    let expected = json!({
        "key": "d-1", "user_id": ALICE, "asset": "USDT", "amount": "100.50", "available_balance": "100.50",
        "created_at": receipt["created_at"]
    });
    assert_eq!((status, &receipt), (200, &expected));
    let withdrawal = json!({"key": "w-1", "user_id": ALICE, "asset": "USDT", "amount": "0.5"});
    assert_eq!(service.post("/withdrawals", withdrawal).await.0, 200);
    assert_eq!(
        service.post("/deposits", deposit).await,
        (200, receipt),
        "the first answer, for ever"
    );
    service.fund(BOB, "BTC", "1").await;
    let (_, of_alice) = service.get(&format!("/{ALICE}/balances")).await;
    let balance = json!({
        "user_id": ALICE, "asset": "USDT", "available_balance": "100.00", "reserved_balance": "0.00",
        "version": of_alice["balances"][0]["version"]
    });
    assert_eq!(of_alice, json!({"balances": [balance]}));
    let (_, of_both) = service.post("/balances", json!({"user_ids": [BOB, ALICE]})).await;
    assert_eq!(of_both["balances"][0], balance);
    assert_eq!(of_both["balances"][1]["user_id"], BOB);
    let (_, page) = service.get(&format!("/{ALICE}/ledger?limit=1")).await;
    let entry = &page["entries"][0];
    let expected = json!({
        "entry_id": entry["entry_id"], "asset": "USDT", "entry_type": "WITHDRAWAL", "available_change": "-0.50",
        "reserved_change": "0.00", "reference_type": "TRANSFER", "reference_id": "w-1",
        "created_at": entry["created_at"]
    });
    assert_eq!(
        page,
        json!({"entries": [expected], "next_cursor": entry["entry_id"]})
    );
    let cursor = page["next_cursor"].as_str().unwrap();
    let (_, page) = service
        .get(&format!("/{ALICE}/ledger?asset=USDT&before={cursor}"))
        .await;
    assert_eq!(page["entries"][0]["available_change"], "100.50");
    assert_eq!(
        (page["entries"].as_array().unwrap().len(), &page["next_cursor"]),
        (1, &json!(null))
    );
}
