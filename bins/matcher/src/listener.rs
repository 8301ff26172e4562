//! The listener on which a long-running mode says how it is: health and metrics.

use std::net::TcpListener;
use std::time::Duration;

use actix_web::dev::Server;
use actix_web::web::{self, Data};
use actix_web::{App, HttpResponse, HttpServer};
use http::{Metrics, metrics_route};
use serde_json::{Value, json};

/// How long a client may take to send its headers.
const HEADERS_TIMEOUT: Duration = Duration::from_secs(5);

/// What says whether a program is ready.
pub(crate) trait Readiness: Clone + Send + 'static {
    /// Whether it is, and the answer that says so.
    fn look(&self) -> (bool, Value);
}

/// Serves `/metrics`, `/health/live` and `/health/ready`.
///
/// # Errors
/// The listener cannot be used.
pub(crate) fn serve<R: Readiness>(
    listener: TcpListener,
    readiness: R,
    metrics: &Metrics,
) -> std::io::Result<Server> {
    let metrics = metrics.clone();
    let server = HttpServer::new(move || {
        http::count_runtime();
        App::new()
            .app_data(Data::new(metrics.clone()))
            .app_data(Data::new(readiness.clone()))
            .configure(metrics_route)
            .route("/health", web::get().to(live))
            .route("/health/live", web::get().to(live))
            .route("/health/ready", web::get().to(ready::<R>))
    });
    let server = server
        .workers(1)
        .disable_signals()
        .client_request_timeout(HEADERS_TIMEOUT)
        .listen(listener)?;
    Ok(server.run())
}

async fn live() -> HttpResponse {
    HttpResponse::Ok().json(json!({ "status": "alive" }))
}

async fn ready<R: Readiness>(readiness: Data<R>) -> HttpResponse {
    let (ready, body) = readiness.look();
    if ready {
        HttpResponse::Ok().json(body)
    } else {
        HttpResponse::ServiceUnavailable().json(body)
    }
}
