//! What operators do: funds, markets, accounts, API keys, mass cancels. Every act stands in the audit file.

mod accounts;
mod api_keys;
mod audit;
mod funds;
mod market_definition;
mod markets;
mod reload;

use actix_web::web::ServiceConfig;
use http::Problem;

use crate::ApiState;
use crate::caller::Operator;
use crate::entry;

pub(crate) fn routes(config: &mut ServiceConfig) {
    funds::routes(config);
    markets::routes(config);
    accounts::routes(config);
    api_keys::routes(config);
    reload::routes(config);
}

/// Writes down that an operator asked for something without the right.
///
/// # Errors
/// Always: the problem, or 500 where it cannot be written down.
pub(crate) async fn refused<T: 'static>(
    state: &ApiState,
    operator: &Operator,
    route: &str,
    problem: Problem,
) -> Result<T, Problem> {
    let (act, operator) = (audit::Act::new("refused", &route), operator.clone());
    entry::whole(state, |state| async move {
        act.done(&state, &operator, Err(problem)).await
    })
    .await
}
