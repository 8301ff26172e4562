//! What a worker says of itself on its own listener: health and metrics.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::Server;
use actix_web::web::{self, Data};
use actix_web::{App, HttpResponse, HttpServer};
use distributed::shard::{ShardState, Status};
use http::{Metrics, metrics_route};
use messaging::Link;
use serde_json::{Value, json};

/// How long a client may take to send its headers.
const HEADERS_TIMEOUT: Duration = Duration::from_secs(5);

/// What is asked.
#[derive(Clone)]
pub(super) struct State {
    shards: Arc<Vec<(u32, Status)>>,
    link: Arc<Link>,
}

impl State {
    pub(super) fn new(shards: Vec<(u32, Status)>, link: Arc<Link>) -> Self {
        Self {
            shards: Arc::new(shards),
            link,
        }
    }

    /// Whether every shard is served, by this worker or another; and how each stands.
    fn look(&self) -> (bool, Value) {
        let mut ready = true;
        let shards = self.shards.iter().map(|(shard, status)| {
            let now = status.now();
            let (state, trouble) = match now.state {
                ShardState::StandBy { trouble } => ("stand_by", trouble),
                ShardState::Loading => ("loading", None),
                ShardState::Owned => ("owned", None),
                ShardState::Halted(why) => ("halted", Some(why)),
            };
            ready &= trouble.is_none();
            json!({
                "shard": shard,
                "state": state,
                "trouble": trouble,
                "epoch": now.epoch,
                "seq": now.seq,
                "published": now.published,
                "settled": now.settled,
            })
        });
        let shards: Vec<Value> = shards.collect();
        // Without the broker a worker goes on, slower: it looks by itself.
        let body = json!({
            "status": if ready { "ready" } else { "not_ready" },
            "shards": shards,
            "rabbitmq": self.link.trouble(),
        });
        (ready, body)
    }
}

/// Serves `/metrics`, `/health/live` and `/health/ready`.
///
/// # Errors
/// The listener cannot be used.
pub(super) fn serve(listener: TcpListener, state: State, metrics: &Metrics) -> std::io::Result<Server> {
    let metrics = metrics.clone();
    let server = HttpServer::new(move || {
        App::new()
            .app_data(Data::new(metrics.clone()))
            .app_data(Data::new(state.clone()))
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

async fn ready(state: Data<State>) -> HttpResponse {
    let (ready, body) = state.look();
    if ready {
        HttpResponse::Ok().json(body)
    } else {
        HttpResponse::ServiceUnavailable().json(body)
    }
}
