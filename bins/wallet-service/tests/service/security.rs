//! Who may ask the wallet, and that asking twice is asking once.

use std::sync::Arc;

use reqwest::Method;
use runtime::settings::Algorithm;
use secrecy::SecretString;
use serde_json::{Value, json};
use wallet_client::{LedgerWallet, Wallet};

use crate::support::{ALICE, BOB, Running, reserve, service_token, settings, token, told, trade};

/// Every route that wants a token, and some that are not there.
const ROUTES: [(&str, &str); 18] = [
    ("POST", "/api/v1/wallets/reserve"),
    ("POST", "/api/v1/wallets/reserve/batch"),
    ("POST", "/api/v1/wallets/release"),
    ("POST", "/api/v1/wallets/release/batch"),
    ("POST", "/api/v1/wallets/merge"),
    ("POST", "/api/v1/wallets/merge/batch"),
    ("POST", "/api/v1/wallets/settle-trade"),
    ("POST", "/api/v1/wallets/settle-trade/batch"),
    ("POST", "/api/v1/wallets/instructions"),
    ("POST", "/api/v1/wallets/deposits"),
    ("POST", "/api/v1/wallets/withdrawals"),
    ("POST", "/api/v1/wallets/balances"),
    (
        "GET",
        "/api/v1/wallets/00000000-0000-4000-8000-0000000000a1/balances",
    ),
    (
        "GET",
        "/api/v1/wallets/00000000-0000-4000-8000-0000000000a1/ledger",
    ),
    ("GET", "/openapi.json"),
    ("GET", "/metrics"),
    ("GET", "/health/"),
    ("DELETE", "/anything"),
];

/// What a route answers to a token, and to none.
async fn knock(service: &Running, route: (&str, &str), token: Option<&str>) -> (u16, Value) {
    let request = service.bare(route.0.parse().unwrap(), route.1);
    let request = match token {
        Some(token) => request.bearer_auth(token),
        None => request,
    };
    // The body would be refused, if anybody read it.
    told(request.header("content-type", "application/json").body("{")).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn security_20_nothing_but_health_is_reachable_without_a_services_token() {
    let service = Running::fresh();
    let users = &service.settings.auth;
    let own = &service.settings.wallet;
    let other = SecretString::from("another secret that is long enough, too");
    let (secret, name, aud) = (&own.secret, own.issuer.as_str(), own.audience.as_str());
    let refused = [
        None,
        Some("garbage".to_owned()),
        Some(token(&users.secret, &users.issuer, &users.audience, 60)),
        Some(token(&users.secret, name, aud, 60)),
        Some(token(secret, &users.issuer, &users.audience, 60)),
        Some(token(secret, &users.issuer, aud, 60)),
        Some(token(secret, name, &users.audience, 60)),
        Some(token(&other, name, aud, 60)),
    ];
    for route in ROUTES {
        let mut bodies: Vec<Value> = Vec::new();
        for token in &refused {
            let (status, mut answer) = knock(&service, route, token.as_deref()).await;
            assert_eq!(status, 401, "{route:?} {token:?}: {answer}");
            answer.as_object_mut().unwrap().remove("request_id");
            bodies.push(answer);
        }
        assert!(
            bodies.iter().all(|body| *body == bodies[0]),
            "all alike: {bodies:?}"
        );
        let (status, answer) = knock(&service, route, Some(&service_token(&service.settings))).await;
        assert_ne!(status, 401, "{route:?}: {answer}");
    }
    for path in ["/health", "/health/live", "/health/ready"] {
        assert_eq!(told(service.bare(Method::GET, path)).await.0, 200, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn security_20_an_old_token_and_a_second_header_are_refused() {
    let service = Running::fresh();
    let own = &service.settings.wallet;
    let request = || {
        service
            .bare(Method::POST, "/api/v1/wallets/reserve")
            .json(&reserve(ALICE, "USDT", "1", 1))
    };
    let expired = http::TokenRequest {
        user_id: ALICE.parse().unwrap(),
        institution_id: None,
        scopes: http::Scopes::NONE,
        issued_secs: runtime::Clock::System.wall_us() / 1_000_000 - 70,
        valid_secs: 60,
    };
    let issuer = http::TokenIssuer::new(&own.secret, &own.issuer, &own.audience).unwrap();
    let expired = issuer.issue(&expired).unwrap();
    let (status, _) = told(request().bearer_auth(secrecy::ExposeSecret::expose_secret(&expired))).await;
    assert_eq!(status, 401, "its minute is over");
    let good = service_token(&service.settings);
    let (status, _) = told(request().bearer_auth(&good).header("authorization", "Bearer x")).await;
    assert_eq!(status, 401, "two tokens");
    let (status, _) = told(request().bearer_auth(&good).header("x-api-key", "mine")).await;
    assert_eq!(status, 401, "users' keys are not taken here");
    let (status, answer) = told(request().bearer_auth(&good)).await;
    assert_eq!(
        (status, answer["code"].as_str()),
        (400, Some("INSUFFICIENT_BALANCE"))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn security_20_services_with_a_key_pair_are_known_by_it() {
    let mut settings = settings();
    let own = &mut settings.wallet;
    own.algorithm = Algorithm::EdDsa;
    // The pair of RFC 8037, appendix A.
    own.private_key = Some(SecretString::from("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"));
    own.public_key = Some("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo".to_owned());
    let service = Running::with(settings, Arc::new(LedgerWallet::default()));
    let user = ALICE.parse().unwrap();
    assert_eq!(service.client().balances(vec![user]).await, Ok(Vec::new()));
    let mut options = service.options(&service.url());
    options.key = wallet_client::ServiceKey::Ed25519(SecretString::from("A".repeat(43)));
    let clock = runtime::Clock::System;
    let stranger = wallet_client::HttpWallet::new(options, runtime::Ids::new(clock.clone()), clock).unwrap();
    assert!(stranger.balances(vec![user]).await.is_err(), "another key");
    let (status, _) = knock(&service, ROUTES[0], Some(&service_token(&service.settings))).await;
    assert_eq!(status, 401, "a secret is no key of this issuer");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn security_21_settling_twice_settles_once_and_other_amounts_are_refused() {
    let service = Running::fresh();
    service.fund(ALICE, "USDT", "50000").await;
    service.fund(BOB, "BTC", "1").await;
    for body in [reserve(ALICE, "USDT", "50000", 1), reserve(BOB, "BTC", "1", 2)] {
        assert_eq!(service.post("/reserve", body).await.0, 200);
    }
    let first = service.post("/settle-trade", trade(7)).await;
    assert_eq!(first.0, 200, "{}", first.1);
    let ledger = async || -> Vec<Value> {
        let mut pages = Vec::new();
        for user in [ALICE, BOB] {
            pages.push(service.get(&format!("/{user}/ledger?limit=1000")).await.1);
            pages.push(service.get(&format!("/{user}/balances")).await.1);
        }
        pages
    };
    let before = ledger().await;
    assert_eq!(
        service.post("/settle-trade", trade(7)).await,
        first,
        "the same again"
    );
    for (field, value) in [
        ("quantity", "0.4"),
        ("price", "50001"),
        ("buyer_fee", "0"),
        ("seller_fee", "26"),
        ("buyer_user_id", BOB),
        ("seller_user_id", ALICE),
        ("buyer_order_id", "018bcfe5-687b-7000-8000-000000000001"),
    ] {
        let mut other = trade(7);
        other[field] = value.into();
        let (status, answer) = service.post("/settle-trade", other).await;
        assert_eq!(
            (status, answer["code"].as_str()),
            (409, Some("KEY_CONFLICT")),
            "{field}"
        );
    }
    let mut unknown = trade(8);
    unknown["buyer_order_id"] = json!("018bcfe5-687b-7000-8000-0000000000ff");
    let (status, answer) = service.post("/settle-trade", unknown).await;
    assert_eq!((status, answer["code"].as_str()), (409, Some("NOT_RESERVED")));
    assert_eq!(ledger().await, before, "nothing has changed");
}
