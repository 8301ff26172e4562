//! What is counted, and how it is shown.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::sync::Arc;

use actix_web::http::Method;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::test::{TestRequest, init_service, try_call_service};
use actix_web::{App, HttpRequest, HttpResponse, web};
use edge_http::{
    Bucket, Edge, EdgeLimits, JsonBody, LocalRates, Metrics, Problem, QueryParams, RateLimits, StatusCode,
    metrics_route,
};
use runtime::{Clock, ManualClock};
use serde::Deserialize;
use uuid::Uuid;

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

async fn closed() -> Problem {
    Problem::of_status(StatusCode::UNAUTHORIZED)
}

async fn break_down() -> HttpResponse {
    panic!("a fault")
}

async fn charged(request: HttpRequest, limits: web::Data<RateLimits>) -> Result<HttpResponse, Problem> {
    limits.charge(&request, Uuid::nil(), Bucket::Cancels, 50).await?;
    Ok(HttpResponse::Ok().finish())
}

/// Asks a fresh app.
async fn ask(limits: &Arc<RateLimits>, request: TestRequest) {
    let app = App::new()
        .wrap(Edge::new(EdgeLimits::default(), || "made".to_owned()))
        .app_data(web::Data::from(Arc::clone(limits)))
        .route("/orders/{id}", web::post().to(order))
        .route("/search", web::get().to(search))
        .route("/closed", web::get().to(closed))
        .route("/panic", web::get().to(break_down))
        .route("/charged", web::get().to(charged));
    let _ = try_call_service(&init_service(app).await, request.to_request()).await;
}

fn limits() -> Arc<RateLimits> {
    let store = Arc::new(LocalRates::new(Clock::from(ManualClock::at(0))));
    Arc::new(RateLimits::new(store, 10))
}

/// The number behind the metric with these labels; 0 when there is none.
fn value(metrics: &Metrics, name: &str) -> u64 {
    let text = metrics.render();
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.map_or(0, |number| number.trim().parse().unwrap())
}

#[actix_web::test]
async fn requests_are_counted_by_method_route_and_status() {
    let metrics = Metrics::install();
    let limits = limits();
    let get = |path: &str| TestRequest::get().uri(path);
    for (what, request, name, more) in [
        (
            "a good one",
            TestRequest::post()
                .uri("/orders/7?x=1")
                .insert_header((CONTENT_TYPE, "application/json"))
                .set_payload(r#"{"_name":1}"#),
            r#"http_requests_total{method="POST",route="/orders/{id}",status="201"}"#,
            1,
        ),
        (
            "an unknown route",
            get("/nowhere/42"),
            r#"http_requests_total{method="GET",route="unmatched",status="404"}"#,
            1,
        ),
        (
            "a method that somebody made up",
            get("/search").method(Method::from_bytes(b"FROB").unwrap()),
            r#"http_requests_total{method="OTHER",route="/search",status="404"}"#,
            1,
        ),
        ("a failed login", get("/closed"), "auth_failures_total", 1),
        (
            "a full bucket",
            get("/charged"),
            r#"rate_limited_total{bucket="cancels"}"#,
            0,
        ),
        (
            "an empty bucket",
            get("/charged"),
            r#"rate_limited_total{bucket="cancels"}"#,
            1,
        ),
        (
            "a panic",
            get("/panic"),
            r#"http_requests_total{method="GET",route="/panic",status="500"}"#,
            1,
        ),
        (
            "a duration",
            get("/search?_name=1"),
            r#"http_request_duration_seconds_bucket{method="GET",route="/search",le="+Inf"}"#,
            1,
        ),
    ] {
        let before = value(&metrics, name);
        ask(&limits, request).await;
        assert_eq!(
            value(&metrics, name),
            before + more,
            "{what}: {}",
            metrics.render()
        );
    }
    let text = metrics.render();
    for bound in ["0.0005", "0.05", "0.2", "10", "+Inf"] {
        assert!(
            text.contains(&format!(r#"route="/search",le="{bound}""#)),
            "{text}"
        );
    }
}

#[actix_web::test]
async fn the_route_shows_the_text_format_and_installing_twice_shows_the_same() {
    let metrics = Metrics::install();
    let again = Metrics::install();
    let app = App::new()
        .wrap(Edge::new(EdgeLimits::default(), || "made".to_owned()))
        .configure(metrics_route);
    let app = init_service(app).await;
    for _ in 0..2 {
        let request = TestRequest::get().uri("/metrics").to_request();
        let response = try_call_service(&app, request).await.unwrap();
        let kind = response.headers().get(CONTENT_TYPE).unwrap().to_str().unwrap();
        assert_eq!(response.status(), 200);
        assert!(kind.starts_with("text/plain; version=0.0.4"), "{kind}");
    }
    for metrics in [metrics, again] {
        assert!(metrics.render().contains(r#"route="/metrics""#));
    }
}
