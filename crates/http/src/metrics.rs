//! Counts and durations of requests, and the route that shows them.

use std::sync::OnceLock;
use std::time::Duration;

use actix_web::http::Method;
use actix_web::{HttpResponse, web};
use metrics::{counter, histogram};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

use crate::{Problem, StatusCode};

/// The media type of the text format.
const TEXT_FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The bounds of durations in seconds. 0.05 and 0.2 are there because promises are made about them.
const BOUNDS: [f64; 14] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1.0, 2.5, 5.0, 10.0,
];

static INSTALLED: OnceLock<PrometheusHandle> = OnceLock::new();

/// The metrics of this process.
#[derive(Clone)]
pub struct Metrics(PrometheusHandle);

impl Metrics {
    /// Collects the metrics of this process from now on; later calls give the same ones.
    pub fn install() -> Self {
        let handle = INSTALLED.get_or_init(|| {
            let builder = PrometheusBuilder::new();
            // Refused only for no bounds at all.
            let builder = builder
                .set_buckets(&BOUNDS)
                .unwrap_or_else(|_| PrometheusBuilder::new());
            let recorder = builder.build_recorder();
            let handle = recorder.handle();
            if metrics::set_global_recorder(recorder).is_err() {
                tracing::warn!(
                    "another recorder of metrics is installed already; there will be none to show"
                );
            }
            handle
        });
        Self(handle.clone())
    }

    /// All metrics in the text format of Prometheus.
    pub fn render(&self) -> String {
        self.0.run_upkeep();
        self.0.render()
    }
}

/// Adds `GET /metrics`. For a listener that is not public.
pub fn metrics_route(config: &mut web::ServiceConfig) {
    config.service(web::resource("/metrics").route(web::get().to(show)));
}

async fn show() -> Result<HttpResponse, Problem> {
    let handle = INSTALLED
        .get()
        .ok_or_else(|| Problem::of_status(StatusCode::NOT_FOUND))?;
    let text = Metrics(handle.clone()).render();
    Ok(HttpResponse::Ok().content_type(TEXT_FORMAT).body(text))
}

/// A request was answered.
pub(crate) fn answered(method: &Method, route: &str, status: StatusCode, took: Duration) {
    let method = method_name(method);
    let route = route.to_owned();
    counter!("http_requests_total", "method" => method, "route" => route.clone(), "status" => status.as_str().to_owned())
        .increment(1);
    histogram!("http_request_duration_seconds", "method" => method, "route" => route)
        .record(took.as_secs_f64());
    if status == StatusCode::UNAUTHORIZED {
        counter!("auth_failures_total").increment(1);
    }
}

/// A request was refused by a limit.
pub(crate) fn rate_limited(bucket: &'static str) {
    counter!("rate_limited_total", "bucket" => bucket).increment(1);
}

/// The method; one word for all that are none of the usual, which callers can make up.
pub(crate) fn method_name(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        _ => "OTHER",
    }
}
