//! What an auditor says of itself on its own listener: health and metrics.

use std::net::TcpListener;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use actix_web::dev::Server;
use actix_web::web::{self, Data};
use actix_web::{App, HttpResponse, HttpServer};
use http::{Metrics, metrics_route};
use serde_json::json;

/// How long a client may take to send its headers.
const HEADERS_TIMEOUT: Duration = Duration::from_secs(5);

/// Whether the last look could be done, and why not.
#[derive(Debug, Clone, Default)]
pub(super) struct Health(Arc<Mutex<Option<String>>>);

impl Health {
    /// What has become of a look.
    pub(super) fn tell(&self, trouble: Option<String>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = trouble;
    }

    fn trouble(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Serves `/metrics`, `/health/live` and `/health/ready`.
///
/// # Errors
/// The listener cannot be used.
pub(super) fn serve(listener: TcpListener, health: Health, metrics: &Metrics) -> std::io::Result<Server> {
    let metrics = metrics.clone();
    let server = HttpServer::new(move || {
        App::new()
            .app_data(Data::new(metrics.clone()))
            .app_data(Data::new(health.clone()))
            .configure(metrics_route)
            .route("/health", web::get().to(live))
            .route("/health/live", web::get().to(live))
            .route("/health/ready", web::get().to(ready))
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

async fn ready(health: Data<Health>) -> HttpResponse {
    match health.trouble() {
        None => HttpResponse::Ok().json(json!({ "status": "ready" })),
        Some(trouble) => {
            HttpResponse::ServiceUnavailable().json(json!({ "status": "not_ready", "trouble": trouble }))
        }
    }
}
