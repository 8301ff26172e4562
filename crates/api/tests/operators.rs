//! What operators do, and that nobody else can.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::sync::Arc;

use actix_web::test::TestRequest;
use domain::{Amount, MarketNumber, MarketState, Selection, Side, TransferKind, UserId};
use http::Scope;
use serde_json::{Value, json};
use support::{Asked, Script, as_user, ask, btc_usdt, with_json};
use trading::EntryError;

const USER_ID: &str = "00000000-0000-0000-0000-000000000007";

fn post(path: &str, scope: Scope, body: &Value) -> TestRequest {
    as_user(with_json(TestRequest::post(), path, body), 1, &[scope])
}

fn transfer() -> Value {
    json!({"key": "d-1", "user_id": USER_ID, "asset": "USDT", "amount": "100.5"})
}

/// The definition of the test market as an operator would send it.
fn definition() -> Value {
    json!({
        "symbol": "BTC/USDT", "tick": "0.01", "lot": "0.000001", "min_quantity": "0.00001",
        "max_quantity": "1000", "max_price": "1000000", "min_notional": "5", "market_band": "0.1",
        "maker_fee": "0.001", "taker_fee": "0.002", "max_open_orders": 200
    })
}

fn changed(mut body: Value, changes: &Value) -> Value {
    for (name, value) in changes.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

#[actix_web::test]
async fn money_comes_in_and_goes_out_under_the_callers_key() {
    for (path, kind, word) in [
        ("/api/v1/admin/deposits", TransferKind::Deposit, "DEPOSIT"),
        (
            "/api/v1/admin/withdrawals",
            TransferKind::Withdrawal,
            "WITHDRAWAL",
        ),
    ] {
        let script = Arc::new(Script::default());
        let answer = ask(&script, post(path, Scope::AdminFunds, &transfer())).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert_eq!(
            answer.body,
            json!({
                "key": "d-1", "kind": word, "user_id": USER_ID, "asset": "USDT", "amount": "100.5",
                "available_balance": "100.5", "executed_at": "2023-11-14T22:13:20.000000Z"
            })
        );
        let asked = Asked::Transfer(
            kind,
            "d-1".parse().unwrap(),
            UserId::from_u128(7),
            "USDT".parse().unwrap(),
            Amount::parse("100.5").unwrap(),
        );
        assert_eq!(script.asked(), [asked]);
    }
}

#[actix_web::test]
async fn a_transfer_that_does_not_fit_is_refused() {
    let script = Arc::new(Script::default());
    for (changes, field) in [
        (json!({"key": ""}), "key"),
        (json!({"key": "a b"}), "key"),
        (json!({"user_id": "7"}), "user_id"),
        (json!({"asset": "usdt"}), "asset"),
        (json!({"amount": "0"}), "amount"),
        (json!({"amount": "-1"}), "amount"),
        (json!({"amount": 1}), "amount"),
        (json!({"amount": "1e3"}), "amount"),
        (json!({"amount": "0.000000001"}), "amount"),
        (json!({"kind": "DEPOSIT"}), "kind"),
    ] {
        let body = changed(transfer(), &changes);
        let answer = ask(&script, post("/api/v1/admin/deposits", Scope::AdminFunds, &body)).await;
        assert_eq!(
            (answer.status, &answer.body["field"]),
            (400, &json!(field)),
            "{}",
            answer.text
        );
    }
    assert!(script.asked().is_empty());
}

#[actix_web::test]
async fn a_market_is_defined_in_decimals() {
    let script = Arc::new(Script::default());
    let path = "/api/v1/admin/markets";
    let answer = ask(&script, post(path, Scope::AdminMarkets, &definition())).await;
    assert_eq!(
        (answer.status, &answer.body["max_price"]),
        (200, &json!("1000000")),
        "{}",
        answer.text
    );
    let new = changed(
        definition(),
        &json!({"symbol": "ETH/USDT", "initial_price": "3000"}),
    );
    let answer = ask(&script, post(path, Scope::AdminMarkets, &new)).await;
    assert_eq!(
        (answer.status, &answer.body["number"]),
        (201, &json!(2)),
        "{}",
        answer.text
    );
    let [Asked::Define(first), Asked::Define(second)] = &script.asked()[..] else {
        panic!("not defined")
    };
    assert_eq!(*first, btc_usdt());
    assert_eq!(second.number, MarketNumber(2));
    assert_eq!(second.initial_price.unwrap().ticks(), 300_000);
}

#[actix_web::test]
async fn a_definition_that_does_not_hold_is_refused_with_all_its_rules() {
    let script = Arc::new(Script::default());
    for (changes, field) in [
        (json!({"tick": "0"}), "tick"),
        (json!({"lot": "0"}), "lot"),
        (json!({"lot": "0.0000001"}), "lot"),
        (json!({"min_quantity": "0.0000015"}), "min_quantity"),
        (json!({"max_quantity": "0.000001"}), "max_quantity"),
        (json!({"max_price": "0"}), "max_price"),
        (json!({"max_price": "42949672.96"}), "max_price"),
        (json!({"max_price": "0.001"}), "max_price"),
        (json!({"market_band": "0.00001"}), "market_band"),
        (json!({"market_band": "0"}), "market_band"),
        (json!({"limit_band": "92233720368"}), "limit_band"),
        (json!({"maker_fee": "1"}), "maker_fee"),
        (json!({"taker_fee": "50"}), "taker_fee"),
        (json!({"max_open_orders": 0}), "max_open_orders"),
        (json!({"max_open_orders": -1}), "max_open_orders"),
        (json!({"symbol": "BTC/BTC"}), "symbol"),
        (json!({"number": 7}), "number"),
        (json!({"colour": "red"}), "colour"),
    ] {
        let body = changed(definition(), &changes);
        let answer = ask(&script, post("/api/v1/admin/markets", Scope::AdminMarkets, &body)).await;
        assert_eq!(
            (answer.status, &answer.body["field"]),
            (400, &json!(field)),
            "{}",
            answer.text
        );
    }
    let body = changed(definition(), &json!({"maker_fee": "1", "max_open_orders": 0}));
    let answer = ask(&script, post("/api/v1/admin/markets", Scope::AdminMarkets, &body)).await;
    assert_eq!(answer.body["errors"].as_array().unwrap().len(), 2);
    assert!(script.asked().is_empty());
}

#[actix_web::test]
async fn a_markets_state_is_set_by_its_word() {
    let put = |path: &str, body: Value| {
        as_user(
            with_json(TestRequest::put(), path, &body),
            1,
            &[Scope::AdminMarkets],
        )
    };
    let path = "/api/v1/admin/markets/BTC-USDT/state";
    for state in MarketState::ALL {
        let script = Arc::new(Script::default());
        let answer = ask(&script, put(path, json!({"state": state.word()}))).await;
        assert_eq!(
            (answer.status, answer.body),
            (200, json!({"symbol": "BTC/USDT", "state": state.word()}))
        );
        assert_eq!(script.asked(), [Asked::SetState(MarketNumber(1), *state)]);
    }
    let script = Arc::new(Script::default());
    assert_eq!(
        ask(&script, put(path, json!({"state": "closed"}))).await.status,
        400
    );
    assert_eq!(
        ask(
            &script,
            put("/api/v1/admin/markets/ETH-USDT/state", json!({"state": "open"}))
        )
        .await
        .status,
        404
    );
    assert!(script.asked().is_empty());
}

#[actix_web::test]
async fn a_mass_cancel_says_whose_or_where() {
    let path = "/api/v1/admin/orders/cancel";
    let user_id = Some(UserId::from_u128(7));
    let market = Some(MarketNumber(1));
    for (body, selection) in [
        (
            json!({"user_id": USER_ID}),
            Selection {
                user_id,
                market: None,
                side: None,
            },
        ),
        (
            json!({"symbol": "BTC/USDT"}),
            Selection {
                user_id: None,
                market,
                side: None,
            },
        ),
        (
            json!({"user_id": USER_ID, "symbol": "BTC/USDT", "side": "SELL"}),
            Selection {
                user_id,
                market,
                side: Some(Side::Sell),
            },
        ),
    ] {
        let script = Arc::new(Script::default());
        let answer = ask(&script, post(path, Scope::AdminMarkets, &body)).await;
        assert_eq!((answer.status, answer.body), (200, json!({"cancelled": 5})));
        assert_eq!(script.asked(), [Asked::CancelSelected(selection)]);
    }
    let script = Arc::new(Script::default());
    for body in [
        json!({}),
        json!({"side": "BUY"}),
        json!({"user_id": "x"}),
        json!({"symbol": "X/Y"}),
    ] {
        assert_eq!(
            ask(&script, post(path, Scope::AdminMarkets, &body)).await.status,
            400,
            "{body}"
        );
    }
    assert!(script.asked().is_empty());
}

#[actix_web::test]
async fn each_route_wants_its_own_right() {
    let script = Arc::new(Script::default());
    let state = json!({"state": "halted"});
    let requests = || {
        [
            (
                Scope::AdminFunds,
                with_json(TestRequest::post(), "/api/v1/admin/deposits", &transfer()),
            ),
            (
                Scope::AdminFunds,
                with_json(TestRequest::post(), "/api/v1/admin/withdrawals", &transfer()),
            ),
            (
                Scope::AdminMarkets,
                with_json(TestRequest::post(), "/api/v1/admin/markets", &definition()),
            ),
            (
                Scope::AdminMarkets,
                with_json(TestRequest::put(), "/api/v1/admin/markets/BTC-USDT/state", &state),
            ),
            (
                Scope::AdminMarkets,
                with_json(TestRequest::post(), "/api/v1/admin/orders/cancel", &json!({})),
            ),
        ]
    };
    for (_, request) in requests() {
        assert_eq!(ask(&script, request).await.status, 401);
    }
    for (right, request) in requests() {
        let others: Vec<_> = Scope::ALL
            .iter()
            .copied()
            .filter(|scope| *scope != right)
            .collect();
        let answer = ask(&script, as_user(request, 1, &others)).await;
        assert_eq!((answer.status, &answer.body["code"]), (403, &json!("forbidden")));
    }
    assert!(script.asked().is_empty());
}

#[actix_web::test]
async fn refusals_of_the_exchange_reach_the_operator() {
    for (error, status) in [
        (EntryError::TransferKeyConflict, 409),
        (EntryError::InsufficientBalance, 422),
    ] {
        let script = Arc::new(Script::refusing(error));
        let answer = ask(
            &script,
            post("/api/v1/admin/withdrawals", Scope::AdminFunds, &transfer()),
        )
        .await;
        assert_eq!(answer.status, status);
    }
}
