//! What the edge makes of orders: statuses, bodies, rights.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::sync::Arc;

use actix_web::http::header;
use actix_web::test::TestRequest;
use domain::{
    Amount, CancelReason, FieldError, Lots, MarketNumber, MarketState, Order, OrderState, Price, Progress,
    Quantity, RejectReason, Side, Size, Terms,
};
use http::Scope;
use serde_json::{Value, json};
use support::{Asked, Script, as_trader, as_user, ask, delete, get, order, with_json};
use trading::{EntryError, OrderFilter, Placed, QueryError};

const ID: &str = "018bcfe5-6800-7000-8000-00000000002a";
const OTHER_ID: &str = "018bcfe5-6800-7000-8000-00000000002b";

fn place() -> TestRequest {
    let body = json!({
        "symbol": "BTC/USDT", "side": "BUY", "order_type": "LIMIT", "price": "50000", "quantity": "0.5"
    });
    as_trader(with_json(TestRequest::post(), "/api/v1/orders", &body))
}

fn amend(path: &str, body: &Value) -> TestRequest {
    as_trader(with_json(TestRequest::patch(), path, body))
}

fn ended(state: OrderState) -> Arc<Order> {
    Arc::new(Order {
        state,
        ended_at: Some(support::stamp(2_000)),
        ..order()
    })
}

#[actix_web::test]
async fn a_new_order_is_created_and_shown_whole() {
    let script = Arc::new(Script::default());
    let answer = ask(&script, place()).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    assert_eq!(
        answer.headers.get(header::LOCATION).unwrap(),
        &format!("/api/v1/orders/{ID}")
    );
    assert_eq!(
        answer.body,
        json!({
            "order_id": ID,
            "client_order_id": "mine-1",
            "user_id": "00000000-0000-0000-0000-000000000007",
            "institution_id": null,
            "symbol": "BTC/USDT",
            "side": "BUY",
            "order_type": "LIMIT",
            "status": "PARTIALLY_FILLED",
            "reject_reason": null,
            "quantity": "0.5",
            "quote_quantity": null,
            "display_quantity": null,
            "filled_quantity": "0.2",
            "remaining_quantity": "0.3",
            "filled_quote_quantity": "9999.998",
            "average_price": "49999.99",
            "price": "50000",
            "stop_price": null,
            "protection_price": null,
            "time_in_force": "GTC",
            "expires_at": null,
            "post_only": false,
            "self_trade_prevention": "EXPIRE_TAKER",
            "fee": "0.0004",
            "fee_asset": "BTC",
            "deadline": "2023-11-14T22:14:20.000000Z",
            "created_at": "2023-11-14T22:13:20.000000Z",
            "updated_at": "2023-11-14T22:13:20.001500Z",
            "triggered_at": null,
            "filled_at": null,
            "cancelled_at": null,
        })
    );
    let [Asked::Place(caller, placed)] = &script.asked()[..] else {
        panic!("{:?}", script.asked())
    };
    assert_eq!(caller.user_id, order().user_id);
    assert_eq!(placed.terms, order().terms);
}

#[actix_web::test]
async fn a_repeat_gets_the_first_answer() {
    let existing = |placed: Placed| {
        Arc::new(Script {
            placed: Some(placed),
            ..Script::default()
        })
    };
    let answer = ask(&existing(Placed::Existing(Arc::new(order()))), place()).await;
    assert_eq!((answer.status, &answer.body["order_id"]), (200, &json!(ID)));
    let rejected = ended(OrderState::Rejected(RejectReason::InsufficientBalance));
    for placed in [Placed::Existing(rejected.clone()), Placed::New(rejected)] {
        let answer = ask(&existing(placed), place()).await;
        assert_eq!(answer.status, 422);
        assert_eq!(answer.body["code"], "insufficient_balance");
        assert_eq!(answer.body["order_id"], ID);
    }
}

#[actix_web::test]
async fn an_order_whose_outcome_is_not_known_in_time_is_accepted() {
    let pending = |state| {
        let order = Order { state, ..order() };
        Arc::new(Script {
            placed: Some(Placed::Pending(Arc::new(order))),
            ..Script::default()
        })
    };
    let answer = ask(&pending(OrderState::Pending), place()).await;
    assert_eq!((answer.status, &answer.body["status"]), (202, &json!("PENDING")));
    assert_eq!(answer.body.get("settled"), None);
    let answer = ask(&pending(order().state), place()).await;
    assert_eq!(
        (answer.status, &answer.body["status"]),
        (202, &json!("PARTIALLY_FILLED"))
    );
    assert_eq!(answer.body["settled"], false);
    let answer = ask(&pending(OrderState::Rejected(RejectReason::MarketState)), place()).await;
    assert_eq!(
        answer.status, 422,
        "a refusal is known whatever has still to be settled"
    );
}

#[actix_web::test]
async fn a_change_whose_outcome_is_not_known_in_time_is_accepted() {
    let path = format!("/api/v1/orders/{ID}");
    for applied in [false, true] {
        let error = EntryError::Pending {
            order: Arc::new(order()),
            applied,
        };
        let script = Arc::new(Script::refusing(error));
        let requests = [as_trader(delete(&path)), amend(&path, &json!({"price": "50000"}))];
        for request in requests {
            let answer = ask(&script, request).await;
            assert_eq!((answer.status, &answer.body["order_id"]), (202, &json!(ID)));
            let settled = answer.body.get("settled");
            assert_eq!(settled, applied.then_some(&json!(false)));
        }
    }
}

#[actix_web::test]
async fn every_refusal_has_its_status_and_code() {
    let cancelled = OrderState::Cancelled(Progress::default(), CancelReason::Requested);
    for (error, status, code) in [
        (
            EntryError::Invalid(FieldError::new("price", "is odd")),
            400,
            "invalid_field",
        ),
        (EntryError::UnknownMarket, 400, "unknown_symbol"),
        (EntryError::UnknownOrder, 404, "unknown_order"),
        (EntryError::OrderEnded(ended(cancelled)), 409, "order_ended"),
        (
            EntryError::Rejected(ended(OrderState::Rejected(RejectReason::PriceOutOfBand))),
            422,
            "price_out_of_band",
        ),
        (EntryError::Rejected(Arc::new(order())), 500, "internal"),
        (
            EntryError::ClientIdConflict(order().order_id),
            409,
            "client_order_id_conflict",
        ),
        (EntryError::AlreadyPlaced(order().order_id), 409, "already_placed"),
        (
            EntryError::AmendmentRefused(RejectReason::InsufficientBalance),
            422,
            "insufficient_balance",
        ),
        (EntryError::MarketState(MarketState::Halted), 422, "market_state"),
        (EntryError::TransferKeyConflict, 409, "transfer_key_conflict"),
        (EntryError::InsufficientBalance, 422, "insufficient_balance"),
        (
            EntryError::Unavailable {
                reason: "the queue is full",
                retry_after_secs: 2,
            },
            503,
            "unavailable",
        ),
        (EntryError::OutcomeUnknown, 504, "outcome_unknown"),
        (
            EntryError::Pending {
                order: Arc::new(order()),
                applied: false,
            },
            504,
            "outcome_unknown",
        ),
    ] {
        let answer = ask(&Arc::new(Script::refusing(error.clone())), place()).await;
        assert_eq!(
            (answer.status, &answer.body["code"]),
            (status, &json!(code)),
            "{error:?}"
        );
        assert_eq!(
            answer.headers.get(header::CONTENT_TYPE).unwrap(),
            "application/problem+json"
        );
        assert_eq!(answer.body["request_id"], "r-1");
        let names_order = matches!(status, 409 | 422) && answer.body.get("order_id").is_some();
        let with_order = matches!(
            error,
            EntryError::OrderEnded(_)
                | EntryError::Rejected(_)
                | EntryError::ClientIdConflict(_)
                | EntryError::AlreadyPlaced(_)
        );
        assert_eq!(names_order, with_order && status != 500, "{error:?}");
        let retry = answer.headers.get(header::RETRY_AFTER);
        assert_eq!(retry.is_some(), status == 503, "{error:?}");
    }
}

#[actix_web::test]
async fn every_reject_reason_is_its_own_code() {
    for reason in RejectReason::ALL {
        let error = EntryError::Rejected(ended(OrderState::Rejected(*reason)));
        let answer = ask(&Arc::new(Script::refusing(error)), place()).await;
        assert_eq!(
            (answer.status, &answer.body["code"]),
            (422, &json!(reason.code()))
        );
    }
}

#[actix_web::test]
async fn somebody_elses_order_looks_exactly_like_none() {
    let script = Arc::new(Script::default());
    let stranger = |request| as_user(request, 8, &[Scope::Trade]);
    let body = json!({"price": "50000"});
    let path = |id: &str| format!("/api/v1/orders/{id}");
    let client = |id: &str| format!("/api/v1/orders/by-client-id/{id}");
    let mut bodies = Vec::new();
    for request in [
        stranger(get(&path(ID))),
        stranger(delete(&path(ID))),
        stranger(with_json(TestRequest::patch(), &path(ID), &body)),
        stranger(get(&client("mine-1"))),
        stranger(delete(&client("mine-1"))),
        as_trader(get(&path(OTHER_ID))),
        as_trader(delete(&path(OTHER_ID))),
        as_trader(with_json(TestRequest::patch(), &path(OTHER_ID), &body)),
        as_trader(get(&client("mine-2"))),
    ] {
        let answer = ask(&script, request).await;
        assert_eq!(answer.status, 404);
        bodies.push(answer.text);
    }
    assert!(bodies.windows(2).all(|two| two[0] == two[1]), "{bodies:?}");
    assert!(
        !script
            .asked()
            .iter()
            .any(|asked| matches!(asked, Asked::Amend(..)))
    );
}

#[actix_web::test]
async fn an_order_is_found_amended_and_cancelled_by_either_name() {
    for path in [
        format!("/api/v1/orders/{ID}"),
        "/api/v1/orders/by-client-id/mine-1".to_owned(),
    ] {
        let script = Arc::new(Script::default());
        for request in [
            as_trader(get(&path)),
            as_user(get(&path), support::USER, &[Scope::Read]),
            as_trader(delete(&path)),
            amend(&path, &json!({"quantity": "0.25"})),
        ] {
            let answer = ask(&script, request).await;
            assert_eq!(
                (answer.status, &answer.body["order_id"]),
                (200, &json!(ID)),
                "{}",
                answer.text
            );
        }
        let Some(Asked::Amend(_, _, amendment)) = script.asked().pop() else {
            panic!("no amendment")
        };
        assert_eq!(amendment.price, None);
        assert_eq!(amendment.quantity, Quantity::from_lots(Lots(250_000)));
    }
}

#[actix_web::test]
async fn an_amendment_that_asks_for_nothing_or_nonsense_is_refused() {
    let script = Arc::new(Script::default());
    for (body, field) in [
        (json!({}), "price"),
        (json!({"price": "0"}), "price"),
        (json!({"price": "0.001"}), "price"),
        (json!({"price": 5}), "price"),
        (json!({"quantity": "-1"}), "quantity"),
        (json!({"quantity": "0"}), "quantity"),
        (json!({"status": "FILLED"}), "status"),
        (json!({"stop_price": "1"}), "stop_price"),
    ] {
        let answer = ask(&script, amend(&format!("/api/v1/orders/{ID}"), &body)).await;
        assert_eq!(
            (answer.status, &answer.body["field"]),
            (400, &json!(field)),
            "{body}: {}",
            answer.text
        );
    }
    assert!(script.asked().is_empty());
}

#[actix_web::test]
async fn lists_and_mass_cancels_pass_on_what_they_select() {
    let filter = |market, live, limit| OrderFilter {
        market,
        live,
        limit,
        ..OrderFilter::default()
    };
    let btc = Some(MarketNumber(1));
    for (query, expected) in [
        ("", filter(None, None, 100)),
        ("?status=open", filter(None, Some(true), 100)),
        (
            "?symbol=BTC/USDT&status=closed&limit=1000",
            filter(btc, Some(false), 1_000),
        ),
        ("?symbol=BTC-USDT&limit=1", filter(btc, None, 1)),
        ("?symbol=BTC%2FUSDT", filter(btc, None, 100)),
    ] {
        let script = Arc::new(Script::default());
        let answer = ask(&script, as_trader(get(&format!("/api/v1/orders{query}")))).await;
        assert_eq!(
            (answer.status, answer.body["orders"].as_array().unwrap().len()),
            (200, 1)
        );
        assert!(
            matches!(&script.asked()[..], [Asked::Orders(_, asked)] if *asked == expected),
            "{query}"
        );
    }
    for (query, market, side) in [
        ("", None, None),
        ("?symbol=BTC-USDT", btc, None),
        ("?side=SELL", None, Some(Side::Sell)),
    ] {
        let script = Arc::new(Script::default());
        let answer = ask(&script, as_trader(delete(&format!("/api/v1/orders{query}")))).await;
        assert_eq!((answer.status, answer.body), (200, json!({"cancelled": 3})));
        assert!(
            matches!(&script.asked()[..], [Asked::CancelAll(_, m, s)] if (*m, *s) == (market, side)),
            "{query}"
        );
    }
}

#[actix_web::test]
async fn parameters_that_do_not_fit_are_refused() {
    let script = Arc::new(Script::default());
    for (request, field) in [
        (get("/api/v1/orders?user_id=8"), "user_id"),
        (get("/api/v1/orders?limit=0"), "limit"),
        (get("/api/v1/orders?limit=1001"), "limit"),
        (get("/api/v1/orders?status=opened"), "status"),
        (get("/api/v1/orders?before=42"), "before"),
        (get("/api/v1/orders?side=buy"), "side"),
        (get("/api/v1/orders?symbol=ETH/USDT"), "symbol"),
        (get("/api/v1/orders?symbol=x"), "symbol"),
        (get("/api/v1/orders/42"), "order_id"),
        (get("/api/v1/orders/by-client-id/a%20b"), "client_order_id"),
        (delete("/api/v1/orders?side=sell"), "side"),
        (delete("/api/v1/orders?all=true"), "all"),
    ] {
        let answer = ask(&script, as_trader(request)).await;
        assert_eq!(
            (answer.status, &answer.body["field"]),
            (400, &json!(field)),
            "{}",
            answer.text
        );
    }
    let answer = ask(&script, as_trader(get("/api/v1/orders?limit=x"))).await;
    assert_eq!(
        (answer.status, &answer.body["code"]),
        (400, &json!("invalid_field"))
    );
    assert!(script.asked().is_empty());
}

#[actix_web::test]
async fn nothing_happens_without_the_right() {
    let script = Arc::new(Script::default());
    let body =
        json!({"symbol": "BTC/USDT", "side": "BUY", "order_type": "LIMIT", "price": "1", "quantity": "1"});
    let by_id = format!("/api/v1/orders/{ID}");
    let requests = || {
        [
            with_json(TestRequest::post(), "/api/v1/orders", &body),
            with_json(TestRequest::patch(), &by_id, &json!({"price": "1"})),
            delete(&by_id),
            delete("/api/v1/orders"),
        ]
    };
    for request in requests() {
        assert_eq!(ask(&script, request).await.status, 401);
    }
    for request in requests() {
        let answer = ask(
            &script,
            as_user(request, support::USER, &[Scope::Read, Scope::AdminMarkets]),
        )
        .await;
        assert_eq!((answer.status, &answer.body["code"]), (403, &json!("forbidden")));
    }
    for path in ["/api/v1/orders", &by_id, "/api/v1/balances"] {
        assert_eq!(ask(&script, get(path)).await.status, 401);
        let operator = as_user(get(path), support::USER, &[Scope::AdminFunds]);
        assert_eq!(ask(&script, operator).await.status, 403);
    }
    assert!(script.asked().is_empty());
}

#[actix_web::test]
async fn who_has_no_token_is_told_so_before_the_body_is_looked_at() {
    let script = Arc::new(Script::default());
    let request = TestRequest::post().uri("/api/v1/orders").set_payload("no json");
    assert_eq!(ask(&script, request).await.status, 401);
}

#[actix_web::test]
async fn a_question_that_cannot_be_answered_now_may_be_asked_again() {
    let script = Arc::new(Script {
        fail_queries: Some(QueryError::Unavailable),
        ..Script::default()
    });
    let by_id = format!("/api/v1/orders/{ID}");
    let depth = "/api/v1/markets/BTC-USDT/depth";
    for path in [
        &by_id,
        "/api/v1/orders",
        "/api/v1/balances",
        depth,
        "/api/v1/markets/BTC-USDT/trades",
    ] {
        let answer = ask(&script, as_trader(get(path))).await;
        assert_eq!(
            (answer.status, &answer.body["code"]),
            (503, &json!("unavailable")),
            "{path}"
        );
        assert_eq!(answer.headers.get(header::RETRY_AFTER).unwrap(), "1");
    }
}

#[actix_web::test]
async fn each_end_of_an_order_shows_its_own_time_and_reason() {
    let progress = Progress {
        remaining: Lots(0),
        filled: Lots(500_000),
        prevented: Lots(0),
    };
    let at = json!("2023-11-14T22:13:20.002000Z");
    for (state, status, reason, filled_at, cancelled_at) in [
        (
            OrderState::Filled(progress),
            "FILLED",
            Value::Null,
            at.clone(),
            Value::Null,
        ),
        (
            OrderState::Cancelled(progress, CancelReason::SelfTrade),
            "CANCELLED",
            json!("self_trade"),
            Value::Null,
            at.clone(),
        ),
        (
            OrderState::Expired(progress, domain::ExpireReason::TooLate),
            "EXPIRED",
            json!("too_late"),
            Value::Null,
            Value::Null,
        ),
    ] {
        let script = Script {
            placed: Some(Placed::New(ended(state))),
            ..Script::default()
        };
        let body = ask(&Arc::new(script), place()).await.body;
        assert_eq!(body["status"], status);
        assert_eq!(body["reject_reason"], reason, "{status}");
        assert_eq!(body["filled_at"], filled_at, "{status}");
        assert_eq!(body["cancelled_at"], cancelled_at, "{status}");
    }
}

#[actix_web::test]
async fn an_order_by_budget_shows_its_budget_and_no_quantity() {
    let by_budget = Order {
        terms: Terms::Market {
            size: Size::Budget(Amount::parse("100.5").unwrap()),
        },
        protection_price: Price::from_ticks(5_500_000),
        ..order()
    };
    let script = Script {
        placed: Some(Placed::New(Arc::new(by_budget))),
        ..Script::default()
    };
    let body = ask(&Arc::new(script), place()).await.body;
    assert_eq!(body["quantity"], Value::Null);
    assert_eq!(body["remaining_quantity"], Value::Null);
    assert_eq!(body["quote_quantity"], "100.5");
    assert_eq!(body["protection_price"], "55000");
    assert_eq!(body["order_type"], "MARKET");
}
