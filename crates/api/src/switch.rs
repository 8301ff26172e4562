//! The dead man's switch: all orders are cancelled unless the caller says in time that it still lives.

use actix_web::Responder;
use actix_web::web::{Data, Json, ServiceConfig, post, resource};
use http::{JsonBody, Problem};

use crate::ApiState;
use crate::caller::Canceller;
use crate::entry::{self, CancelAllAfterBody};

pub(crate) fn routes(config: &mut ServiceConfig) {
    config.service(resource("/api/v1/cancel-all-after").route(post().to(arm)));
}

async fn arm(
    Canceller(caller): Canceller,
    state: Data<ApiState>,
    JsonBody(body): JsonBody<CancelAllAfterBody>,
) -> Result<impl Responder, Problem> {
    entry::whole(&state, move |state| entry::cancel_all_after(state, caller, body))
        .await
        .map(Json)
}
