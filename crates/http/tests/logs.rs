//! What logs, metrics and answers to faults say, and what they do not.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::cell::RefCell;
use std::io::Write;
use std::sync::Once;

use actix_web::http::Method;
use actix_web::http::header::{AUTHORIZATION, CONTENT_TYPE};
use actix_web::test::{TestRequest, init_service, read_body, try_call_service};
use actix_web::{App, HttpResponse, web};
use edge_http::{
    Authenticated, Edge, EdgeLimits, IssuerSettings, JsonBody, JwtAlgorithm, JwtKeys, JwtSettings, Metrics,
    Problem,
};
use edge_http::{QueryParams, Scope, Scopes, TokenIssuer, TokenRequest, TokenVerifier};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

const SECRET: &str = "HUSH, a secret that is long enough for HS256";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sent {
    _name: u64,
}

async fn order(_: JsonBody<Sent>) -> HttpResponse {
    HttpResponse::Created().finish()
}

async fn search(_: QueryParams<Sent>) -> HttpResponse {
    HttpResponse::Ok().finish()
}

async fn closed(_: Authenticated) -> HttpResponse {
    HttpResponse::Ok().finish()
}

async fn fail() -> Problem {
    Problem::internal("SELECT balance FROM accounts: /var/lib/engine/data: disk full")
}

async fn break_down() -> HttpResponse {
    panic!("SELECT balance FROM accounts: /var/lib/engine/data")
}

/// Asks a fresh app, and gives the status and the body.
async fn ask(request: TestRequest) -> (u16, String) {
    let settings = JwtSettings {
        issuers: vec![IssuerSettings {
            issuer: "us".to_owned(),
            audience: "engine".to_owned(),
            algorithm: JwtAlgorithm::Hs256,
            keys: JwtKeys::Secret(SecretString::from(SECRET)),
            leeway_secs: 5,
        }],
        cache_entries: 100,
    };
    let app = App::new()
        .wrap(Edge::new(EdgeLimits::default(), || "made".to_owned()))
        .app_data(web::Data::new(TokenVerifier::new(&settings).unwrap()))
        .route("/orders/{id}", web::post().to(order))
        .route("/search", web::get().to(search))
        .route("/closed", web::get().to(closed))
        .route("/fail", web::get().to(fail))
        .route("/panic", web::get().to(break_down));
    let app = init_service(app).await;
    let plain = TestRequest::get().to_http_request();
    let response = match try_call_service(&app, request.to_request()).await {
        Ok(response) => response,
        Err(error) => actix_web::dev::ServiceResponse::new(plain, error.error_response()),
    };
    let status = response.status().as_u16();
    let body = read_body(response).await.to_vec();
    (status, String::from_utf8(body).unwrap())
}

#[actix_web::test]
async fn a_forced_fault_shows_the_request_id_and_nothing_of_the_inside() {
    for path in ["/fail", "/panic"] {
        let (status, body) = ask(TestRequest::get().uri(path)).await;
        assert_eq!(status, 500);
        assert_eq!(
            body,
            r#"{"code":"internal","request_id":"made","status":500,"title":"Internal Server Error","type":"about:blank"}"#
        );
    }
}

thread_local! {
    /// What this test logged. Each test has its own thread.
    static LOGGED: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

struct Captured;

impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        LOGGED.with_borrow_mut(|logged| logged.extend_from_slice(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Logs all of this process to the threads' own buffers. One subscriber for all: scoped ones disturb each other.
fn capture() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        tracing_subscriber::fmt()
            .json()
            .with_max_level(tracing::Level::TRACE)
            .with_writer(|| Captured)
            .init();
    });
}

/// The lines that this test logged for us.
fn logged() -> Vec<Value> {
    let text = String::from_utf8(LOGGED.take()).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn token() -> String {
    let issuer = TokenIssuer::new(&SecretString::from(SECRET), "us", "engine").unwrap();
    let request = TokenRequest {
        user_id: Uuid::from_u128(7),
        institution_id: None,
        scopes: Scopes::of(&[Scope::Trade]),
        issued_secs: jsonwebtoken::get_current_timestamp(),
        valid_secs: 60,
    };
    issuer.issue(&request).unwrap().expose_secret().to_owned()
}

#[actix_web::test]
async fn the_access_log_names_the_route_and_the_user_and_the_address() {
    capture();
    let header = (AUTHORIZATION, format!("Bearer {}", token()));
    let request = TestRequest::get()
        .uri("/closed?key=hidden")
        .peer_addr("203.0.113.7:4711".parse().unwrap())
        .insert_header(header);
    assert_eq!(ask(request).await.0, 200);
    ask(TestRequest::get().uri("/fail")).await;
    let lines = logged();
    let ours = |line: &&Value| line["target"] == "access" || line["level"] == "ERROR";
    let lines: Vec<_> = lines.iter().filter(ours).collect();
    assert_eq!(lines.len(), 3, "{lines:?}");
    let fields = &lines[0]["fields"];
    for (name, value) in [
        ("method", json!("GET")),
        ("route", json!("/closed")),
        ("status", json!(200)),
        ("address", json!("203.0.113.7")),
        ("request_id", json!("made")),
        ("user_id", json!(Uuid::from_u128(7))),
    ] {
        assert_eq!(fields[name], value, "{fields}");
    }
    assert!(fields["duration_us"].is_u64());
    assert_eq!(lines[1]["level"], "ERROR");
    assert_eq!(lines[1]["fields"]["request_id"], "made");
    assert!(lines[1]["fields"]["cause"].to_string().contains("disk full"));
}

#[actix_web::test]
async fn neither_logs_nor_metrics_hold_queries_tokens_or_bodies() {
    capture();
    let metrics = Metrics::install();
    let token = token();
    let mut answered = 0;
    for path in ["/orders/7", "/search", "/closed", "/fail", "/panic", "/nowhere"] {
        for method in ["GET", "POST", "HUSHmethod"] {
            for token in ["HUSHheader", &token] {
                let request = TestRequest::default()
                    .method(Method::from_bytes(method.as_bytes()).unwrap())
                    .uri(&format!("{path}?token={token}&_name=HUSHvalue&HUSHname=1"))
                    .insert_header((AUTHORIZATION, format!("Bearer {token}")))
                    .insert_header(("X-Api-Key", "HUSHkey"))
                    .insert_header(("X-Request-Id", "HUSH id"))
                    .insert_header((CONTENT_TYPE, "application/json"))
                    .set_payload(r#"{"_name":"HUSHbody","HUSHfield":1}"#);
                ask(request).await;
                answered += 1;
            }
        }
    }
    let lines = logged();
    let of_access = lines.iter().filter(|line| line["target"] == "access");
    assert_eq!(of_access.count(), answered);
    let signature = token.rsplit_once('.').unwrap().1;
    for text in [Value::from(lines).to_string(), metrics.render()] {
        assert!(!text.contains("HUSH") && !text.contains(signature), "{text}");
    }
}
