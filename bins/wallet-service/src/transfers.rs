//! Deposits and withdrawals under their callers' keys.

use actix_web::web::{Data, Json};
use domain::{Transfer, TransferKind, TransferReceipt};
use http::{JsonBody, Problem};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::refusal;
use crate::state::State;
use crate::text::{AssetText, Decimal, KeyText, Text, Time, UserText};

/// What is deposited or withdrawn.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Transfer)]
pub(crate) struct TransferBody {
    /// The caller's name for it: the same again gives the first answer, for ever.
    key: KeyText,
    user_id: UserText,
    asset: AssetText,
    amount: Decimal,
}

/// A deposit or withdrawal that was done.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Receipt)]
pub(crate) struct ReceiptView {
    key: KeyText,
    user_id: UserText,
    asset: AssetText,
    amount: Decimal,
    /// What was available right after it.
    available_balance: Decimal,
    created_at: Time,
}

impl From<TransferReceipt> for ReceiptView {
    fn from(receipt: TransferReceipt) -> Self {
        let TransferReceipt {
            key,
            kind: _,
            user_id,
            asset,
            amount,
            available,
            at,
        } = receipt;
        Self {
            key: Text(key),
            user_id: Text(user_id),
            asset: Text(asset),
            amount: Decimal(amount),
            available_balance: Decimal(available),
            created_at: Time(at),
        }
    }
}

async fn transfer(
    state: &State,
    kind: TransferKind,
    body: TransferBody,
) -> Result<Json<ReceiptView>, Problem> {
    let TransferBody {
        key: Text(key),
        user_id: Text(user_id),
        asset: Text(asset),
        amount: Decimal(amount),
    } = body;
    let transfer = Transfer {
        kind,
        key,
        user_id,
        asset,
        amount,
    };
    let done = state
        .work(|wallet| async move { wallet.transfer(transfer).await })
        .await?;
    done.map(|receipt| Json(ReceiptView::from(receipt)))
        .map_err(refusal::transfer)
}

/// Deposits
#[utoipa::path(post, path = "/api/v1/wallets/deposits", tag = "transfers", request_body = TransferBody,
    responses((status = 200, description = "It is done, now or before under the same key", body = ReceiptView)))]
pub(crate) async fn deposit(
    state: Data<State>,
    JsonBody(body): JsonBody<TransferBody>,
) -> Result<Json<ReceiptView>, Problem> {
    transfer(&state, TransferKind::Deposit, body).await
}

/// Withdraws
#[utoipa::path(post, path = "/api/v1/wallets/withdrawals", tag = "transfers", request_body = TransferBody,
    responses((status = 200, description = "It is done, now or before under the same key", body = ReceiptView)))]
pub(crate) async fn withdraw(
    state: Data<State>,
    JsonBody(body): JsonBody<TransferBody>,
) -> Result<Json<ReceiptView>, Problem> {
    transfer(&state, TransferKind::Withdrawal, body).await
}
