//! What leaves the edge: request ids, problems, limits.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::time::Duration;

use actix_web::http::header::{ALLOW, AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, WWW_AUTHENTICATE};
use actix_web::test::{TestRequest, init_service, read_body, try_call_service};
use actix_web::{App, Error, HttpResponse, body::MessageBody, dev::ServiceResponse, web};
use edge_http::{
    Authenticated, Edge, EdgeLimits, IssuerSettings, JsonBody, JwtAlgorithm, JwtKeys, JwtSettings,
    PROBLEM_JSON, Problem, QueryParams, Scope, Scopes, StatusCode, TokenIssuer, TokenRequest, TokenVerifier,
};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

const SECRET: &str = "a secret that is long enough for HS256";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    name: String,
}

async fn greet(JsonBody(Named { name }): JsonBody<Named>) -> String {
    name
}

async fn search(QueryParams(Named { name }): QueryParams<Named>) -> String {
    name
}

async fn fail() -> Result<HttpResponse, Problem> {
    Err(Problem::internal("secret cause"))
}

async fn break_down() -> HttpResponse {
    panic!("secret panic")
}

async fn foreign() -> Result<HttpResponse, Error> {
    Err(actix_web::error::ErrorInternalServerError("secret foreign"))
}

async fn slow() -> &'static str {
    tokio::time::sleep(Duration::from_secs(3_600)).await;
    "late"
}

async fn trade(caller: Authenticated) -> Result<String, Problem> {
    Ok(caller.with_any(&[Scope::Trade])?.user_id.to_string())
}

fn routes(config: &mut web::ServiceConfig) {
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
    config
        .app_data(web::Data::new(TokenVerifier::new(&settings).unwrap()))
        .service(
            web::resource("/greet")
                .route(web::post().to(greet))
                .route(web::put().to(greet)),
        )
        .service(web::resource("/search").route(web::get().to(search)))
        .service(web::resource("/fail").route(web::get().to(fail)))
        .service(web::resource("/panic").route(web::get().to(break_down)))
        .service(web::resource("/foreign").route(web::get().to(foreign)))
        .service(web::resource("/slow").route(web::get().to(slow)))
        .service(web::resource("/trade/{what}").route(web::get().to(trade)));
}

fn edge() -> Edge {
    let limits = EdgeLimits {
        body_bytes: 64,
        body_timeout: Duration::from_secs(5),
        request_timeout: Duration::from_secs(60),
    };
    Edge::new(limits, || "made".to_owned())
}

struct Answer {
    status: StatusCode,
    headers: actix_web::http::header::HeaderMap,
    body: Vec<u8>,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

async fn read<B: MessageBody>(response: ServiceResponse<B>) -> Answer
where
    B::Error: std::fmt::Debug,
{
    let (status, headers) = (response.status(), response.headers().clone());
    let body = read_body(response).await.to_vec();
    Answer {
        status,
        headers,
        body,
    }
}

/// Asks a fresh app, as the server would: an error that no response carries becomes one at the end.
async fn ask(request: TestRequest) -> Answer {
    let app = init_service(App::new().wrap(edge()).configure(routes)).await;
    let request = request.to_request();
    let plain = TestRequest::get().to_http_request();
    match try_call_service(&app, request).await {
        Ok(response) => read(response).await,
        Err(error) => read(ServiceResponse::new(plain, error.error_response())).await,
    }
}

fn json_post(body: impl Into<web::Bytes>) -> TestRequest {
    TestRequest::post()
        .uri("/greet")
        .insert_header((CONTENT_TYPE, "application/json"))
        .set_payload(body.into())
}

#[actix_web::test]
async fn a_sane_request_id_comes_back_and_any_other_is_replaced() {
    for (given, returned) in [
        (Some("abc-1.2_3"), "abc-1.2_3"),
        (Some("a b"), "made"),
        (None, "made"),
    ] {
        let mut request = json_post(r#"{"name":"x"}"#);
        if let Some(given) = given {
            request = request.insert_header(("X-Request-Id", given));
        }
        let answer = ask(request).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.headers.get("x-request-id").unwrap(), returned);
        assert_eq!(answer.headers.get(CACHE_CONTROL).unwrap(), "no-store");
    }
}

#[actix_web::test]
async fn every_error_answer_is_a_problem() {
    let post = || TestRequest::post().uri("/greet");
    for (what, request, status, code) in [
        (
            "unknown route",
            TestRequest::get().uri("/nowhere"),
            404,
            "not_found",
        ),
        (
            "wrong method",
            TestRequest::delete().uri("/greet"),
            405,
            "method_not_allowed",
        ),
        (
            "no content type",
            post().set_payload("{}"),
            415,
            "unsupported_media_type",
        ),
        (
            "a form",
            post()
                .insert_header((CONTENT_TYPE, "application/x-www-form-urlencoded"))
                .set_payload("name=x"),
            415,
            "unsupported_media_type",
        ),
        (
            "a compressed body",
            json_post(r#"{"name":"x"}"#).insert_header(("Content-Encoding", "gzip")),
            415,
            "unsupported_media_type",
        ),
        (
            "too large",
            json_post(format!(r#"{{"name":"{}"}}"#, "x".repeat(54))),
            413,
            "body_too_large",
        ),
        (
            "announced too large",
            json_post("{}").insert_header(("Content-Length", "65")),
            413,
            "body_too_large",
        ),
        ("half a body", json_post(r#"{"name":"#), 400, "invalid_json"),
        (
            "unknown field",
            json_post(r#"{"name":"x","status":1}"#),
            400,
            "invalid_field",
        ),
        (
            "unknown parameter",
            TestRequest::get().uri("/search?name=x&user_id=7"),
            400,
            "invalid_field",
        ),
        (
            "a repeated parameter",
            TestRequest::get().uri("/search?name=x&name=y"),
            400,
            "invalid_field",
        ),
        (
            "a fault of ours",
            TestRequest::get().uri("/fail"),
            500,
            "internal",
        ),
        ("a panic", TestRequest::get().uri("/panic"), 500, "internal"),
        (
            "a fault in the framework",
            TestRequest::get().uri("/foreign"),
            500,
            "internal",
        ),
    ] {
        let answer = ask(request.insert_header(("X-Request-Id", "r-1"))).await;
        let body = answer.json();
        assert_eq!(answer.status, status, "{what}");
        assert_eq!(answer.headers.get(CONTENT_TYPE).unwrap(), PROBLEM_JSON, "{what}");
        assert_eq!(answer.headers.get("x-request-id").unwrap(), "r-1", "{what}");
        assert_eq!(body["status"], status, "{what}");
        assert_eq!(body["code"], code, "{what}: {body}");
        assert_eq!(body["request_id"], "r-1", "{what}");
        assert!(!body.to_string().contains("secret"), "{what}: {body}");
    }
}

#[actix_web::test]
async fn a_wrong_method_is_told_the_right_ones() {
    let answer = ask(TestRequest::get().uri("/greet")).await;
    let allowed: Vec<_> = answer
        .headers
        .get_all(ALLOW)
        .map(|value| value.to_str().unwrap())
        .collect();
    assert_eq!(allowed.join(", "), "POST, PUT");
}

#[actix_web::test]
async fn a_body_at_the_limit_is_taken_with_any_spelling_of_the_content_type() {
    let body = format!(r#"{{"name":"{}"}}"#, "x".repeat(53));
    assert_eq!(body.len(), 64);
    for kind in ["application/json", "Application/JSON; charset=utf-8"] {
        let request = json_post(body.clone()).insert_header((CONTENT_TYPE, kind));
        assert_eq!(ask(request).await.status, 200, "{kind}");
    }
}

#[actix_web::test]
async fn a_request_that_takes_too_long_gets_an_answer() {
    tokio::time::pause();
    let answer = ask(TestRequest::get().uri("/slow")).await;
    assert_eq!(answer.status, 504);
    assert_eq!(answer.json()["code"], "timeout");
    assert_eq!(answer.json()["request_id"], "made");
}

#[actix_web::test]
async fn a_body_that_does_not_arrive_in_time_is_given_up() {
    use actix_web::FromRequest;
    tokio::time::pause();
    let stream = futures_util::stream::pending::<Result<bytes::Bytes, actix_web::error::PayloadError>>();
    let stream: std::pin::Pin<Box<dyn futures_util::Stream<Item = _>>> = Box::pin(stream);
    let mut payload = actix_web::dev::Payload::from(stream);
    let request = json_post("").to_http_request();
    let problem = JsonBody::<Named>::from_request(&request, &mut payload)
        .await
        .err()
        .unwrap();
    assert_eq!(
        (problem.status().as_u16(), problem.code()),
        (408, "request_timeout")
    );
}

fn token(scopes: &[Scope], issued_secs: u64) -> String {
    let issuer = TokenIssuer::new(&SecretString::from(SECRET), "us", "engine").unwrap();
    let request = TokenRequest {
        user_id: Uuid::from_u128(7),
        institution_id: None,
        scopes: Scopes::of(scopes),
        issued_secs,
        valid_secs: 60,
    };
    issuer.issue(&request).unwrap().expose_secret().to_owned()
}

#[actix_web::test]
async fn every_bad_token_gets_the_same_answer() {
    let now = jsonwebtoken::get_current_timestamp();
    let good = token(&[Scope::Trade], now);
    let mut bodies = Vec::new();
    for header in [
        None,
        Some(String::new()),
        Some("Bearer".to_owned()),
        Some("Bearer ".to_owned()),
        Some("Bearer garbage".to_owned()),
        Some(format!("Basic {good}")),
        Some(good.clone()),
        Some(format!("Bearer {good}x")),
        Some(format!("Bearer  {good}")),
        Some(format!("Bearer {}", token(&[Scope::Trade], now - 67))),
    ] {
        let mut request = TestRequest::get().uri("/trade/1");
        if let Some(header) = &header {
            request = request.insert_header((AUTHORIZATION, header.as_str()));
        }
        let answer = ask(request).await;
        assert_eq!(answer.status, 401, "{header:?}");
        assert_eq!(
            answer.headers.get(WWW_AUTHENTICATE).unwrap(),
            "Bearer",
            "{header:?}"
        );
        bodies.push(answer.body);
    }
    assert!(bodies.windows(2).all(|two| two[0] == two[1]));
    let twice = TestRequest::get()
        .uri("/trade/1")
        .append_header((AUTHORIZATION, format!("Bearer {good}")))
        .append_header((AUTHORIZATION, format!("Bearer {good}")));
    assert_eq!(ask(twice).await.status, 401);
}

#[actix_web::test]
async fn a_good_token_without_the_right_is_forbidden() {
    let now = jsonwebtoken::get_current_timestamp();
    for (scopes, status) in [
        (&[Scope::Trade][..], 200),
        (&[Scope::Read], 403),
        (&[Scope::AdminMarkets, Scope::AdminFunds], 403),
        (&[], 403),
    ] {
        let header = (AUTHORIZATION, format!("bearer {}", token(scopes, now)));
        let answer = ask(TestRequest::get().uri("/trade/1").insert_header(header)).await;
        assert_eq!(answer.status, status, "{scopes:?}");
    }
}
