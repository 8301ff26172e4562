//! Whether the service lives, is ready, and what it is: without a token.

use actix_web::web::{Data, Json, ServiceConfig, get, head, resource};
use actix_web::{HttpResponse, Responder};
use serde_json::{Map, Value, json};
use trading::Health;

use crate::ApiState;
use crate::wire::time;

pub(crate) fn routes(config: &mut ServiceConfig) {
    config
        .service(resource("/api/v1/status").route(get().to(status)))
        // Who only watches asks with HEAD.
        .service(resource("/health").route(get().to(live)).route(head().to(live)))
        .service(
            resource("/health/live")
                .route(get().to(live))
                .route(head().to(live)),
        )
        .service(
            resource("/health/ready")
                .route(get().to(ready))
                .route(head().to(ready)),
        );
}

async fn status(state: Data<ApiState>) -> impl Responder {
    let mut status = json!({
        "service": "trade-engine",
        "version": state.version,
        "status": "running",
        "time": time(state.now()),
    });
    if state.demo {
        status["demo"] = true.into();
    }
    Json(status)
}

async fn live() -> impl Responder {
    Json(json!({ "status": "alive" }))
}

async fn ready(state: Data<ApiState>) -> HttpResponse {
    let Health { ready, dependencies } = state.exchange.health().await;
    let dependencies: Map<String, Value> = dependencies
        .into_iter()
        .map(|(name, trouble)| (name.to_owned(), trouble.unwrap_or_else(|| "ok".to_owned()).into()))
        .collect();
    if ready {
        HttpResponse::Ok().json(json!({ "status": "ready", "dependencies": dependencies }))
    } else {
        HttpResponse::ServiceUnavailable()
            .json(json!({ "status": "not_ready", "dependencies": dependencies }))
    }
}
