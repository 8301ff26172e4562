//! What is refused: with which status and code, and that nothing has changed.

use serde_json::{Value, json};

use crate::support::{ALICE, BOB, Running, id, release, reserve, trade};

/// A body with another value in a field; null takes the field out.
fn with(mut body: Value, field: &str, value: Value) -> Value {
    if value.is_null() {
        body.as_object_mut().unwrap().remove(field);
    } else {
        body[field] = value;
    }
    body
}

async fn assert_refused(service: &Running, path: &str, body: Value, status: u16, code: &str) -> Value {
    let (is, answer) = service.post(path, body.clone()).await;
    assert_eq!(
        (is, answer["code"].as_str()),
        (status, Some(code)),
        "{path} {body}: {answer}"
    );
    assert_eq!(answer["status"], status);
    assert!(
        answer["request_id"].is_string() && answer["title"].is_string(),
        "{answer}"
    );
    answer
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn money_that_is_not_there_is_refused_with_400() {
    let service = Running::fresh();
    service.fund(ALICE, "USDT", "10").await;
    let dear = reserve(ALICE, "USDT", "10.00000001", 1);
    let answer = assert_refused(&service, "/reserve", dear.clone(), 400, "INSUFFICIENT_BALANCE").await;
    let balance = json!({
        "user_id": ALICE, "asset": "USDT", "available_balance": "10.00", "reserved_balance": "0.00",
        "version": answer["balance"]["version"]
    });
    assert_eq!(answer["balance"], balance);
    service.fund(ALICE, "USDT", "100").await;
    assert_refused(&service, "/reserve", dear, 400, "INSUFFICIENT_BALANCE").await;
    for order in [2, 3] {
        service
            .post("/reserve", reserve(ALICE, "USDT", "10", order))
            .await;
    }
    let part = release(ALICE, "USDT", "9.99", 2);
    assert_refused(&service, "/release", part, 400, "INVALID_RELEASE_AMOUNT").await;
    let more = with(release(ALICE, "USDT", "10.01", 2), "number", 1.into());
    assert_refused(&service, "/release", more, 400, "INVALID_RELEASE_AMOUNT").await;
    let withdrawal = json!({"key": "w", "user_id": ALICE, "asset": "USDT", "amount": "1000"});
    assert_refused(&service, "/withdrawals", withdrawal, 400, "INSUFFICIENT_BALANCE").await;
    assert_eq!(service.has(ALICE, "USDT").await, ("90.00".into(), "20.00".into()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shard_that_cannot_be_is_refused_with_400() {
    let service = Running::fresh();
    let release = json!({"release": {"order_id": id(1), "user_id": ALICE, "number": 1, "asset": "USDT",
        "amount": "0", "last": false}});
    let body = |shard: u32| json!({"shard": shard, "instructions": [release]});
    let (status, answer) = service.post("/instructions", body(2_147_483_647)).await;
    assert_eq!(status, 200, "{answer}");
    for shard in [2_147_483_648, u32::MAX] {
        let answer = assert_refused(&service, "/instructions", body(shard), 400, "invalid_field").await;
        assert_eq!(
            (&answer["field"], &answer["rule"]),
            (&"shard".into(), &"must be at most 2147483647".into())
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_and_reservations_that_do_not_fit_are_refused_with_409() {
    let service = Running::fresh();
    service.fund(ALICE, "USDT", "100").await;
    service.post("/reserve", reserve(ALICE, "USDT", "10", 1)).await;
    assert_refused(
        &service,
        "/reserve",
        reserve(ALICE, "USDT", "11", 1),
        409,
        "KEY_CONFLICT",
    )
    .await;
    assert_refused(
        &service,
        "/reserve",
        reserve(BOB, "USDT", "10", 1),
        409,
        "KEY_CONFLICT",
    )
    .await;
    let (status, _) = service.post("/release", release(ALICE, "USDT", "5", 2)).await;
    assert_eq!(status, 200, "it is not known, and never will be");
    assert_refused(
        &service,
        "/reserve",
        reserve(ALICE, "USDT", "5", 2),
        409,
        "RESERVATION_RELEASED",
    )
    .await;
    let answer = assert_refused(&service, "/settle-trade", trade(7), 409, "NOT_RESERVED").await;
    assert!(answer["detail"].is_string());
    let by_id = with(trade(8), "buyer_order_id", id(99).into());
    assert_refused(&service, "/settle-trade", by_id, 409, "NOT_RESERVED").await;
    let merge =
        json!({"request_id": id(3), "order_id": id(1), "user_id": ALICE, "asset": "USDT", "amount": "1"});
    assert_refused(&service, "/merge", merge, 409, "NOT_RESERVED").await;
    let deposit = json!({"key": "d", "user_id": ALICE, "asset": "USDT", "amount": "1"});
    service.post("/deposits", deposit.clone()).await;
    assert_refused(
        &service,
        "/deposits",
        with(deposit.clone(), "amount", "2".into()),
        409,
        "KEY_CONFLICT",
    )
    .await;
    assert_refused(&service, "/withdrawals", deposit, 409, "KEY_CONFLICT").await;
    assert_eq!(service.has(ALICE, "USDT").await, ("91.00".into(), "10.00".into()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_makes_no_sense_is_refused_with_422_and_its_field() {
    let service = Running::fresh();
    service.fund(ALICE, "USDT", "100").await;
    for (field, value) in [
        ("buyer_fee_asset", "USDT"),
        ("seller_fee_asset", "BTC"),
        ("quote_asset", "BTC"),
        ("buyer_fee", "0.50000001"),
        ("seller_fee", "25000.00000001"),
        ("quantity", "0"),
        ("price", "0"),
        ("price", "0.00000001"),
        ("price", "92233720368"),
    ] {
        let mut body = with(trade(7), field, value.into());
        if value == "92233720368" {
            body["quantity"] = "92233720368".into();
        }
        let answer = assert_refused(&service, "/settle-trade", body, 422, "INVALID_INSTRUCTION").await;
        assert_eq!(answer["field"], field, "{value}: {answer}");
        assert!(answer["rule"].is_string());
    }
    let reserve = reserve(ALICE, "USDT", "0", 1);
    let answer = assert_refused(&service, "/reserve", reserve.clone(), 422, "INVALID_INSTRUCTION").await;
    assert_eq!(answer["field"], "amount");
    let same = with(
        with(reserve, "amount", "1".into()),
        "receives_asset",
        "USDT".into(),
    );
    let answer = assert_refused(&service, "/reserve", same, 422, "INVALID_INSTRUCTION").await;
    assert_eq!(answer["field"], "receives_asset");
    let zeroth = with(release(ALICE, "USDT", "1", 1), "number", 0.into());
    assert_refused(&service, "/release", zeroth, 422, "INVALID_INSTRUCTION").await;
    let nothing = json!({"key": "d", "user_id": ALICE, "asset": "USDT", "amount": "0"});
    assert_refused(&service, "/deposits", nothing, 422, "NOTHING_TO_TRANSFER").await;
    let too_much = json!({"key": "e", "user_id": ALICE, "asset": "USDT", "amount": "92233720368.54775807"});
    assert_refused(&service, "/deposits", too_much, 422, "BALANCE_TOO_LARGE").await;
    assert_eq!(service.has(ALICE, "USDT").await, ("100.00".into(), "0.00".into()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bodies_of_another_shape_are_refused_with_400_and_their_field() {
    let service = Running::fresh();
    let good = || reserve(ALICE, "USDT", "1", 1);
    for (field, value) in [
        ("amount", json!(1)),
        ("amount", json!(1.5)),
        ("amount", json!("-1")),
        ("amount", json!("+1")),
        ("amount", json!("1e3")),
        ("amount", json!("NaN")),
        ("amount", json!("0.123456789")),
        ("amount", json!("92233720368.54775808")),
        ("amount", json!("")),
        ("amount", json!(null)),
        ("asset", json!("usdt")),
        ("asset", json!("")),
        ("asset", json!("USDT\u{0}")),
        ("user_id", json!("alice")),
        ("user_id", json!("{00000000-0000-4000-8000-0000000000a1}")),
        ("order_id", json!(7)),
        ("order_id", json!(null)),
        ("reason", json!("BECAUSE")),
        ("reason", json!(null)),
        ("request_id", json!("x")),
        ("status", json!("done")),
        ("Amount", json!("1")),
    ] {
        let body = with(good(), field, value.clone());
        let (status, answer) = service.post("/reserve", body).await;
        assert_eq!(status, 400, "{field} {value}: {answer}");
        let code = answer["code"].as_str().unwrap();
        assert!(
            code == "invalid_field" && answer["field"] == field || code == "invalid_json",
            "{field} {value}: {answer}"
        );
    }
    for (path, body) in [
        (
            "/release",
            with(release(ALICE, "USDT", "1", 1), "number", json!(-1)),
        ),
        (
            "/release",
            with(release(ALICE, "USDT", "1", 1), "last", json!("yes")),
        ),
        ("/settle-trade", with(trade(1), "buyer_fee", json!(0.0005))),
        ("/settle-trade", with(trade(1), "price", json!(null))),
        (
            "/deposits",
            json!({"key": "a b", "user_id": ALICE, "asset": "USDT", "amount": "1"}),
        ),
        ("/balances", json!({"user_ids": []})),
        ("/balances", json!({"user_ids": [1]})),
        ("/balances", json!({"user_ids": vec![ALICE; 1_001]})),
        ("/reserve", json!([])),
        ("/reserve", json!("x")),
    ] {
        let (status, answer) = service.post(path, body.clone()).await;
        assert_eq!(status, 400, "{path} {body}: {answer}");
    }
    for path in ["/x/balances", "/x/ledger"] {
        assert_eq!(service.get(path).await.0, 400, "{path}");
    }
    for query in [
        "limit=0",
        "limit=1001",
        "limit=x",
        "before=x",
        "asset=btc",
        "more=1",
    ] {
        let (status, answer) = service.get(&format!("/{ALICE}/ledger?{query}")).await;
        assert_eq!(status, 400, "{query}: {answer}");
    }
    assert_eq!(service.has(ALICE, "USDT").await, ("0.00".into(), "0.00".into()));
}
