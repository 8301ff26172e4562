//! Whether the service lives, and whether it is ready: without a token, and without any detail.

use actix_web::HttpResponse;
use actix_web::web::{Data, Json};
use serde::Serialize;
use utoipa::ToSchema;

use crate::state::State;

/// How the service is.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Health {
    /// `alive`, `ready` or `not_ready`.
    status: &'static str,
}

/// Whether the process lives
#[utoipa::path(get, path = "/health/live", tag = "service", security(()),
    responses((status = 200, description = "It does", body = Health)))]
pub(crate) async fn live() -> Json<Health> {
    Json(Health { status: "alive" })
}

/// Whether the process lives
#[utoipa::path(get, path = "/health", tag = "service", operation_id = "health", security(()),
    responses((status = 200, description = "It does", body = Health)))]
pub(crate) async fn health() -> Json<Health> {
    live().await
}

/// Whether requests are worked on now
#[utoipa::path(get, path = "/health/ready", tag = "service", security(()),
    responses((status = 200, description = "They are", body = Health),
        (status = 503, description = "They are not; the log tells why", body = Health)))]
pub(crate) async fn ready(state: Data<State>) -> HttpResponse {
    match state.trouble().await {
        None => HttpResponse::Ok().json(Health { status: "ready" }),
        Some(trouble) => {
            tracing::warn!(trouble, "the wallet is not ready");
            HttpResponse::ServiceUnavailable().json(Health { status: "not_ready" })
        }
    }
}
