//! Accounts and tiers by operators: who is in which tier, and what a user has, did and owes.

use actix_web::Responder;
use actix_web::web::{Data, Json, Path, ServiceConfig, get, post, put, resource};
use domain::{FeeRate, FieldError, Tier, TierName, UserId, format_units};
use http::{JsonBody, Problem, QueryParams};
use serde::{Deserialize, Serialize};
use serde_json::json;
use trading::Caller;

use super::audit::Act;
use crate::ApiState;
use crate::caller::{AccountsOperator, AccountsOrReadingOperator, ReadingOperator, Then};
use crate::wire::{DecimalText, id};
use crate::{balances, error, ledger, orders, own_trades};

pub(crate) fn routes(config: &mut ServiceConfig) {
    config
        .service(
            resource("/api/v1/admin/tiers")
                .route(get().to(tiers))
                .route(post().to(define_tier)),
        )
        .service(
            resource("/api/v1/admin/accounts/{user_id}")
                .route(get().to(account))
                .route(put().to(set_tier)),
        )
        .service(resource("/api/v1/admin/accounts/{user_id}/orders").route(get().to(orders_of)))
        .service(resource("/api/v1/admin/accounts/{user_id}/trades").route(get().to(trades_of)))
        .service(resource("/api/v1/admin/accounts/{user_id}/ledger").route(get().to(ledger_of)));
}

/// The body that defines a tier. What is not given, the settings or the markets say.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TierBody {
    name: String,
    orders_per_second: Option<u32>,
    maker_fee: Option<DecimalText>,
    taker_fee: Option<DecimalText>,
}

impl TierBody {
    fn into_tier(self) -> Result<Tier, FieldError> {
        let Self {
            name,
            orders_per_second,
            maker_fee,
            taker_fee,
        } = self;
        let tier = Tier {
            name: id("name", &name)?,
            orders_per_second,
            maker_fee: maker_fee
                .map(|fee| FeeRate::parse("maker_fee", fee.as_str()))
                .transpose()?,
            taker_fee: taker_fee
                .map(|fee| FeeRate::parse("taker_fee", fee.as_str()))
                .transpose()?,
        };
        tier.check()?;
        Ok(tier)
    }
}

/// A tier as operators see it.
#[derive(Debug, Serialize)]
struct TierView {
    name: String,
    orders_per_second: Option<u32>,
    maker_fee: Option<String>,
    taker_fee: Option<String>,
}

impl From<&Tier> for TierView {
    fn from(tier: &Tier) -> Self {
        let Tier {
            name,
            orders_per_second,
            maker_fee,
            taker_fee,
        } = tier;
        let fee = |FeeRate(parts): FeeRate| format_units(u128::from(parts));
        Self {
            name: name.to_string(),
            orders_per_second: *orders_per_second,
            maker_fee: maker_fee.map(fee),
            taker_fee: taker_fee.map(fee),
        }
    }
}

async fn tiers(_: AccountsOrReadingOperator, state: Data<ApiState>) -> impl Responder {
    let tiers = state.exchange.tiers();
    let tiers: Vec<_> = tiers.iter().map(|tier| TierView::from(&**tier)).collect();
    Json(json!({ "tiers": tiers }))
}

async fn define_tier(
    Then(AccountsOperator(operator), JsonBody(body)): Then<AccountsOperator, JsonBody<TierBody>>,
    state: Data<ApiState>,
) -> Result<impl Responder, Problem> {
    let tier = body.into_tier().map_err(error::field)?;
    let known = state.exchange.tiers();
    let before = known.iter().find(|known| known.name == tier.name);
    let act = Act::new("tier.define", &tier.name)
        .before(before.map(|tier| TierView::from(&**tier)))
        .after(TierView::from(&tier));
    let wanted = tier.clone();
    act.run(&state, &operator, |exchange| async move {
        exchange.define_tier(wanted).await
    })
    .await?;
    Ok(Json(TierView::from(&tier)))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct AccountBody {
    /// Null: no tier.
    tier: Option<String>,
}

#[derive(Debug, Serialize)]
struct AccountView {
    user_id: String,
    tier: Option<String>,
    balances: Vec<balances::BalanceView>,
}

async fn account(
    _: AccountsOrReadingOperator,
    state: Data<ApiState>,
    user_id: Path<String>,
) -> Result<impl Responder, Problem> {
    view(&state, user(&user_id)?).await.map(Json)
}

async fn set_tier(
    Then(AccountsOperator(operator), JsonBody(body)): Then<AccountsOperator, JsonBody<AccountBody>>,
    state: Data<ApiState>,
    user_id: Path<String>,
) -> Result<impl Responder, Problem> {
    let user_id = user(&user_id)?;
    let tier = body.tier.as_deref().map(|name| id::<TierName>("tier", name));
    let tier = tier.transpose().map_err(error::field)?;
    let before = state.exchange.tier_of(user_id).map(|tier| tier.name.to_string());
    let act = Act::new("account.tier", &user_id)
        .before(before)
        .after(tier.as_ref().map(ToString::to_string));
    act.run(&state, &operator, move |exchange| async move {
        exchange.set_account_tier(user_id, tier).await
    })
    .await?;
    view(&state, user_id).await.map(Json)
}

async fn view(state: &ApiState, user_id: UserId) -> Result<AccountView, Problem> {
    Ok(AccountView {
        user_id: user_id.to_string(),
        tier: state.exchange.tier_of(user_id).map(|tier| tier.name.to_string()),
        balances: balances::of(state, as_caller(user_id)).await?,
    })
}

async fn orders_of(
    Then(_, QueryParams(listing)): Then<ReadingOperator, QueryParams<orders::Listing>>,
    state: Data<ApiState>,
    user_id: Path<String>,
) -> Result<impl Responder, Problem> {
    orders::list_of(as_caller(user(&user_id)?), &state, listing).await
}

async fn trades_of(
    Then(_, QueryParams(listing)): Then<ReadingOperator, QueryParams<own_trades::Listing>>,
    state: Data<ApiState>,
    user_id: Path<String>,
) -> Result<impl Responder, Problem> {
    own_trades::list_of(as_caller(user(&user_id)?), &state, listing).await
}

async fn ledger_of(
    Then(_, QueryParams(listing)): Then<ReadingOperator, QueryParams<ledger::Listing>>,
    state: Data<ApiState>,
    user_id: Path<String>,
) -> Result<impl Responder, Problem> {
    ledger::list_of(as_caller(user(&user_id)?), &state, listing).await
}

/// The user that a path names.
fn user(text: &str) -> Result<UserId, Problem> {
    id("user_id", text).map_err(error::field)
}

/// An operator looks with the user's eyes.
const fn as_caller(user_id: UserId) -> Caller {
    Caller {
        user_id,
        institution_id: None,
    }
}
