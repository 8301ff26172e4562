//! Tests of what answers promise.

use serde_json::json;

use super::*;

fn promise() -> Promise {
    let body = json!({"symbol": "BTC/USDT", "side": "BUY", "order_type": "LIMIT", "price": "60000", "quantity": "0.5",
        "client_order_id": "c-1"});
    Promise::new(0, "c-1".to_owned(), &body)
}

fn view(status: &str, filled: &str) -> Value {
    json!({"order_id": "o-1", "client_order_id": "c-1", "status": status, "filled_quantity": filled, "symbol": "BTC/USDT",
        "side": "BUY", "order_type": "LIMIT", "price": "60000", "quantity": "0.5"})
}

fn answer(status: u16, body: Value) -> Asked {
    Asked::Answer(Answer { status, body })
}

fn shown(status: &str, filled: &str) -> Shown {
    Shown::read(&view(status, filled)).unwrap()
}

fn acknowledged() -> Promise {
    let mut promise = promise();
    assert_eq!(promise.placed(&answer(201, view("OPEN", "0"))), Placing::Told);
    promise
}

#[test]
fn what_was_acknowledged_is_there_and_may_have_gone_on() {
    let promise = acknowledged();
    for (status, filled) in [
        ("OPEN", "0"),
        ("PARTIALLY_FILLED", "0.1"),
        ("FILLED", "0.5"),
        ("EXPIRED", "0"),
    ] {
        assert_eq!(
            promise.differences(Some(&shown(status, filled))),
            Vec::<String>::new()
        );
    }
    assert!(promise.differences(None)[0].contains("is not there"));
    assert!(promise.differences(Some(&shown("PENDING", "0")))[0].contains("PENDING"));
    assert!(promise.differences(Some(&shown("REJECTED", "0")))[0].contains("REJECTED"));
}

#[test]
fn fills_that_were_told_stay() {
    let mut promise = acknowledged();
    promise.learn(&view("PARTIALLY_FILLED", "0.2"));
    promise.learn(&view("OPEN", "0"));
    assert!(
        promise
            .differences(Some(&shown("PARTIALLY_FILLED", "0.2")))
            .is_empty()
    );
    assert!(promise.differences(Some(&shown("PARTIALLY_FILLED", "0.1")))[0].contains("filled"));
}

#[test]
fn what_was_refused_stays_refused() {
    let mut promise = promise();
    let body = json!({"code": "insufficient_balance", "order_id": "o-1"});
    promise.placed(&answer(422, body));
    assert!(promise.differences(Some(&shown("REJECTED", "0"))).is_empty());
    assert!(!promise.differences(Some(&shown("OPEN", "0"))).is_empty());
    assert!(!promise.differences(None).is_empty());
}

#[test]
fn what_was_not_taken_does_not_exist() {
    for asked in [answer(503, json!({})), answer(429, json!({})), Asked::NotSent] {
        let mut promise = promise();
        promise.placed(&asked);
        assert!(!promise.is_open_question());
        assert!(promise.differences(None).is_empty());
        assert!(promise.differences(Some(&shown("OPEN", "0")))[0].contains("was refused and is there"));
    }
}

#[test]
fn an_open_question_may_exist_or_not_until_it_is_answered() {
    for asked in [Asked::Unknown, answer(504, json!({})), answer(500, json!({}))] {
        let mut promise = promise();
        assert_eq!(promise.placed(&asked), Placing::Doubtful);
        // Refused this time says nothing about the first time.
        promise.placed(&answer(503, json!({})));
        assert!(promise.is_open_question());
        assert!(promise.differences(None).is_empty());
        assert!(promise.differences(Some(&shown("OPEN", "0"))).is_empty());
        promise.placed(&answer(200, view("OPEN", "0")));
        assert!(!promise.is_open_question());
        assert!(!promise.differences(None).is_empty());
    }
}

#[test]
fn two_orders_under_one_name_are_found() {
    let mut promise = acknowledged();
    let mut other = view("OPEN", "0");
    other["order_id"] = "o-2".into();
    promise.placed(&answer(200, other));
    assert!(promise.differences(Some(&shown("OPEN", "0")))[0].contains("was called o-1 and o-2"));
}

#[test]
fn a_cancel_that_was_answered_ends_it_with_what_was_filled_then() {
    let mut promise = acknowledged();
    promise.cancelled(&answer(200, view("CANCELLED", "0.2")));
    assert!(promise.differences(Some(&shown("CANCELLED", "0.2"))).is_empty());
    for wrong in [
        shown("OPEN", "0"),
        shown("CANCELLED", "0.3"),
        shown("FILLED", "0.5"),
    ] {
        assert!(!promise.differences(Some(&wrong)).is_empty());
    }
    let mut promise = acknowledged();
    promise.cancelled(&answer(200, view("OPEN", "0")));
    assert!(!promise.differences(Some(&shown("CANCELLED", "0"))).is_empty());
}

#[test]
fn a_cancel_that_was_stored_ends_it_and_one_in_doubt_may() {
    let mut promise = acknowledged();
    promise.cancelled(&answer(202, view("OPEN", "0")));
    assert!(promise.differences(Some(&shown("CANCELLED", "0"))).is_empty());
    assert!(promise.differences(Some(&shown("FILLED", "0.5"))).is_empty());
    assert!(promise.differences(Some(&shown("OPEN", "0")))[0].contains("was cancelled"));
    let mut promise = acknowledged();
    for asked in [
        Asked::Unknown,
        Asked::NotSent,
        answer(504, json!({})),
        answer(503, json!({})),
    ] {
        promise.cancelled(&asked);
    }
    for status in ["OPEN", "CANCELLED"] {
        assert!(promise.differences(Some(&shown(status, "0"))).is_empty());
    }
}

#[test]
fn an_end_that_was_told_by_a_refusal_stays() {
    let mut promise = acknowledged();
    promise.cancelled(&answer(
        409,
        json!({"code": "order_ended", "order_status": "FILLED"}),
    ));
    assert!(promise.differences(Some(&shown("FILLED", "0.5"))).is_empty());
    assert!(!promise.differences(Some(&shown("CANCELLED", "0"))).is_empty());
    promise.cancelled(&answer(
        409,
        json!({"code": "order_ended", "order_status": "EXPIRED"}),
    ));
    assert!(promise.differences(Some(&shown("FILLED", "0.5")))[0].contains("ended as FILLED and as EXPIRED"));
}

#[test]
fn an_order_that_nobody_knows_any_more_is_found_at_once() {
    let mut promise = acknowledged();
    promise.cancelled(&answer(404, json!({"code": "unknown_order"})));
    assert!(promise.differences(Some(&shown("OPEN", "0")))[0].contains("404"));
}

#[test]
fn an_amendment_holds_unless_another_one_is_in_doubt() {
    let amended = |quantity: &str| {
        let mut view = view("OPEN", "0");
        view["quantity"] = quantity.into();
        view
    };
    let mut promise = acknowledged();
    promise.amended(&answer(200, amended("0.7")));
    assert!(
        promise
            .differences(Some(&Shown::read(&amended("0.7")).unwrap()))
            .is_empty()
    );
    assert!(!promise.differences(Some(&shown("OPEN", "0"))).is_empty());
    promise.amended(&answer(422, json!({"code": "insufficient_balance"})));
    assert!(!promise.differences(Some(&shown("OPEN", "0"))).is_empty());
    promise.amended(&Asked::Unknown);
    for quantity in ["0.5", "0.7", "0.9"] {
        assert!(
            promise
                .differences(Some(&Shown::read(&amended(quantity)).unwrap()))
                .is_empty()
        );
    }
}

#[test]
fn a_mass_cancel_ends_it() {
    let mut promise = acknowledged();
    promise.swept();
    assert!(!promise.differences(Some(&shown("OPEN", "0"))).is_empty());
    assert!(promise.differences(Some(&shown("CANCELLED", "0"))).is_empty());
}
