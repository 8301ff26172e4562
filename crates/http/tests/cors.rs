//! Which web pages may call.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use actix_web::dev::ServiceResponse;
use actix_web::http::Method;
use actix_web::test::{TestRequest, call_service, init_service};
use actix_web::{App, web};
use edge_http::{Edge, EdgeLimits, Origins, Problem, StatusCode};

const PAGE: &str = "https://app.example.com";

async fn open() -> &'static str {
    "open"
}

async fn closed() -> Problem {
    Problem::of_status(StatusCode::CONFLICT)
}

async fn ask(origins: &[&str], request: TestRequest) -> ServiceResponse {
    let edge = Edge::new(EdgeLimits::default(), || "made".to_owned());
    let app = App::new()
        .wrap(Origins::parse(origins).unwrap().cors())
        .wrap(edge)
        .route("/open", web::post().to(open))
        .route("/closed", web::post().to(closed));
    call_service(&init_service(app).await, request.to_request()).await
}

fn preflight(origin: &str, method: &str, header: &str) -> TestRequest {
    TestRequest::default()
        .method(Method::OPTIONS)
        .uri("/open")
        .insert_header(("Origin", origin))
        .insert_header(("Access-Control-Request-Method", method))
        .insert_header(("Access-Control-Request-Headers", header))
}

fn cors_headers(response: &ServiceResponse) -> Vec<String> {
    let headers = response.headers().iter();
    let headers = headers.filter(|(name, _)| name.as_str().starts_with("access-control-allow"));
    let mut headers: Vec<_> = headers
        .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
        .collect();
    headers.sort();
    headers
}

#[actix_web::test]
async fn a_preflight_is_granted_to_known_origins_and_known_headers_only() {
    for (what, request, granted) in [
        (
            "a known page",
            preflight(PAGE, "POST", "authorization, x-api-key"),
            true,
        ),
        (
            "an unknown page",
            preflight("https://evil.example", "POST", "authorization"),
            false,
        ),
        (
            "a page below",
            preflight("https://x.app.example.com", "POST", "authorization"),
            false,
        ),
        (
            "a page beside",
            preflight("https://app.example.com.evil", "POST", "authorization"),
            false,
        ),
        (
            "another scheme",
            preflight("http://app.example.com", "POST", "authorization"),
            false,
        ),
        (
            "another port",
            preflight("https://app.example.com:8443", "POST", "authorization"),
            false,
        ),
        ("no page", preflight("null", "POST", "authorization"), false),
        (
            "an unknown method",
            preflight(PAGE, "TRACE", "authorization"),
            false,
        ),
        (
            "an unknown header",
            preflight(PAGE, "POST", "x-forwarded-for"),
            false,
        ),
    ] {
        let response = ask(&[PAGE], request).await;
        assert_eq!(response.status(), if granted { 200 } else { 400 }, "{what}");
        assert_eq!(!cors_headers(&response).is_empty(), granted, "{what}");
        assert_eq!(response.headers().get("x-request-id").unwrap(), "made", "{what}");
    }
    let response = ask(&[PAGE], preflight(PAGE, "PATCH", "content-type")).await;
    let headers = cors_headers(&response).join("\n").to_lowercase();
    assert!(
        headers.contains("access-control-allow-origin: https://app.example.com"),
        "{headers}"
    );
    assert!(
        !headers.contains('*') && !headers.contains("credentials"),
        "{headers}"
    );
    assert_eq!(response.headers().get("access-control-max-age").unwrap(), "600");
}

#[actix_web::test]
async fn answers_and_problems_can_be_read_by_known_pages_only() {
    for (origins, path, origin, readable) in [
        (&[PAGE][..], "/open", PAGE, true),
        (&[PAGE], "/closed", PAGE, true),
        (&[PAGE], "/nowhere", PAGE, true),
        (&[PAGE], "/open", "https://evil.example", false),
        (&[PAGE], "/closed", "https://evil.example", false),
        (&[], "/open", PAGE, false),
        (&[], "/closed", PAGE, false),
    ] {
        let request = TestRequest::post().uri(path).insert_header(("Origin", origin));
        let response = ask(origins, request).await;
        let allowed = response.headers().get("access-control-allow-origin");
        assert_eq!(
            allowed.is_some_and(|allowed| allowed == PAGE),
            readable,
            "{path} {origin}"
        );
        assert_eq!(allowed.is_some(), readable, "{path} {origin}");
        if readable {
            let exposed = response.headers().get("access-control-expose-headers").unwrap();
            let exposed = exposed.to_str().unwrap().to_lowercase();
            for name in ["x-request-id", "ratelimit-remaining", "retry-after", "location"] {
                assert!(exposed.contains(name), "{exposed}");
            }
            assert!(response.headers().contains_key("vary"));
        }
        if origins.is_empty() {
            let mut names = response.headers().keys().map(|name| name.as_str());
            assert!(!names.any(|name| name.starts_with("access-control") || name == "vary"));
        }
    }
}

#[test]
fn only_exact_origins_are_taken_from_settings() {
    for good in [
        PAGE,
        "http://localhost:3000",
        "https://[::1]:8080",
        "http://127.0.0.1",
    ] {
        assert!(Origins::parse(&[good]).is_ok(), "{good}");
    }
    for bad in [
        "",
        "*",
        "null",
        "app.example.com",
        "https://",
        "https://:8080",
        "https://*.example.com",
        "https://app.example.com/",
        "https://app.example.com/x",
        "https://App.example.com",
        "https://user@app.example.com",
        "https://app.example.com:443",
        "https://app.example.com:99999",
        "https://app.example.com:",
        "ftp://app.example.com",
        "HTTPS://app.example.com",
        " https://app.example.com",
    ] {
        let error = Origins::parse(&[PAGE, bad]).unwrap_err();
        assert!(error.to_string().contains(&format!("{bad:?}")), "{error}");
    }
}

#[test]
fn a_websocket_may_come_from_known_pages_own_pages_and_programs() {
    let origins = Origins::parse(&[PAGE]).unwrap();
    for (given, allowed) in [
        (&[][..], true),
        (&[PAGE], true),
        (&["https://trade.example.com:8080"], true),
        (&["http://TRADE.example.com:8080"], true),
        (&["https://trade.example.com"], false),
        (&["null"], false),
        (&[""], false),
        (&["https://evil.example"], false),
        (&["https://app.example.com.evil"], false),
        (&["https://app.example.com\u{e9}"], false),
        (&[PAGE, PAGE], false),
        (&["https://evil.example", PAGE], false),
    ] {
        let mut request = TestRequest::get().insert_header(("Host", "trade.example.com:8080"));
        for origin in given {
            request = request.append_header(("Origin", *origin));
        }
        assert_eq!(origins.allow(&request.to_http_request()), allowed, "{given:?}");
    }
    let hostless = TestRequest::get().insert_header(("Origin", "https://"));
    assert!(!origins.allow(&hostless.to_http_request()));
}
