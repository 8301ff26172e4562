//! Release: give back what was held for an order. And merge: an amendment's money becomes its order's.

use actix_web::web::{Data, Json};
use domain::{Merge, Release};
use http::{JsonBody, Problem};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wallet_client::{Answer, Instruction, Refused};

use crate::items::{self, Batch, Item, Results, only_balance};
use crate::state::State;
use crate::text::{AssetText, Decimal, OrderText, RequestText, Text, UserText};

/// What is to be given back. The order's id and the number are the key, or the amendment's id and the number.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Release)]
pub(crate) struct ReleaseBody {
    user_id: UserText,
    asset: AssetText,
    amount: Decimal,
    order_id: OrderText,
    reason: ReleaseReason,
    /// The amendment whose own reservation it is.
    request_id: Option<RequestText>,
    /// Which release of the reservation it is, from 1; absent: the only one, and its amount must be all that is left.
    #[schema(minimum = 1)]
    number: Option<u32>,
    /// Whether nothing may stay reserved behind it.
    last: Option<bool>,
}

/// Why money is given back. It is logged, and not kept.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum ReleaseReason {
    OrderCancelled,
    OrderExpired,
    OrderRejected,
    OrderFilled,
    OrderAmended,
    BetterPrice,
}

/// A release or merge that was done.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Released)]
pub(crate) struct ReleasedView {
    success: bool,
    available_balance: Decimal,
    reserved_balance: Decimal,
}

impl From<Answer> for ReleasedView {
    fn from(answer: Answer) -> Self {
        let (available_balance, reserved_balance) = only_balance(&answer);
        Self {
            success: true,
            available_balance,
            reserved_balance,
        }
    }
}

impl Item for ReleaseBody {
    type View = ReleasedView;

    fn instruction(self) -> Result<Instruction, Refused> {
        let Self {
            user_id: Text(user_id),
            asset: Text(asset),
            amount: Decimal(amount),
            order_id: Text(order_id),
            reason,
            request_id,
            number,
            last,
        } = self;
        if number == Some(0) {
            return Err(items::invalid("number", "must be at least 1, or absent"));
        }
        tracing::debug!(?reason, %order_id, "a release");
        Ok(Instruction::Release(Release {
            order_id,
            request_id: request_id.map(|Text(request_id)| request_id),
            user_id,
            number: number.unwrap_or(0),
            asset,
            amount,
            last: last.unwrap_or(number.is_none()),
        }))
    }
}

/// An amendment's money that becomes its order's. The amendment's id is the key.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Merge)]
pub(crate) struct MergeBody {
    request_id: RequestText,
    order_id: OrderText,
    user_id: UserText,
    asset: AssetText,
    /// All that the amendment holds.
    amount: Decimal,
}

impl Item for MergeBody {
    type View = ReleasedView;

    fn instruction(self) -> Result<Instruction, Refused> {
        let Self {
            request_id: Text(request_id),
            order_id: Text(order_id),
            user_id: Text(user_id),
            asset: Text(asset),
            amount: Decimal(amount),
        } = self;
        Ok(Instruction::Merge(Merge {
            request_id,
            order_id,
            user_id,
            asset,
            amount,
        }))
    }
}

/// Give back what was held for an order
#[utoipa::path(post, path = "/api/v1/wallets/release", tag = "instructions", operation_id = "release",
    request_body = ReleaseBody,
    responses((status = 200, body = ReleasedView,
        description = "It is given back, now or before; or there was nothing, and never will be under this order's id")))]
pub(crate) async fn one(
    state: Data<State>,
    JsonBody(body): JsonBody<ReleaseBody>,
) -> Result<Json<ReleasedView>, Problem> {
    items::one(&state, body).await
}

/// Give back what was held for many orders
#[utoipa::path(post, path = "/api/v1/wallets/release/batch", tag = "instructions", operation_id = "releaseMany",
    request_body = Batch<ReleaseBody>,
    responses((status = 200, description = "One result for each item", body = Results<ReleasedView>)))]
pub(crate) async fn many(
    state: Data<State>,
    JsonBody(body): JsonBody<Batch<ReleaseBody>>,
) -> Result<Json<Results<ReleasedView>>, Problem> {
    items::many(&state, body).await
}

/// Add what an amendment holds to its order
#[utoipa::path(post, path = "/api/v1/wallets/merge", tag = "instructions", operation_id = "merge",
    request_body = MergeBody,
    responses((status = 200, description = "It is the order's, now or before", body = ReleasedView)))]
pub(crate) async fn merge(
    state: Data<State>,
    JsonBody(body): JsonBody<MergeBody>,
) -> Result<Json<ReleasedView>, Problem> {
    items::one(&state, body).await
}

/// Add what many amendments hold to their orders
#[utoipa::path(post, path = "/api/v1/wallets/merge/batch", tag = "instructions", operation_id = "mergeMany",
    request_body = Batch<MergeBody>,
    responses((status = 200, description = "One result for each item", body = Results<ReleasedView>)))]
pub(crate) async fn merge_many(
    state: Data<State>,
    JsonBody(body): JsonBody<Batch<MergeBody>>,
) -> Result<Json<Results<ReleasedView>>, Problem> {
    items::many(&state, body).await
}
