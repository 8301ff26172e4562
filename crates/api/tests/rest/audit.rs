//! Every act of an operator, and every act that was refused, is a line in the audit file.

use std::time::Duration;

use api::Reloaded;
use http::AuditLog;
use serde_json::{Value, json};

use crate::support::{Settings, Venue};

const ALICE: &str = "00000000-0000-0000-0000-000000000001";

fn transfer(key: &str) -> Value {
    json!({"key": key, "user_id": ALICE, "asset": "USDT", "amount": "10"})
}

fn definition() -> Value {
    json!({
        "symbol": "ETH/USDT", "tick": "0.01", "lot": "0.0001", "min_quantity": "0.001", "max_quantity": "1000",
        "max_price": "100000", "min_notional": "5", "maker_fee": "0.001", "taker_fee": "0.002",
        "max_open_orders": 200
    })
}

/// Every act: method, path, body, and the action and target that the file names.
fn acts() -> Vec<(&'static str, String, Value, &'static str, &'static str)> {
    let admin = |path: &str| format!("/api/v1/admin/{path}");
    let fees = json!({"maker_fee": "0", "taker_fee": "0"});
    vec![
        ("POST", admin("deposits"), transfer("d-1"), "funds.deposit", "d-1"),
        (
            "POST",
            admin("withdrawals"),
            transfer("w-1"),
            "funds.withdraw",
            "w-1",
        ),
        (
            "POST",
            admin("markets"),
            definition(),
            "market.define",
            "ETH/USDT",
        ),
        (
            "PUT",
            admin("markets/ETH-USDT/state"),
            json!({"state": "halted"}),
            "market.state",
            "ETH/USDT",
        ),
        (
            "PUT",
            admin("markets/ETH-USDT/fees"),
            fees,
            "market.fees",
            "ETH/USDT",
        ),
        (
            "POST",
            admin("orders/cancel"),
            json!({"symbol": "ETH/USDT"}),
            "orders.cancel",
            "orders",
        ),
        (
            "POST",
            admin("tiers"),
            json!({"name": "vip"}),
            "tier.define",
            "vip",
        ),
        (
            "PUT",
            admin(&format!("accounts/{ALICE}")),
            json!({"tier": "vip"}),
            "account.tier",
            ALICE,
        ),
    ]
}

async fn act(venue: &Venue, who: &str, method: &str, path: &str, body: Value) -> u16 {
    let answer = match method {
        "PUT" => venue.put(who, path, body).await,
        _ => venue.post(who, path, body).await,
    };
    answer.status
}

#[actix_web::test]
async fn every_act_is_a_line_with_who_what_and_how_it_ended() {
    let venue = Venue::open().await;
    for (method, path, body, ..) in acts() {
        let status = act(&venue, "operator", method, &path, body).await;
        assert!((200..300).contains(&status), "{path}: {status}");
    }
    let lines = venue.audit();
    assert_eq!(lines.len(), acts().len());
    for (line, (_, path, _, action, target)) in lines.iter().zip(acts()) {
        assert_eq!(
            (&line["action"], &line["target"]),
            (&json!(action), &json!(target)),
            "{path}"
        );
        assert_eq!(
            (&line["outcome"], &line["request_id"]),
            (&json!("done"), &json!("r-1")),
            "{path}"
        );
        assert_eq!(line["actor"], "00000000-0000-0000-0000-000000000009");
        assert_eq!(
            (&line["address"], &line["credential"]),
            (&json!("127.0.0.1"), &json!("token"))
        );
        assert_ne!(line["after"], Value::Null, "{path}");
    }
    let state = &lines[3];
    assert_eq!(
        (&state["before"], &state["after"]),
        (&json!("open"), &json!("halted"))
    );
    assert_eq!(AuditLog::verify(venue.audit_file()).unwrap(), 8);
}

#[actix_web::test]
async fn what_was_refused_is_a_line_too() {
    let venue = Venue::open().await;
    for (method, path, body, ..) in acts() {
        assert_eq!(act(&venue, "alice", method, &path, body).await, 403, "{path}");
    }
    let looked = venue
        .get("alice", &format!("/api/v1/admin/accounts/{ALICE}"))
        .await;
    assert_eq!(looked.status, 403);
    let lines = venue.audit();
    assert_eq!(lines.len(), acts().len() + 1);
    for line in &lines {
        assert_eq!(
            (&line["action"], &line["outcome"]),
            (&json!("refused"), &json!("forbidden"))
        );
        assert_eq!(line["actor"], ALICE);
        assert!(
            line["target"].as_str().unwrap().starts_with("/api/v1/admin/"),
            "{line}"
        );
    }
    assert_eq!(
        lines[3]["target"], "/api/v1/admin/markets/{symbol}/state",
        "the route, not what was sent"
    );
    let nobody = venue.get("nobody", "/api/v1/admin/tiers").await;
    assert_eq!(
        (nobody.status, venue.audit().len()),
        (401, lines.len()),
        "nobody has no name to write"
    );
}

#[actix_web::test]
async fn an_act_that_fails_is_a_line_with_its_code() {
    let venue = Venue::open().await;
    let mut more = transfer("w-2");
    more["amount"] = json!("99999999");
    for (path, body, status, code) in [
        ("withdrawals", more, 422, "insufficient_balance"),
        (
            "deposits",
            json!({"key": "fund-1-USDT", "user_id": ALICE, "asset": "USDT", "amount": "1"}),
            409,
            "transfer_key_conflict",
        ),
    ] {
        let answer = venue
            .post("operator", &format!("/api/v1/admin/{path}"), body)
            .await;
        assert_eq!((answer.status, &answer.body["code"]), (status, &json!(code)));
        assert_eq!(venue.audit().last().unwrap()["outcome"], code);
    }
    let before = venue.audit().len();
    let answer = venue.post("operator", "/api/v1/admin/deposits", json!({})).await;
    assert_eq!(
        (answer.status, venue.audit().len()),
        (400, before),
        "what cannot be read is no act"
    );
}

/// Waits until the file has so many lines.
async fn until_lines(venue: &Venue, count: usize) -> Vec<Value> {
    for _ in 0..20_000 {
        let lines = venue.audit();
        if lines.len() >= count {
            return lines;
        }
        actix_web::rt::time::sleep(Duration::from_millis(1)).await;
    }
    panic!("waited in vain for {count} lines");
}

#[actix_web::test]
async fn who_goes_away_before_the_answer_is_written_down_all_the_same() {
    let venue = Venue::open().await;
    let post = |who: &str, key: &str| crate::support::post(who, "/api/v1/admin/deposits", &transfer(key));
    venue.abandon(post("operator", "d-1")).await;
    let lines = until_lines(&venue, 1).await;
    assert_eq!(
        (&lines[0]["target"], &lines[0]["outcome"]),
        (&json!("d-1"), &json!("done"))
    );
    assert_eq!(venue.balance("alice", "USDT").await.0, "1000010");
    venue.abandon(post("alice", "d-2")).await;
    assert_eq!(until_lines(&venue, 2).await[1]["outcome"], "forbidden");
}

#[actix_web::test]
async fn settings_are_read_again_and_the_answer_says_what_came_of_it() {
    let path = "/api/v1/admin/reload";
    let report = Reloaded {
        applied: vec!["limits.orders_per_second".to_owned()],
        needs_restart: vec!["server.http_port".to_owned()],
    };
    let venue = Venue::open().await.reloading(Settings(Ok(report)));
    let request = || crate::support::by("operator", actix_web::test::TestRequest::post().uri(path));
    let answer = venue.send(request()).await;
    assert_eq!(
        (answer.status, &answer.body),
        (
            200,
            &json!({"applied": ["limits.orders_per_second"], "needs_restart": ["server.http_port"]})
        )
    );
    assert_eq!(venue.audit()[0]["after"], answer.body);
    let venue = venue.reloading(Settings(Err(vec!["limits: must not be 0".to_owned()])));
    let answer = venue.send(request()).await;
    assert_eq!(
        (answer.status, &answer.body["code"], &answer.body["errors"]),
        (422, &json!("settings_refused"), &json!(["limits: must not be 0"]))
    );
    assert_eq!(venue.audit()[1]["outcome"], "settings_refused");
    assert_eq!(
        venue.post("operator", path, json!({})).await.status,
        400,
        "it takes no body"
    );
}
