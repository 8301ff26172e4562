//! What users have: one user's balances, and those of many.

use actix_web::web::{Data, Json, Path};
use domain::{Amount, Asset, UserId};
use http::{JsonBody, Problem};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wallet_client::UserBalance;

use crate::state::State;
use crate::text::{AssetText, Decimal, Text, UserText};

/// The most users of one question.
const USERS: usize = 1_000;

/// What a user has of an asset.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Balance)]
pub(crate) struct BalanceView {
    user_id: UserText,
    asset: AssetText,
    /// Free to use.
    available_balance: Decimal,
    /// Held for orders.
    reserved_balance: Decimal,
    /// Grows with every change.
    version: u64,
}

impl BalanceView {
    pub(crate) const fn new(
        user_id: UserId,
        asset: Asset,
        available: Amount,
        reserved: Amount,
        version: u64,
    ) -> Self {
        Self {
            user_id: Text(user_id),
            asset: Text(asset),
            available_balance: Decimal(available),
            reserved_balance: Decimal(reserved),
            version,
        }
    }
}

/// Balances by user and asset. Who never had anything has none.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Balances)]
pub(crate) struct BalancesView {
    balances: Vec<BalanceView>,
}

/// Whose balances are wanted.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BalancesOf {
    /// 1 to 1,000 users.
    #[schema(min_items = 1, max_items = 1_000)]
    user_ids: Vec<UserText>,
}

/// A user of a path.
pub(crate) fn user_in(path: &str) -> Result<UserId, Problem> {
    path.parse()
        .map_err(|error| Problem::invalid_field("user_id", error))
}

async fn balances(state: &State, users: Vec<UserId>) -> Result<Json<BalancesView>, Problem> {
    let balances: Vec<UserBalance> = state
        .work(|wallet| async move { wallet.balances(users).await })
        .await?;
    Ok(Json(BalancesView {
        balances: balances.into_iter().map(BalanceView::from).collect(),
    }))
}

/// What a user has
#[utoipa::path(get, path = "/api/v1/wallets/{user_id}/balances", tag = "questions", operation_id = "balances",
    params(("user_id" = inline(UserText), Path)),
    responses((status = 200, description = "By asset", body = BalancesView)))]
pub(crate) async fn of_user(
    state: Data<State>,
    user_id: Path<String>,
) -> Result<Json<BalancesView>, Problem> {
    let user_id = user_in(&user_id)?;
    balances(&state, vec![user_id]).await
}

/// What many users have
#[utoipa::path(post, path = "/api/v1/wallets/balances", tag = "questions",
    operation_id = "balancesOfMany", request_body = BalancesOf,
    responses((status = 200, description = "By user and asset", body = BalancesView)))]
pub(crate) async fn of_users(
    state: Data<State>,
    JsonBody(BalancesOf { user_ids }): JsonBody<BalancesOf>,
) -> Result<Json<BalancesView>, Problem> {
    if !(1..=USERS).contains(&user_ids.len()) {
        return Err(Problem::invalid_field(
            "user_ids",
            format!("must be 1 to {USERS}"),
        ));
    }
    let users = user_ids.into_iter().map(|Text(user_id)| user_id).collect();
    balances(&state, users).await
}
