//! Reserve: hold money for an order.

use actix_web::web::{Data, Json};
use domain::Reserve;
use http::{JsonBody, Problem};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wallet_client::{Answer, Instruction, Refused};

use crate::items::{self, Batch, Item, Results, only_balance};
use crate::state::State;
use crate::text::{AssetText, Decimal, EntryText, OrderText, RequestText, Text, UserText};

/// What is to be held, and for which order. The order's id is the key, or the amendment's.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Reserve)]
pub(crate) struct ReserveBody {
    user_id: UserText,
    /// The asset that the order pays with.
    asset: AssetText,
    amount: Decimal,
    order_id: OrderText,
    reason: ReserveReason,
    /// The asset that the order receives; absent: the first trade that names the order says it.
    receives_asset: Option<AssetText>,
    /// The amendment that needs it, if it is not for the order's own start.
    request_id: Option<RequestText>,
}

/// Why money is held. It is logged, and not kept.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum ReserveReason {
    BuyOrder,
    SellOrder,
    OrderAmended,
}

/// A reserve that was done.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Reserved)]
pub(crate) struct ReservedView {
    success: bool,
    /// The line of the ledger that tells of it.
    reservation_id: Option<EntryText>,
    available_balance: Decimal,
    reserved_balance: Decimal,
}

impl From<Answer> for ReservedView {
    fn from(answer: Answer) -> Self {
        let (available_balance, reserved_balance) = only_balance(&answer);
        Self {
            success: true,
            reservation_id: answer.entry_ids.first().copied().map(Text),
            available_balance,
            reserved_balance,
        }
    }
}

impl Item for ReserveBody {
    type View = ReservedView;

    fn instruction(self) -> Result<Instruction, Refused> {
        let Self {
            user_id: Text(user_id),
            asset: Text(asset),
            amount: Decimal(amount),
            order_id: Text(order_id),
            reason,
            receives_asset,
            request_id,
        } = self;
        if receives_asset.is_some_and(|Text(receives)| receives == asset) {
            return Err(items::invalid(
                "receives_asset",
                "must not be the asset that is paid with",
            ));
        }
        tracing::debug!(?reason, %order_id, "a reserve");
        Ok(Instruction::Reserve(Reserve {
            order_id,
            request_id: request_id.map(|Text(request_id)| request_id),
            user_id,
            asset,
            receives: receives_asset.map_or(asset, |Text(receives)| receives),
            amount,
        }))
    }
}

/// Hold money for an order
#[utoipa::path(post, path = "/api/v1/wallets/reserve", tag = "instructions", operation_id = "reserve",
    request_body = ReserveBody,
    responses((status = 200, description = "It is held, now or before under the same key", body = ReservedView)))]
pub(crate) async fn one(
    state: Data<State>,
    JsonBody(body): JsonBody<ReserveBody>,
) -> Result<Json<ReservedView>, Problem> {
    items::one(&state, body).await
}

/// Hold money for many orders
#[utoipa::path(post, path = "/api/v1/wallets/reserve/batch", tag = "instructions",
    operation_id = "reserveMany", request_body = Batch<ReserveBody>,
    responses((status = 200, description = "One result for each item", body = Results<ReservedView>)))]
pub(crate) async fn many(
    state: Data<State>,
    JsonBody(body): JsonBody<Batch<ReserveBody>>,
) -> Result<Json<Results<ReservedView>>, Problem> {
    items::many(&state, body).await
}
