//! What one address may do before anything is known of its caller.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::ServiceResponse;
use actix_web::http::header::RETRY_AFTER;
use actix_web::test::{TestRequest, call_service, init_service, read_body_json};
use actix_web::{App, HttpResponse, web};
use edge_http::{AddressLimits, AddressRates, Edge, EdgeLimits, Problem, StatusCode, TrustedProxies};
use runtime::{Clock, ManualClock};
use serde_json::Value;

async fn open() -> &'static str {
    "open"
}

async fn closed() -> Problem {
    Problem::of_status(StatusCode::UNAUTHORIZED)
}

fn limits(per_second: u32, burst: u32) -> (ManualClock, Arc<AddressLimits>) {
    // The minutes that failures are counted in begin with the clock.
    let clock = ManualClock::at(0);
    let rates = AddressRates {
        per_second,
        burst,
        ..AddressRates::default()
    };
    (
        clock.clone(),
        Arc::new(AddressLimits::new(rates, Clock::from(clock))),
    )
}

/// Asks a fresh app that counts in these limits.
async fn ask(limits: &Arc<AddressLimits>, request: TestRequest) -> ServiceResponse {
    let edge = Edge::new(EdgeLimits::default(), || "made".to_owned())
        .trusting(TrustedProxies::parse(&["10.0.0.1"]).unwrap())
        .limiting_addresses(Arc::clone(limits));
    let app = App::new()
        .wrap(edge)
        .route("/open", web::get().to(open))
        .route("/closed", web::get().to(closed));
    call_service(&init_service(app).await, request.to_request()).await
}

fn from(address: &str, path: &str) -> TestRequest {
    let peer: SocketAddr = address.parse().unwrap();
    TestRequest::get().uri(path).peer_addr(peer)
}

async fn status(limits: &Arc<AddressLimits>, request: TestRequest) -> u16 {
    ask(limits, request).await.status().as_u16()
}

#[actix_web::test]
async fn each_address_has_its_own_limit_and_an_ipv6_network_has_one() {
    let (clock, limits) = limits(2, 3);
    for (what, address, expected) in [
        ("one", "203.0.113.1:1", 200),
        ("its next port", "203.0.113.1:2", 200),
        ("the last of the burst", "203.0.113.1:1", 200),
        ("too many", "203.0.113.1:1", 429),
        ("the same, mapped", "[::ffff:203.0.113.1]:1", 429),
        ("another", "203.0.113.2:1", 200),
        ("an IPv6 address", "[2001:db8::1]:1", 200),
        ("one of the same network", "[2001:db8::2]:1", 200),
        ("and another", "[2001:db8::ffff:3]:1", 200),
        ("and one too many", "[2001:db8::4]:1", 429),
        ("the next network", "[2001:db8:0:1::1]:1", 200),
    ] {
        assert_eq!(status(&limits, from(address, "/open")).await, expected, "{what}");
    }
    let refused = ask(&limits, from("203.0.113.1:1", "/nowhere")).await;
    assert_eq!(refused.headers().get(RETRY_AFTER).unwrap(), "1");
    assert_eq!(refused.headers().get("x-request-id").unwrap(), "made");
    let body: Value = read_body_json(refused).await;
    assert_eq!(
        (&body["code"], &body["request_id"]),
        (&"rate_limited".into(), &"made".into())
    );
    clock.advance(Duration::from_millis(500));
    assert_eq!(status(&limits, from("203.0.113.1:1", "/open")).await, 200);
    assert_eq!(status(&limits, from("203.0.113.1:1", "/open")).await, 429);
    limits.set(AddressRates::default());
    assert_eq!(status(&limits, from("203.0.113.1:1", "/open")).await, 200);
}

#[actix_web::test]
async fn behind_a_trusted_proxy_the_client_is_counted_and_a_forged_header_changes_nothing() {
    let (_, limits) = limits(1, 1);
    for (what, peer, forwarded, expected) in [
        ("a client", "10.0.0.1:1", "203.0.113.1", 200),
        ("another", "10.0.0.1:1", "203.0.113.2", 200),
        ("the first again", "10.0.0.1:1", "203.0.113.1", 429),
        ("the first with a lie", "10.0.0.1:1", "1.1.1.1, 203.0.113.1", 429),
        ("a stranger", "198.51.100.1:1", "203.0.113.8", 200),
        ("with another lie", "198.51.100.1:1", "203.0.113.9", 429),
    ] {
        let request = from(peer, "/open").insert_header(("X-Forwarded-For", forwarded));
        assert_eq!(status(&limits, request).await, expected, "{what}");
    }
}

#[actix_web::test]
async fn after_twenty_failed_logins_credentials_are_not_looked_at_for_the_rest_of_the_minute() {
    let (clock, limits) = limits(1_000, 1_000);
    let guess = |path| from("203.0.113.1:1", path).insert_header(("Authorization", "Bearer x"));
    clock.advance(Duration::from_secs(15));
    // What carries no credentials is no guess.
    for _ in 0..30 {
        assert_eq!(status(&limits, from("203.0.113.1:1", "/closed")).await, 401);
    }
    for _ in 0..20 {
        assert_eq!(status(&limits, guess("/closed")).await, 401);
    }
    for (what, request, expected) in [
        ("a guess", guess("/closed"), 429),
        ("even a good one", guess("/open"), 429),
        (
            "a key",
            from("203.0.113.1:1", "/open").insert_header(("X-Api-Key", "k")),
            429,
        ),
        ("no credentials", from("203.0.113.1:1", "/open"), 200),
        (
            "another address",
            from("203.0.113.2:1", "/closed").insert_header(("Authorization", "Bearer x")),
            401,
        ),
    ] {
        assert_eq!(status(&limits, request).await, expected, "{what}");
    }
    let refused = ask(&limits, guess("/open")).await;
    assert_eq!(refused.headers().get(RETRY_AFTER).unwrap(), "45");
    let body: Value = read_body_json(refused).await;
    assert_eq!(body["code"], "too_many_failed_logins");
    clock.advance(Duration::from_secs(45));
    assert_eq!(status(&limits, guess("/open")).await, 200);
}

#[actix_web::test]
async fn without_limits_nothing_is_counted() {
    let edge = Edge::new(EdgeLimits::default(), || "made".to_owned());
    let app = App::new().wrap(edge).route("/", web::get().to(HttpResponse::Ok));
    let app = init_service(app).await;
    for _ in 0..1_000 {
        let request = from("203.0.113.1:1", "/").to_request();
        assert_eq!(call_service(&app, request).await.status(), 200);
    }
}
