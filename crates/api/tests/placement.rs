//! Which bodies are orders: tables over every type, time in force, field and bad number.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use api::{BodyError, PlaceOrderBody};
use domain::{Amount, Lots, Price, Quantity, SelfTradePrevention, Side, Size, Terms, TimeInForce};
use serde_json::{Map, Value, json};
use trading::NewOrder;

/// The least body of a type.
fn least(order_type: &str) -> Value {
    let mut body = json!({"symbol": "BTC/USDT", "side": "BUY", "order_type": order_type, "quantity": "0.5"});
    if matches!(order_type, "LIMIT" | "STOP_LIMIT") {
        body["price"] = json!("50000");
    }
    if matches!(order_type, "STOP" | "STOP_LIMIT") {
        body["stop_price"] = json!("51000.01");
    }
    body
}

/// The least body of a type with these changes; null takes a field out.
fn changed(order_type: &str, changes: &Value) -> Value {
    let mut body: Map<String, Value> = least(order_type).as_object().unwrap().clone();
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => body.remove(name),
            value => body.insert(name.clone(), value.clone()),
        };
    }
    Value::Object(body)
}

fn parse(body: &Value) -> Result<NewOrder, BodyError> {
    let body: PlaceOrderBody = serde_json::from_value(body.clone()).unwrap();
    body.into_order(&support::markets())
}

/// The field that is refused, or none.
fn refused(order_type: &str, changes: Value) -> Option<String> {
    let body = changed(order_type, &changes);
    match parse(&body) {
        Ok(_) => None,
        Err(BodyError::Field(error)) => Some(error.field.to_owned()),
        Err(BodyError::UnknownSymbol) => Some("unknown_symbol".to_owned()),
    }
}

fn price(ticks: u32) -> Price {
    Price::from_ticks(ticks).unwrap()
}

fn quantity(lots: u64) -> Quantity {
    Quantity::from_lots(Lots(lots)).unwrap()
}

#[test]
fn the_least_body_of_each_type_is_an_order_with_the_defaults() {
    let half = quantity(500_000);
    for (order_type, terms, time_in_force) in [
        (
            "LIMIT",
            Terms::Limit {
                price: price(5_000_000),
                quantity: half,
                display: None,
                post_only: false,
            },
            TimeInForce::Gtc,
        ),
        (
            "MARKET",
            Terms::Market {
                size: Size::Quantity(half),
            },
            TimeInForce::Ioc,
        ),
        (
            "STOP",
            Terms::Stop {
                stop_price: price(5_100_001),
                size: Size::Quantity(half),
            },
            TimeInForce::Gtc,
        ),
        (
            "STOP_LIMIT",
            Terms::StopLimit {
                stop_price: price(5_100_001),
                price: price(5_000_000),
                quantity: half,
                display: None,
            },
            TimeInForce::Gtc,
        ),
    ] {
        let order = parse(&least(order_type)).unwrap();
        assert_eq!(order.terms, terms);
        assert_eq!(order.time_in_force, time_in_force);
        assert_eq!(order.side, Side::Buy);
        assert_eq!(order.self_trade_prevention, SelfTradePrevention::ExpireTaker);
        assert_eq!((order.client_order_id, order.deadline), (None, None));
    }
}

#[test]
fn every_field_arrives_where_it_belongs() {
    let body = json!({
        "symbol": "BTC/USDT", "side": "SELL", "order_type": "LIMIT", "quantity": "1.000001", "price": "0.01",
        "display_quantity": "0.1", "post_only": true, "time_in_force": "GTD",
        "expires_at": "2030-01-01T00:00:00.000001Z", "self_trade_prevention": "EXPIRE_BOTH",
        "client_order_id": "a.B_c:d-9", "deadline": "2030-01-01T01:00:00+01:00"
    });
    let order = parse(&body).unwrap();
    let micros = 1_893_456_000_000_000;
    assert_eq!(order.side, Side::Sell);
    assert_eq!(
        order.terms,
        Terms::Limit {
            price: price(1),
            quantity: quantity(1_000_001),
            display: Some(quantity(100_000)),
            post_only: true
        }
    );
    assert_eq!(
        order.time_in_force,
        TimeInForce::Gtd(domain::Stamp::from_micros(micros + 1))
    );
    assert_eq!(order.deadline, Some(domain::Stamp::from_micros(micros)));
    assert_eq!(order.self_trade_prevention, SelfTradePrevention::ExpireBoth);
    assert_eq!(order.client_order_id.unwrap().as_str(), "a.B_c:d-9");
}

#[test]
fn every_type_meets_every_time_in_force() {
    let no_market = Some("time_in_force".to_owned());
    for (order_type, refusals) in [
        ("LIMIT", [None, None, None, None, None]),
        (
            "MARKET",
            [
                no_market.clone(),
                None,
                None,
                no_market.clone(),
                no_market.clone(),
            ],
        ),
        ("STOP", [None, None, None, None, None]),
        ("STOP_LIMIT", [None, None, None, None, None]),
    ] {
        for (word, expected) in ["GTC", "IOC", "FOK", "DAY", "GTD"].into_iter().zip(refusals) {
            let mut changes = json!({"time_in_force": word});
            if word == "GTD" {
                changes["expires_at"] = json!("2030-01-01T00:00:00Z");
            }
            assert_eq!(refused(order_type, changes), expected, "{order_type} {word}");
        }
    }
}

#[test]
fn every_type_takes_its_fields_and_no_others() {
    let some = |field: &str| Some(field.to_owned());
    // For each field that is added: what LIMIT, MARKET, STOP and STOP_LIMIT refuse.
    for (changes, refusals) in [
        (
            json!({"price": "50000"}),
            [None, some("price"), some("price"), None],
        ),
        (
            json!({"stop_price": "50000"}),
            [some("stop_price"), some("stop_price"), None, None],
        ),
        (
            json!({"display_quantity": "0.1"}),
            [None, some("display_quantity"), some("display_quantity"), None],
        ),
        (
            json!({"post_only": true}),
            [None, some("post_only"), some("post_only"), some("post_only")],
        ),
        (json!({"post_only": false}), [None, None, None, None]),
        (
            json!({"quote_quantity": "100"}),
            [
                some("quote_quantity"),
                some("quote_quantity"),
                some("quote_quantity"),
                some("quote_quantity"),
            ],
        ),
        (
            json!({"quote_quantity": "100", "quantity": null}),
            [some("quote_quantity"), None, None, some("quote_quantity")],
        ),
        (
            json!({"quantity": null}),
            [
                some("quantity"),
                some("quantity"),
                some("quantity"),
                some("quantity"),
            ],
        ),
        (json!({"price": null}), [some("price"), None, None, some("price")]),
        (
            json!({"stop_price": null}),
            [None, None, some("stop_price"), some("stop_price")],
        ),
    ] {
        for (order_type, expected) in ["LIMIT", "MARKET", "STOP", "STOP_LIMIT"]
            .into_iter()
            .zip(refusals)
        {
            assert_eq!(
                refused(order_type, changes.clone()),
                expected,
                "{order_type} {changes}"
            );
        }
    }
}

#[test]
fn combinations_that_make_no_sense_are_refused() {
    for (order_type, changes, field) in [
        (
            "LIMIT",
            json!({"post_only": true, "time_in_force": "IOC"}),
            "post_only",
        ),
        (
            "LIMIT",
            json!({"post_only": true, "time_in_force": "FOK"}),
            "post_only",
        ),
        (
            "LIMIT",
            json!({"display_quantity": "0.1", "time_in_force": "IOC"}),
            "display_quantity",
        ),
        ("LIMIT", json!({"display_quantity": "0.6"}), "display_quantity"),
        ("LIMIT", json!({"display_quantity": "0"}), "display_quantity"),
        ("LIMIT", json!({"time_in_force": "GTD"}), "expires_at"),
        (
            "LIMIT",
            json!({"expires_at": "2030-01-01T00:00:00Z"}),
            "expires_at",
        ),
        (
            "MARKET",
            json!({"expires_at": "2030-01-01T00:00:00Z"}),
            "expires_at",
        ),
        (
            "MARKET",
            json!({"quantity": null, "quote_quantity": "100", "side": "SELL"}),
            "quote_quantity",
        ),
        (
            "MARKET",
            json!({"quantity": null, "quote_quantity": "0"}),
            "quote_quantity",
        ),
        (
            "MARKET",
            json!({"quantity": null, "quote_quantity": "100", "self_trade_prevention": "DECREMENT"}),
            "self_trade_prevention",
        ),
    ] {
        assert_eq!(
            refused(order_type, changes.clone()).as_deref(),
            Some(field),
            "{order_type} {changes}"
        );
    }
}

#[test]
fn words_ids_and_times_that_are_not_ours_are_refused() {
    for (field, values) in [
        (
            "symbol",
            &["", "BTCUSDT", "btc/usdt", "BTC-USDT", "BTC/BTC", "BTC/USDT\u{0}"][..],
        ),
        ("side", &["", "buy", "Buy", "BUY ", "HOLD"]),
        ("order_type", &["", "limit", "TRAILING"]),
        ("time_in_force", &["", "gtc", "GTX"]),
        ("self_trade_prevention", &["", "none", "ALL"]),
        ("client_order_id", &["", "a b", "a\u{0}", "a/b", "\u{e9}"]),
        (
            "deadline",
            &["", "tomorrow", "1700000000", "1960-01-01T00:00:00Z"],
        ),
    ] {
        for value in values {
            assert_eq!(
                refused("LIMIT", json!({field: value})).as_deref(),
                Some(field),
                "{field} {value:?}"
            );
        }
    }
    assert_eq!(
        refused("LIMIT", json!({"client_order_id": "x".repeat(101)})).as_deref(),
        Some("client_order_id")
    );
    assert_eq!(
        refused("LIMIT", json!({"symbol": "ETH/USDT"})).as_deref(),
        Some("unknown_symbol")
    );
}

const BAD_NUMBERS: &[&str] = &[
    "",
    " 1",
    "1 ",
    "-1",
    "-0",
    "+1",
    "0",
    "0.00",
    "1e3",
    "1e400",
    "NaN",
    "Infinity",
    "inf",
    ".5",
    "1.",
    "1,5",
    "1_000",
    "0x10",
    "9223372036854775808",
    "18446744073709551616",
    "123456789012345678901234567890123456789",
    "0.123456789",
    "0.00000001",
    "\u{661}\u{662}",
    "\u{ff11}",
    "1\u{0}",
];

#[test]
fn no_bad_number_gets_through_and_the_field_is_named() {
    for number in BAD_NUMBERS {
        for (order_type, field) in [
            ("LIMIT", "price"),
            ("LIMIT", "quantity"),
            ("LIMIT", "display_quantity"),
            ("STOP_LIMIT", "stop_price"),
            ("STOP", "stop_price"),
        ] {
            let found = refused(order_type, json!({field: number}));
            assert_eq!(found.as_deref(), Some(field), "{field} {number:?}");
        }
        if *number != "0.00000001" {
            let found = refused("MARKET", json!({"quantity": null, "quote_quantity": number}));
            assert_eq!(found.as_deref(), Some("quote_quantity"), "{number:?}");
        }
    }
    for (field, number) in [
        ("price", "50000.001"),
        ("price", "42949672.96"),
        ("price", "92233720368.54775807"),
        ("quantity", "0.0000001"),
        ("quantity", "0.0000015"),
    ] {
        assert_eq!(
            refused("LIMIT", json!({field: number})).as_deref(),
            Some(field),
            "{number}"
        );
    }
}

#[test]
fn the_largest_numbers_of_the_grid_are_read_and_left_to_the_fold() {
    let order = parse(&changed(
        "LIMIT",
        &json!({"price": "42949672.95", "quantity": "92233720368.547758"}),
    ));
    assert_eq!(
        order.unwrap().terms,
        Terms::Limit {
            price: price(u32::MAX),
            quantity: quantity(92_233_720_368_547_758),
            display: None,
            post_only: false
        }
    );
    let order = parse(&changed(
        "MARKET",
        &json!({"quantity": null, "quote_quantity": "92233720368.54775807"}),
    ));
    assert_eq!(
        order.unwrap().terms,
        Terms::Market {
            size: Size::Budget(Amount::MAX)
        }
    );
}

#[test]
fn what_is_no_body_of_ours_is_refused_by_its_shape() {
    let with = |text: &str| format!(r#"{{"symbol":"BTC/USDT","side":"BUY","order_type":"LIMIT",{text}}}"#);
    for (body, about) in [
        (
            with(r#""price":50000,"quantity":"1""#),
            "expected a decimal string",
        ),
        (with(r#""price":"1","quantity":0.5"#), "expected a decimal string"),
        (
            with(r#""price":"1","quantity":["1"]"#),
            "expected a decimal string",
        ),
        (
            with(r#""price":"1","quantity":{"a":1}"#),
            "expected a decimal string",
        ),
        (
            with(r#""price":"1","quantity":true"#),
            "expected a decimal string",
        ),
        (
            with(r#""price":"1","quantity":"1","status":"FILLED""#),
            "unknown field `status`",
        ),
        (
            with(r#""price":"1","quantity":"1","filled_quantity":"1""#),
            "unknown field `filled_quantity`",
        ),
        (
            with(r#""price":"1","quantity":"1","user_id":"x""#),
            "unknown field `user_id`",
        ),
        (
            with(r#""price":"1","quantity":"1","fee_rate":"0""#),
            "unknown field `fee_rate`",
        ),
        (
            with(r#""price":"1","quantity":"1","market":1"#),
            "unknown field `market`",
        ),
        (
            with(r#""price":"1","price":"2","quantity":"1""#),
            "duplicate field `price`",
        ),
        (
            with(r#""price":"1","quantity":"1","post_only":"true""#),
            "expected a boolean",
        ),
        (
            r#"{"side":"BUY","order_type":"LIMIT"}"#.to_owned(),
            "missing field `symbol`",
        ),
    ] {
        let error = serde_json::from_str::<PlaceOrderBody>(&body)
            .unwrap_err()
            .to_string();
        assert!(error.contains(about), "{body}: {error}");
    }
}
