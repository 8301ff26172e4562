//! The listener on which a long-running mode says how it is: health and metrics.

use std::net::TcpListener;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::web::{self, Data};
use actix_web::{App, HttpResponse, HttpServer};
use anyhow::Context as _;
use http::{Metrics, metrics_route};
use runtime::settings::ServerSettings;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

/// How long a client may take to send its headers.
const HEADERS_TIMEOUT: Duration = Duration::from_secs(5);

/// What says whether a program is ready.
pub(crate) trait Readiness: Clone + Send + 'static {
    /// Whether it is, and the answer that says so.
    fn look(&self) -> (bool, Value);
}

/// Takes the port of these settings; none: there is to be no listener.
///
/// # Errors
/// It is taken.
pub(crate) fn bind(server: &ServerSettings) -> anyhow::Result<Option<TcpListener>> {
    let (host, port) = (server.host.as_str(), server.metrics_port);
    if port == 0 {
        return Ok(None);
    }
    let listener = TcpListener::bind((host, port));
    listener
        .map(Some)
        .with_context(|| format!("cannot listen on {host}:{port}"))
}

/// A listener that serves, if there is to be one.
#[must_use]
pub(crate) struct Served(Option<(ServerHandle, JoinHandle<std::io::Result<()>>)>);

impl Served {
    /// Lets it finish what it is at, and ends it.
    pub(crate) async fn stop(self) {
        if let Some((handle, serving)) = self.0 {
            handle.stop(true).await;
            serving.abort();
        }
    }
}

/// Serves `/metrics`, `/health/live` and `/health/ready`, where there is a listener.
///
/// # Errors
/// The listener cannot be used.
pub(crate) fn serve<R: Readiness>(
    listener: Option<TcpListener>,
    readiness: R,
    metrics: &Metrics,
) -> std::io::Result<Served> {
    let Some(listener) = listener else {
        return Ok(Served(None));
    };
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
        .listen(listener)?
        .run();
    Ok(Served(Some((server.handle(), tokio::spawn(server)))))
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
