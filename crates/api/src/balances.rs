//! Balances of the caller.

use actix_web::Responder;
use actix_web::web::{Data, Json, ServiceConfig, get, resource};
use http::Problem;
use serde::Serialize;
use trading::{AccountBalance, Caller};

use crate::ApiState;
use crate::caller::Reader;
use crate::error::{self, Sought};

#[derive(Debug, Serialize)]
struct Balances {
    balances: Vec<BalanceView>,
}

#[derive(Debug, Serialize)]
pub(crate) struct BalanceView {
    asset: String,
    available_balance: String,
    reserved_balance: String,
    version: u64,
}

impl From<AccountBalance> for BalanceView {
    fn from(balance: AccountBalance) -> Self {
        let AccountBalance {
            asset,
            available,
            reserved,
            version,
        } = balance;
        Self {
            asset: asset.to_string(),
            available_balance: available.to_string(),
            reserved_balance: reserved.to_string(),
            version,
        }
    }
}

pub(crate) fn routes(config: &mut ServiceConfig) {
    config.service(resource("/api/v1/balances").route(get().to(list)));
}

async fn list(Reader(caller): Reader, state: Data<ApiState>) -> Result<impl Responder, Problem> {
    Ok(Json(Balances {
        balances: of(&state, caller).await?,
    }))
}

/// A user's balances, by asset.
pub(crate) async fn of(state: &ApiState, caller: Caller) -> Result<Vec<BalanceView>, Problem> {
    let balances = state.exchange.balances(caller).await;
    let balances = balances.map_err(|error| error::query(error, Sought::Balances))?;
    Ok(balances.into_iter().map(BalanceView::from).collect())
}
