//! What operators see of users, and the fees that tiers and markets set.

use serde_json::{Value, json};

use crate::support::Venue;

const ALICE: &str = "/api/v1/admin/accounts/00000000-0000-0000-0000-000000000001";

async fn traded() -> Venue {
    let venue = Venue::open().await;
    venue.place("bob", "SELL", "50000", "0.01").await;
    venue.place("alice", "BUY", "50000", "0.01").await;
    venue.place("alice", "BUY", "49000", "0.01").await;
    venue
}

#[actix_web::test]
async fn operators_look_with_the_users_eyes() {
    let venue = traded().await;
    for (own, list) in [("orders", "orders"), ("trades", "trades"), ("ledger", "entries")] {
        for query in ["", "?limit=1"] {
            let seen = venue.get("alice", &format!("/api/v1/{own}{query}")).await;
            let shown = venue.get("looker", &format!("{ALICE}/{own}{query}")).await;
            assert_eq!(
                (shown.status, shown.body),
                (200, seen.body.clone()),
                "{own}{query}"
            );
            assert!(!seen.body[list].as_array().unwrap().is_empty(), "{own}");
        }
        let answer = venue.get("looker", &format!("{ALICE}/{own}?limit=0")).await;
        assert_eq!((answer.status, &answer.body["field"]), (400, &json!("limit")));
        let answer = venue
            .get("looker", &format!("/api/v1/admin/accounts/alice/{own}"))
            .await;
        assert_eq!((answer.status, &answer.body["field"]), (400, &json!("user_id")));
    }
    let account = venue.get("looker", ALICE).await;
    let balances = venue.get("alice", "/api/v1/balances").await;
    assert_eq!(
        account.body,
        json!({
            "user_id": "00000000-0000-0000-0000-000000000001", "tier": null,
            "balances": balances.body["balances"]
        })
    );
    let stranger = venue
        .get(
            "looker",
            "/api/v1/admin/accounts/00000000-0000-0000-0000-0000000000ff",
        )
        .await;
    assert_eq!((stranger.status, &stranger.body["balances"]), (200, &json!([])));
}

#[actix_web::test]
async fn each_look_wants_its_own_right() {
    let venue = traded().await;
    let keys = "/api/v1/admin/api-keys?user_id=00000000-0000-0000-0000-000000000001";
    let of = |own: &str| format!("{ALICE}/{own}");
    for path in [
        of("orders"),
        of("trades"),
        of("ledger"),
        ALICE.to_owned(),
        keys.to_owned(),
    ] {
        for (who, status) in [
            ("nobody", 401),
            ("alice", 403),
            ("funds", 403),
            ("looker", 200),
            ("operator", 200),
        ] {
            assert_eq!(venue.get(who, &path).await.status, status, "{who} {path}");
        }
    }
    for (path, body) in [
        (ALICE, json!({"tier": null})),
        ("/api/v1/admin/tiers", json!({"name": "t"})),
    ] {
        let answer = match path {
            ALICE => venue.put("looker", path, body).await,
            _ => venue.post("looker", path, body).await,
        };
        assert_eq!(answer.status, 403, "who looks changes nothing");
    }
}

/// The fee of alice's next purchase of 0.01 BTC at 50000, as taker.
async fn fee(venue: &Venue) -> Value {
    venue.place("bob", "SELL", "50000", "0.01").await;
    let bought = venue.place("alice", "BUY", "50000", "0.01").await;
    bought.body["fee"].clone()
}

#[actix_web::test]
async fn fees_are_the_tiers_else_the_markets() {
    let venue = Venue::open().await;
    assert_eq!(fee(&venue).await, "0.00002");
    let fees = "/api/v1/admin/markets/BTC-USDT/fees";
    let answer = venue
        .put("operator", fees, json!({"maker_fee": "0", "taker_fee": "0.003"}))
        .await;
    assert_eq!(
        (answer.status, &answer.body["taker_fee"]),
        (200, &json!("0.003")),
        "{}",
        answer.text
    );
    let market = venue.get("nobody", "/api/v1/markets/BTC-USDT").await;
    assert_eq!(market.body["taker_fee"], "0.003");
    assert_eq!(fee(&venue).await, "0.00003");
    let tier = json!({"name": "vip", "taker_fee": "0.001"});
    venue.post("operator", "/api/v1/admin/tiers", tier).await;
    venue.put("operator", ALICE, json!({"tier": "vip"})).await;
    assert_eq!(fee(&venue).await, "0.00001");
    for (path, body, status, field) in [
        (fees, json!({"maker_fee": "0"}), 400, json!("taker_fee")),
        (
            fees,
            json!({"maker_fee": "1", "taker_fee": "0"}),
            400,
            json!("maker_fee"),
        ),
        (
            fees,
            json!({"maker_fee": "0", "taker_fee": "-1"}),
            400,
            json!("taker_fee"),
        ),
        (
            fees,
            json!({"maker_fee": "0", "taker_fee": "0", "symbol": "X/Y"}),
            400,
            json!("symbol"),
        ),
        (
            "/api/v1/admin/markets/ETH-USDT/fees",
            json!({"maker_fee": "0", "taker_fee": "0"}),
            404,
            Value::Null,
        ),
    ] {
        let answer = venue.put("operator", path, body.clone()).await;
        assert_eq!(
            (answer.status, &answer.body["field"]),
            (status, &field),
            "{body}: {}",
            answer.text
        );
    }
}
