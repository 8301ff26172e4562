//! API keys from their making to their end, with real signatures.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Answer, Signer, Venue, limit_order};

const KEYS: &str = "/api/v1/admin/api-keys";
const ALICE: &str = "00000000-0000-0000-0000-000000000001";
const ORDERS: &str = "/api/v1/orders";

/// Makes a key of alice's; its id and what signs for it.
async fn made(venue: &Venue, algorithm: &str, scopes: &[&str], addresses: &[&str]) -> (String, Signer) {
    let mut body = json!({
        "user_id": ALICE, "algorithm": algorithm, "scopes": scopes, "addresses": addresses, "label": "bot"
    });
    let pair = Signer::ed25519();
    if algorithm == "ED25519" {
        body["public_key"] = json!(pair.public_key());
    }
    let answer = venue.post("operator", KEYS, body).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    let id = answer.body["key_id"].as_str().unwrap().to_owned();
    match answer.body["secret"].as_str() {
        Some(secret) => (id, Signer::Hmac(secret.to_owned())),
        None => (id, pair),
    }
}

/// Sends a request that is signed now.
async fn signed(venue: &Venue, key: &(String, Signer), method: &str, target: &str, body: &str) -> Answer {
    // Each request has a time of its own: the same one twice is a replay.
    venue.pass(Duration::from_millis(1)).await;
    let now_ms = venue.clock.wall_us() / 1_000;
    venue
        .send(key.1.request(&key.0, now_ms, method, target, body))
        .await
}

fn order() -> String {
    limit_order("BUY", "49000", "0.01").to_string()
}

#[actix_web::test]
async fn both_kinds_of_keys_place_cancel_and_look() {
    let venue = Venue::open().await;
    for algorithm in ["ED25519", "HMAC_SHA256"] {
        let key = made(&venue, algorithm, &["trade", "read"], &[]).await;
        let placed = signed(&venue, &key, "POST", ORDERS, &order()).await;
        assert_eq!(
            (placed.status, &placed.body["user_id"]),
            (201, &json!(ALICE)),
            "{}",
            placed.text
        );
        let path = format!("{ORDERS}/{}", placed.body["order_id"].as_str().unwrap());
        assert_eq!(signed(&venue, &key, "GET", &path, "").await.status, 200);
        assert_eq!(
            signed(&venue, &key, "GET", "/api/v1/orders?limit=1&status=open", "")
                .await
                .status,
            200
        );
        assert_eq!(signed(&venue, &key, "DELETE", &path, "").await.status, 200);
        assert_eq!(
            signed(&venue, &key, "GET", KEYS, "").await.status,
            403,
            "no key has an operator's right"
        );
    }
}

#[actix_web::test]
async fn a_key_does_what_its_rights_say_from_where_it_may_until_it_is_revoked() {
    let venue = Venue::open().await;
    let reading = made(&venue, "ED25519", &["read"], &[]).await;
    let answer = signed(&venue, &reading, "POST", ORDERS, &order()).await;
    assert_eq!((answer.status, &answer.body["code"]), (403, &json!("forbidden")));
    assert_eq!(
        signed(&venue, &reading, "GET", "/api/v1/balances", "")
            .await
            .status,
        200
    );

    // The requests of these tests come from 127.0.0.1.
    for (addresses, status) in [
        (&["127.0.0.1"][..], 201),
        (&["10.0.0.0/8", "127.0.0.0/8"], 201),
        (&["10.0.0.0/8"], 401),
        (&["::1"], 401),
    ] {
        let key = made(&venue, "HMAC_SHA256", &["trade"], addresses).await;
        let answer = signed(&venue, &key, "POST", ORDERS, &order()).await;
        assert_eq!(answer.status, status, "{addresses:?}");
    }

    let key = made(&venue, "ED25519", &["trade"], &[]).await;
    assert_eq!(signed(&venue, &key, "POST", ORDERS, &order()).await.status, 201);
    let path = format!("{KEYS}/{}", key.0);
    let revoked = venue.delete("operator", &path).await;
    assert_eq!(revoked.status, 200, "{}", revoked.text);
    assert!(revoked.body["revoked_at"].is_string());
    assert_eq!(signed(&venue, &key, "POST", ORDERS, &order()).await.status, 401);
    let again = venue.delete("operator", &path).await;
    assert_eq!(
        (again.status, &again.body["revoked_at"]),
        (200, &revoked.body["revoked_at"])
    );
}

#[actix_web::test]
async fn a_secret_is_shown_once() {
    let venue = Venue::open().await;
    let (id, signer) = made(&venue, "HMAC_SHA256", &["trade"], &[]).await;
    let Signer::Hmac(secret) = signer else {
        panic!("no secret was shown")
    };
    let listed = venue.get("operator", &format!("{KEYS}?user_id={ALICE}")).await;
    let keys = listed.body["api_keys"].as_array().unwrap();
    assert_eq!(
        (keys.len(), &keys[0]["key_id"], &keys[0]["label"]),
        (1, &json!(id), &json!("bot"))
    );
    let audit = std::fs::read_to_string(venue.audit_file()).unwrap();
    for text in [listed.text, audit] {
        assert!(text.contains(&id) && !text.contains(&secret), "{text}");
    }
    let others = venue
        .get(
            "operator",
            &format!("{KEYS}?user_id=00000000-0000-0000-0000-000000000002"),
        )
        .await;
    assert_eq!(others.body, json!({"api_keys": []}));
}

#[actix_web::test]
async fn keys_that_do_not_fit_are_refused() {
    let venue = Venue::open().await;
    let public = Signer::ed25519().public_key();
    let good = json!({"user_id": ALICE, "algorithm": "ED25519", "scopes": ["trade"], "public_key": public});
    for (changes, field) in [
        (json!({"user_id": "alice"}), "user_id"),
        (json!({"institution_id": "x"}), "institution_id"),
        (json!({"algorithm": "RSA"}), "algorithm"),
        (json!({"scopes": []}), "scopes"),
        (json!({"scopes": ["withdraw"]}), "scopes"),
        (json!({"scopes": ["admin:funds"]}), "scopes"),
        (json!({"scopes": "trade"}), "scopes"),
        (json!({"public_key": null}), "public_key"),
        (json!({"public_key": "AAAA"}), "public_key"),
        (json!({"public_key": "no base64"}), "public_key"),
        (json!({"algorithm": "HMAC_SHA256"}), "public_key"),
        (json!({"addresses": ["home"]}), "addresses"),
        (json!({"addresses": ["10.0.0.0/33"]}), "addresses"),
        (json!({"addresses": vec!["10.0.0.1"; 33]}), "addresses"),
        (json!({"label": "x".repeat(101)}), "label"),
        (json!({"secret": "mine"}), "secret"),
    ] {
        let mut body = good.clone();
        for (name, value) in changes.as_object().unwrap() {
            body[name] = value.clone();
        }
        let answer = venue.post("operator", KEYS, body).await;
        assert_eq!(
            (answer.status, &answer.body["field"]),
            (400, &json!(field)),
            "{changes}: {}",
            answer.text
        );
    }
    for (path, status, code) in [
        (format!("{KEYS}/nobodys"), 404, "unknown_api_key"),
        (format!("{KEYS}/a%20b"), 400, "invalid_field"),
    ] {
        let answer = venue.delete("operator", &path).await;
        assert_eq!(
            (answer.status, &answer.body["code"]),
            (status, &json!(code)),
            "{path}"
        );
    }
    let answer = venue.get("operator", KEYS).await;
    assert_eq!((answer.status, &answer.body["field"]), (400, &json!("user_id")));
    let listed = venue.get("operator", &format!("{KEYS}?user_id={ALICE}")).await;
    assert_eq!(listed.body["api_keys"], Value::Array(Vec::new()));
}
