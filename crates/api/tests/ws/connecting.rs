//! Handshakes, signing in, and the ends of connections.

use std::time::Duration;

use api::WsLimits;
use domain::{ApiKey, KeyMaterial, Side, Stamp, UserId};
use futures_util::SinkExt;
use http::{Credential, Identity, KeyId, Scope, Scopes};
use reqwest::Method;
use runtime::Clock;
use serde_json::json;
use tokio_tungstenite::tungstenite::Message;
use trading::Operations;
use uuid::Uuid;

use crate::client::Client;
use crate::house::{ALICE, BOB, House, Plan, token, token_for};

#[tokio::test]
async fn there_are_four_ways_to_sign_in() {
    let house = House::new().await;
    let token = token(ALICE);
    let balances = json!({"op": "subscribe", "channels": ["balances"]});
    let mut by_header = Client::of(&house, &token).await;
    by_header.ok(balances.clone()).await;
    let by_query = Client::open(&house, &format!("/ws?token={token}"), &[]).await;
    by_query.unwrap().ok(balances.clone()).await;
    let mut by_message = Client::connect(&house).await;
    assert_eq!(by_message.ask(balances.clone()).await["status"], 401);
    by_message.ok(json!({"op": "auth", "token": token})).await;
    by_message.ok(balances.clone()).await;
    let (status, body) = house.call(Method::POST, "/api/v1/ws-ticket", Some(&token)).await;
    assert_eq!((status, body["expires_at"].is_string()), (201, true), "{body}");
    let path = format!("/ws?ticket={}", body["ticket"].as_str().unwrap());
    Client::open(&house, &path, &[]).await.unwrap().ok(balances).await;
    assert_eq!(
        Client::open(&house, &path, &[]).await.err(),
        Some(401),
        "a ticket is good once"
    );
    assert_eq!(house.call(Method::POST, "/api/v1/ws-ticket", None).await.0, 401);
}

#[tokio::test]
async fn a_bad_handshake_is_answered_over_http() {
    let plan = Plan {
        origins: vec!["https://app.example.com"],
        ..Plan::default()
    };
    let house = House::with(plan).await;
    let good = format!("Bearer {}", token(ALICE));
    for (path, headers, status) in [
        ("/ws", vec![("origin", "https://evil.example.com")], 403),
        ("/ws", vec![("origin", "null")], 403),
        ("/ws", vec![("authorization", "Bearer nonsense")], 401),
        ("/ws?token=nonsense", vec![], 401),
        ("/ws?ticket=nonsense", vec![], 401),
        ("/ws?token=a&ticket=b", vec![], 400),
        ("/ws?tokens=a", vec![], 400),
        ("/ws?token=a", vec![("authorization", good.as_str())], 400),
    ] {
        let refused = Client::open(&house, path, &headers).await.err();
        assert_eq!(refused, Some(status), "{path} {headers:?}");
    }
    let (status, body) = house.call(Method::GET, "/ws", None).await;
    assert_eq!(
        (status, body["code"].as_str()),
        (400, Some("bad_request")),
        "{body}"
    );
    for origin in ["https://app.example.com", &format!("http://{}", house.address)] {
        let opened = Client::open(&house, "/ws", &[("origin", origin)]).await;
        assert!(opened.is_ok(), "{origin}");
    }
}

#[tokio::test]
async fn whoever_asks_for_nothing_is_sent_away() {
    let limits = WsLimits {
        first_request: Duration::from_millis(50),
        ..Plan::default().limits
    };
    let house = House::with(Plan {
        limits,
        ..Plan::default()
    })
    .await;
    let mut asking = Client::connect(&house).await;
    asking.ok(json!({"op": "ping"})).await;
    let mut signed_in = Client::of(&house, &token(ALICE)).await;
    assert_eq!(Client::connect(&house).await.closed().await, 4002);
    asking.ok(json!({"op": "ping"})).await;
    signed_in.ok(json!({"op": "ping"})).await;
}

#[tokio::test]
async fn a_connection_ends_with_its_token_unless_a_fresh_one_comes() {
    let house = House::new().await;
    let short = token_for(ALICE, &[Scope::Trade], 2);
    let mut ending = Client::of(&house, &short).await;
    let mut renewed = Client::of(&house, &short).await;
    let other = renewed.ask(json!({"op": "auth", "token": token(BOB)})).await;
    assert_eq!(other["status"], 403, "another user's token does not do");
    renewed.ok(json!({"op": "auth", "token": token(ALICE)})).await;
    assert_eq!(ending.closed().await, 4004);
    renewed.subscribe(&["orders"]).await;
}

/// Where a ticket of alice's API key leads.
async fn with_key(house: &House, key_id: &str) -> String {
    let identity = Identity {
        user_id: Uuid::from_u128(ALICE),
        institution_id: None,
        scopes: Scopes::of(&[Scope::Trade]),
        expires_secs: None,
        credential: Credential::ApiKey(KeyId::new(key_id).unwrap()),
    };
    let ticket = house.tickets.issue(identity, Clock::System.monotonic()).await;
    format!("/ws?ticket={}", ticket.unwrap())
}

async fn add_key(house: &House, key_id: &str) {
    let key = ApiKey {
        key_id: key_id.parse().unwrap(),
        user_id: UserId::from_u128(ALICE),
        institution_id: None,
        label: String::new(),
        material: KeyMaterial::Ed25519([7; 32]),
        scope: "trade".to_owned(),
        addresses: Vec::new(),
        created_at: Stamp::FIRST,
        revoked_at: None,
    };
    house.exchange.add_api_key(key).await.unwrap();
}

#[tokio::test]
async fn a_connection_ends_when_its_api_key_is_revoked() {
    // Only a request finds it out: no heartbeat comes.
    let limits = WsLimits {
        heartbeat: Duration::from_secs(3_600),
        idle: Duration::from_secs(3_600),
        ..Plan::default().limits
    };
    let house = House::with(Plan {
        limits,
        ..Plan::default()
    })
    .await;
    house.fund(&[ALICE]).await;
    for key in ["one", "two"] {
        add_key(&house, key).await;
    }
    let open = async |key| Client::open(&house, &with_key(&house, key).await, &[]).await;
    let mut revoked = open("one").await.unwrap();
    let mut good = open("two").await.unwrap();
    revoked.subscribe(&["orders"]).await;
    let late = with_key(&house, "one").await;
    let order = house.place(ALICE, Side::Buy, 1, 10_000).await;
    house
        .exchange
        .revoke_api_key("one".parse().unwrap())
        .await
        .unwrap();
    let cancel = json!({"op": "cancel", "order_id": order.order_id.to_string()});
    revoked.send(cancel.to_string()).await;
    assert_eq!(revoked.closed().await, 4004);
    assert_eq!(
        Client::open(&house, &late, &[]).await.err(),
        Some(401),
        "a ticket of it"
    );
    // The order is as it was: what came too late was not run.
    good.ok(cancel).await;
}

#[tokio::test]
async fn a_heartbeat_finds_a_revoked_api_key_too() {
    let limits = WsLimits {
        heartbeat: Duration::from_millis(20),
        ..Plan::default().limits
    };
    let house = House::with(Plan {
        limits,
        ..Plan::default()
    })
    .await;
    add_key(&house, "one").await;
    let path = with_key(&house, "one").await;
    let mut listening = Client::open(&house, &path, &[]).await.unwrap();
    listening.subscribe(&["orders"]).await;
    house
        .exchange
        .revoke_api_key("one".parse().unwrap())
        .await
        .unwrap();
    assert_eq!(listening.closed().await, 4004);
}

#[tokio::test]
async fn a_bad_token_ends_the_connection() {
    let house = House::new().await;
    let expired = token_for(ALICE, &[Scope::Trade], 0);
    for token in ["", "nonsense", &expired] {
        // A token without a second left is good until the second has passed.
        let mut client = Client::connect(&house).await;
        client
            .send(json!({"op": "auth", "token": token}).to_string())
            .await;
        let code = client.closed().await;
        assert!(
            code == 4001 || (token == expired && code == 4004),
            "{code} {token}"
        );
    }
}

#[tokio::test]
async fn what_is_no_request_ends_the_connection() {
    let house = House::new().await;
    for text in [
        "",
        "x",
        "[]",
        "7",
        "{",
        "{}",
        r#"{"op":7}"#,
        r#"{"op":"dance"}"#,
        r#"{"op":"ping"}x"#,
    ] {
        let mut client = Client::connect(&house).await;
        client.send(text).await;
        assert_eq!(client.closed().await, 4000, "{text}");
    }
    let mut client = Client::connect(&house).await;
    client.socket.send(Message::binary(vec![1, 2])).await.unwrap();
    assert_eq!(client.closed().await, 1003);
}

#[tokio::test]
async fn a_request_with_a_fault_is_answered_and_changes_nothing() {
    let house = House::new().await;
    let mut client = Client::of(&house, &token(ALICE)).await;
    for (request, code, field) in [
        (json!({"op": "ping", "extra": 1}), "invalid_field", Some("extra")),
        (json!({"op": "subscribe"}), "invalid_field", Some("channels")),
        (
            json!({"op": "subscribe", "channels": []}),
            "invalid_field",
            Some("channels"),
        ),
        (
            json!({"op": "subscribe", "channels": ["depth"]}),
            "invalid_field",
            Some("channels"),
        ),
        (
            json!({"op": "subscribe", "channels": ["depth:BTC-USDT:1m"]}),
            "invalid_field",
            Some("channels"),
        ),
        (
            json!({"op": "subscribe", "channels": ["candles:BTC-USDT:2m"]}),
            "invalid_field",
            Some("channels"),
        ),
        (
            json!({"op": "subscribe", "channels": ["candles:BTC-USDT"]}),
            "invalid_field",
            Some("channels"),
        ),
        (
            json!({"op": "subscribe", "channels": ["orders:BTC-USDT"]}),
            "invalid_field",
            Some("channels"),
        ),
        (
            json!({"op": "subscribe", "channels": ["depth:NO-SUCH"]}),
            "unknown_symbol",
            Some("symbol"),
        ),
        (
            json!({"op": "subscribe", "channels": ["fills"], "fills_after": "x"}),
            "invalid_field",
            Some("fills_after"),
        ),
        (
            json!({"op": "subscribe", "channels": ["orders"], "fills_after": "018bcfe5-687b-7000-8000-00000000002a"}),
            "invalid_field",
            Some("fills_after"),
        ),
        (json!({"op": "cancel"}), "invalid_field", Some("order_id")),
        (
            json!({"op": "batch", "items": []}),
            "invalid_field",
            Some("items"),
        ),
        (
            json!({"op": "cancel_all_after", "timeout_ms": 1}),
            "invalid_field",
            Some("timeout_ms"),
        ),
        (
            json!({"op": "place", "order": {"symbol": "BTC/USDT", "price": 1}}),
            "invalid_field",
            Some("price"),
        ),
    ] {
        let answer = client.ask(request.clone()).await;
        let error = &answer["error"];
        assert_eq!(answer["status"], 400, "{request} {answer}");
        assert_eq!(
            (error["code"].as_str(), error["field"].as_str()),
            (Some(code), field),
            "{request} {answer}"
        );
        assert_eq!(error["status"], 400, "{answer}");
    }
    assert_eq!(
        client.ok(json!({"op": "subscriptions"})).await,
        json!({"channels": []})
    );
    // An id that is none is not repeated.
    for id in [json!(1.5), json!(true), json!({}), json!("x".repeat(65))] {
        client.send(json!({"op": "ping", "id": id}).to_string()).await;
        let answer = client.next().await;
        assert_eq!(
            (&answer["status"], answer.get("id")),
            (&json!(400), None),
            "{answer}"
        );
    }
    let longest = "\u{20ac}".repeat(64);
    client
        .send(json!({"op": "ping", "id": longest}).to_string())
        .await;
    assert_eq!(client.next().await["id"], json!(longest));
}

#[tokio::test]
async fn the_server_says_why_when_it_stops() {
    let house = House::new().await;
    let mut client = Client::connect(&house).await;
    client.ok(json!({"op": "ping"})).await;
    let streams = std::sync::Arc::clone(&house.streams);
    let stopping = tokio::spawn(async move { streams.stop(crate::house::PATIENCE).await });
    assert_eq!(client.closed().await, 1001);
    stopping.await.unwrap();
    assert_eq!(house.streams.connections(), 0);
    assert_eq!(Client::open(&house, "/ws", &[]).await.err(), Some(503));
}
