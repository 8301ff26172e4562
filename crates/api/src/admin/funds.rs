//! Deposits and withdrawals by operators, under the caller's key.

use actix_web::Responder;
use actix_web::web::{Data, Json, ServiceConfig, post, resource};
use domain::{Asset, TransferKey, TransferKind, TransferReceipt, UserId};
use http::{JsonBody, Problem};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::audit::Act;
use crate::ApiState;
use crate::caller::{FundsOperator, Operator, Then};
use crate::error;
use crate::wire::{DecimalText, id, time};

pub(crate) fn routes(config: &mut ServiceConfig) {
    config
        .service(resource("/api/v1/admin/deposits").route(post().to(deposit)))
        .service(resource("/api/v1/admin/withdrawals").route(post().to(withdraw)));
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TransferBody {
    key: String,
    user_id: String,
    asset: String,
    amount: DecimalText,
}

#[derive(Debug, Serialize)]
struct ReceiptView {
    key: String,
    kind: TransferKind,
    user_id: String,
    asset: String,
    amount: String,
    available_balance: String,
    executed_at: String,
}

impl From<TransferReceipt> for ReceiptView {
    fn from(receipt: TransferReceipt) -> Self {
        let TransferReceipt {
            key,
            kind,
            user_id,
            asset,
            amount,
            available,
            at,
        } = receipt;
        Self {
            key: key.to_string(),
            kind,
            user_id: user_id.to_string(),
            asset: asset.to_string(),
            amount: amount.to_string(),
            available_balance: available.to_string(),
            executed_at: time(at),
        }
    }
}

async fn deposit(
    Then(FundsOperator(operator), JsonBody(body)): Then<FundsOperator, JsonBody<TransferBody>>,
    state: Data<ApiState>,
) -> Result<impl Responder, Problem> {
    transfer(operator, &state, TransferKind::Deposit, body).await
}

async fn withdraw(
    Then(FundsOperator(operator), JsonBody(body)): Then<FundsOperator, JsonBody<TransferBody>>,
    state: Data<ApiState>,
) -> Result<impl Responder, Problem> {
    transfer(operator, &state, TransferKind::Withdrawal, body).await
}

async fn transfer(
    operator: Operator,
    state: &ApiState,
    kind: TransferKind,
    body: TransferBody,
) -> Result<Json<ReceiptView>, Problem> {
    let TransferBody {
        key,
        user_id,
        asset,
        amount,
    } = body;
    let key: TransferKey = id("key", &key).map_err(error::field)?;
    let user_id: UserId = id("user_id", &user_id).map_err(error::field)?;
    let asset: Asset = asset.parse().map_err(error::field)?;
    let amount = amount.amount("amount").map_err(error::field)?;
    if amount.is_zero() {
        return Err(Problem::invalid_field("amount", "must be greater than 0"));
    }
    let action = match kind {
        TransferKind::Deposit => "funds.deposit",
        TransferKind::Withdrawal => "funds.withdraw",
    };
    let act = Act::new(action, &key).after(json!({
        "user_id": user_id.to_string(),
        "asset": asset.to_string(),
        "amount": amount.to_string(),
    }));
    let receipt = act.run(state, &operator, move |exchange| async move {
        exchange.transfer(kind, key, user_id, asset, amount).await
    });
    let receipt = receipt.await?;
    Ok(Json(ReceiptView::from(receipt)))
}
