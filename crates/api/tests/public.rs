//! What everybody may see: markets, depth, trades, balances of oneself, status, health.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::sync::Arc;

use actix_web::http::Method;
use serde_json::json;
use support::{Script, as_trader, ask, get};

#[actix_web::test]
async fn markets_depth_and_trades_need_no_token() {
    let script = Arc::new(Script::default());
    let market = json!({
        "number": 1, "symbol": "BTC/USDT", "base_asset": "BTC", "quote_asset": "USDT", "state": "open",
        "tick": "0.01", "lot": "0.000001", "min_quantity": "0.00001", "max_quantity": "1000",
        "max_price": "1000000", "min_notional": "5", "market_band": "0.1", "limit_band": null,
        "initial_price": null, "maker_fee": "0.001", "taker_fee": "0.002", "max_open_orders": 200
    });
    for (path, body) in [
        ("/api/v1/markets", json!({"markets": [market]})),
        ("/api/v1/markets/BTC-USDT", market.clone()),
        (
            "/api/v1/markets/BTC-USDT/depth",
            json!({
                "symbol": "BTC/USDT", "last_seq": 17,
                "bids": [["49999", "1"], ["49998", "0.000001"]], "asks": [["50001", "0.25"]]
            }),
        ),
        (
            "/api/v1/markets/BTC-USDT/depth?limit=1",
            json!({
                "symbol": "BTC/USDT", "last_seq": 17, "bids": [["49999", "1"]], "asks": [["50001", "0.25"]]
            }),
        ),
        (
            "/api/v1/markets/BTC-USDT/trades",
            json!({"trades": [{
                "trade_id": "018bcfe5-6800-7000-8040-000000000001", "symbol": "BTC/USDT", "price": "50000",
                "quantity": "0.5", "quote_quantity": "25000", "is_buyer_maker": false,
                "executed_at": "2023-11-14T22:13:20.000000Z"
            }]}),
        ),
    ] {
        let answer = ask(&script, get(path)).await;
        assert_eq!((answer.status, answer.body), (200, body), "{path}");
    }
}

#[actix_web::test]
async fn a_market_that_does_not_exist_is_not_found() {
    let script = Arc::new(Script::default());
    for symbol in ["ETH-USDT", "btc-usdt", "BTCUSDT", "..", "%00"] {
        for rest in ["", "/depth", "/trades"] {
            let answer = ask(&script, get(&format!("/api/v1/markets/{symbol}{rest}"))).await;
            assert_eq!(answer.status, 404, "{symbol}{rest}");
        }
    }
    for query in ["limit=0", "limit=1001", "limit=-1", "levels=5"] {
        let answer = ask(&script, get(&format!("/api/v1/markets/BTC-USDT/depth?{query}"))).await;
        assert_eq!(
            (answer.status, &answer.body["code"]),
            (400, &json!("invalid_field")),
            "{query}"
        );
    }
}

#[actix_web::test]
async fn balances_are_decimal_strings() {
    let answer = ask(&Arc::new(Script::default()), as_trader(get("/api/v1/balances"))).await;
    assert_eq!(
        (answer.status, answer.body),
        (
            200,
            json!({"balances": [{
                "asset": "USDT", "available_balance": "12.5", "reserved_balance": "0.00000001", "version": 9
            }]})
        )
    );
}

#[actix_web::test]
async fn status_and_health_say_how_it_is() {
    let well = Arc::new(Script::default());
    let unwell = Arc::new(Script {
        not_ready: true,
        ..Script::default()
    });
    let time = "2023-11-14T22:13:20.000000Z";
    let running = json!({"service": "trade-engine", "version": "1.2.3", "status": "running", "time": time});
    let alive = json!({"status": "alive"});
    for (script, path, status, body) in [
        (&well, "/api/v1/status", 200, running),
        (&well, "/health", 200, alive.clone()),
        (&unwell, "/health/live", 200, alive),
        (
            &well,
            "/health/ready",
            200,
            json!({"status": "ready", "dependencies": {"journal": "ok"}}),
        ),
        (
            &unwell,
            "/health/ready",
            503,
            json!({"status": "not_ready", "dependencies": {"journal": "the disk is nearly full"}}),
        ),
    ] {
        let answer = ask(script, get(path)).await;
        assert_eq!((answer.status, answer.body), (status, body), "{path}");
        if path.starts_with("/health") {
            let only_asked = ask(script, get(path).method(Method::HEAD)).await;
            assert_eq!(only_asked.status, status, "HEAD {path}");
        }
    }
}

#[actix_web::test]
async fn what_does_not_exist_is_a_problem_too() {
    let script = Arc::new(Script::default());
    for (path, status) in [
        ("/metrics", 404),
        ("/api/v1/nothing", 404),
        ("/api/v1/admin/deposits", 405),
    ] {
        let answer = ask(&script, get(path)).await;
        assert_eq!(
            (answer.status, &answer.body["request_id"]),
            (status, &json!("r-1")),
            "{path}"
        );
    }
}
