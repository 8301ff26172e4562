//! What is sent: numbers, sizes, depths, encodings.

use serde_json::{Value, json};

use crate::support::{Venue, by, limit_order};
use actix_web::test::TestRequest;

/// A kilobyte of gzip that becomes 1 MB of spaces.
const BOMB: &[u8] = include_bytes!("bomb.gz");

/// Nothing exists because of alice, and nothing of hers is reserved.
async fn nothing_happened(venue: &Venue) {
    assert_eq!(
        venue.get("alice", "/api/v1/orders").await.body["orders"],
        json!([])
    );
    for (asset, available) in [("USDT", "1000000"), ("BTC", "100")] {
        let balance = venue.balance("alice", asset).await;
        assert_eq!(balance, (available.to_owned(), "0".to_owned()));
    }
}

#[actix_web::test]
async fn security_10_no_bad_number_makes_a_row_or_a_reservation() {
    let venue = Venue::open().await;
    let texts = [
        "-1",
        "0",
        "1e400",
        "1e3",
        "NaN",
        "Infinity",
        " 1",
        "1 ",
        "+1",
        "",
        ".",
        "1.",
        ".5",
        "1,5",
        "1_000",
        "0x10",
        "9223372036854775808",
        "18446744073709551616",
        "0.000000001",
        "1.0000000001",
        "١",
        "１",
        "1\u{200b}",
        "123456789012345678901234567890123456789",
        "0.00000000",
        "-0",
        "1/2",
        "null",
        "50000.001",
    ];
    let numbers = [
        json!(-1),
        json!(0),
        json!(50000),
        json!(0.1),
        json!(1e300),
        json!(true),
        json!([]),
        json!({}),
    ];
    let mut refused_with_order = 0;
    let values: Vec<Value> = texts.iter().map(|text| json!(text)).chain(numbers).collect();
    for field in ["price", "quantity"] {
        for value in &values {
            if field == "quantity" && *value == json!("50000.001") {
                continue;
            }
            let mut order = limit_order("BUY", "50000", "0.01");
            order[field] = value.clone();
            let answer = venue.post("alice", "/api/v1/orders", order.clone()).await;
            assert!(
                matches!(answer.status, 400 | 422),
                "{field} {value}: {}",
                answer.text
            );
            let names_order = answer.body.get("order_id").is_some();
            assert_eq!(names_order, answer.status == 422, "{value}: {}", answer.text);
            refused_with_order += usize::from(names_order);
            if !names_order {
                assert_eq!(answer.body["field"], json!(field), "{value}: {}", answer.text);
            }
        }
    }
    let mut off_lot = limit_order("BUY", "50000", "0.0000011");
    assert_eq!(
        venue
            .post("alice", "/api/v1/orders", off_lot.clone())
            .await
            .status,
        400
    );
    off_lot["quantity"] = json!("0.000001");
    assert_eq!(
        venue.post("alice", "/api/v1/orders", off_lot).await.status,
        422,
        "below the least"
    );
    refused_with_order += 1;
    // A number that is no text in JSON at all.
    for text in ["1e400", "NaN", "Infinity", "01", "1.", "+1"] {
        let body = format!(
            r#"{{"symbol":"BTC/USDT","side":"BUY","order_type":"LIMIT","price":{text},"quantity":"1"}}"#
        );
        assert_eq!(
            send(&venue, body.into_bytes(), "application/json").await,
            400,
            "{text}"
        );
    }
    // What a market's rule refuses is kept as REJECTED; what is no number leaves nothing behind.
    let kept = venue.get("alice", "/api/v1/orders?limit=1000").await;
    let kept = kept.body["orders"].as_array().unwrap().clone();
    assert_eq!(kept.len(), refused_with_order);
    for order in &kept {
        assert_eq!(order["status"], "REJECTED", "{order}");
    }
    for (asset, available) in [("USDT", "1000000"), ("BTC", "100")] {
        assert_eq!(
            venue.balance("alice", asset).await,
            (available.to_owned(), "0".to_owned())
        );
    }
}

#[actix_web::test]
async fn security_11_the_largest_order_of_all_is_refused_without_harm() {
    let venue = Venue::open().await;
    // The market's most, and the most that can be written at all.
    for (price, quantity, status) in [
        ("1000000", "1000", 422),
        ("42949672.95", "1000", 422),
        ("92233720368.54", "1", 400),
        ("50000", "92233720368.547758", 422),
        ("42949672.95", "92233720368.547758", 422),
    ] {
        for side in ["BUY", "SELL"] {
            let answer = venue
                .post("alice", "/api/v1/orders", limit_order(side, price, quantity))
                .await;
            assert_eq!(
                answer.status, status,
                "{side} {quantity} at {price}: {}",
                answer.text
            );
        }
    }
    let mut by_budget = json!({
        "symbol": "BTC/USDT", "side": "BUY", "order_type": "MARKET", "quote_quantity": "92233720368.54775807"
    });
    assert_eq!(
        venue
            .post("alice", "/api/v1/orders", by_budget.clone())
            .await
            .status,
        422
    );
    by_budget["quote_quantity"] = json!("92233720368.54775808");
    assert_eq!(venue.post("alice", "/api/v1/orders", by_budget).await.status, 400);
    assert_eq!(
        venue.get("alice", "/api/v1/orders?status=open").await.body["orders"],
        json!([])
    );
    assert_eq!(
        venue.balance("alice", "USDT").await,
        ("1000000".to_owned(), "0".to_owned())
    );
    venue.place("alice", "BUY", "50000", "0.01").await;
}

/// The status that a body of this type gets.
async fn send(venue: &Venue, body: Vec<u8>, content_type: &str) -> u16 {
    let request = TestRequest::post()
        .uri("/api/v1/orders")
        .insert_header(("content-type", content_type));
    venue.send(by("alice", request.set_payload(body))).await.status
}

#[actix_web::test]
async fn security_12_bodies_that_are_large_deep_double_or_encoded_are_refused() {
    let venue = Venue::open().await;
    let good = limit_order("BUY", "50000", "0.01").to_string();
    let with = |text: &str| good.replacen('{', &format!("{{{text},"), 1).into_bytes();
    let mut large = good.clone().into_bytes();
    large.resize(16 * 1024 + 1, b' ');
    let deep = format!(r#""client_order_id":{}{}"#, "[".repeat(129), "]".repeat(129));
    for (name, body, content_type, status) in [
        ("a byte above the limit", large, "application/json", 413),
        ("129 deep", with(&deep), "application/json", 400),
        ("a name twice", with(r#""price":"1""#), "application/json", 400),
        (
            "NUL",
            with(r#""client_order_id":"a\u0000""#),
            "application/json",
            400,
        ),
        (
            "a lone surrogate",
            with(r#""client_order_id":"\ud800""#),
            "application/json",
            400,
        ),
        (
            "no UTF-8",
            with("\"client_order_id\":\"\u{e9}\"")
                .into_iter()
                .filter(|b| *b != 0xc3)
                .collect(),
            "application/json",
            400,
        ),
        (
            "something behind it",
            [good.as_bytes(), b"{}"].concat(),
            "application/json",
            400,
        ),
        ("nothing", Vec::new(), "application/json", 400),
        ("text", good.clone().into_bytes(), "text/plain", 415),
        (
            "a form",
            good.clone().into_bytes(),
            "application/x-www-form-urlencoded",
            415,
        ),
        ("no type", good.clone().into_bytes(), "", 415),
    ] {
        assert_eq!(send(&venue, body, content_type).await, status, "{name}");
    }
    // What is encoded is not even opened.
    assert!(BOMB.len() < 1_100 && BOMB.starts_with(&[0x1f, 0x8b]));
    let request = TestRequest::post()
        .uri("/api/v1/orders")
        .insert_header(("content-type", "application/json"))
        .insert_header(("content-encoding", "gzip"))
        .set_payload(BOMB);
    assert_eq!(venue.send(by("alice", request)).await.status, 415);
    nothing_happened(&venue).await;
}
