//! Reading the settings again, while the exchange runs.

use actix_web::Responder;
use actix_web::web::{Data, Json, ServiceConfig, post, resource};
use http::{NoBody, Problem};

use super::audit::Act;
use crate::caller::{MarketsOperator, Operator, Then};
use crate::{ApiState, Reloaded, entry};

pub(crate) fn routes(config: &mut ServiceConfig) {
    config.service(resource("/api/v1/admin/reload").route(post().to(reload)));
}

async fn reload(
    Then(MarketsOperator(operator), _): Then<MarketsOperator, NoBody>,
    state: Data<ApiState>,
) -> Result<impl Responder, Problem> {
    let report = entry::whole(&state, |state| reload_and_note(state, operator)).await?;
    Ok(Json(report))
}

async fn reload_and_note(state: ApiState, operator: Operator) -> Result<Reloaded, Problem> {
    let outcome = state.reload.reload().await.map_err(|errors| {
        Problem::new(
            actix_web::http::StatusCode::UNPROCESSABLE_ENTITY,
            "settings_refused",
        )
        .detail("the settings cannot be used; what is not named as changed is as it was")
        .with("errors", errors)
    });
    let act = Act::new("settings.reload", &"settings").after(outcome.as_ref().ok());
    act.done(&state, &operator, outcome).await
}
