//! Markets by operators: define, change state, cancel anybody's orders.

use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::web::{Data, Json, Path, ServiceConfig, post, put, resource};
use actix_web::{HttpResponse, Responder};
use domain::{FeeRate, FieldError, Market, MarketDefinition, MarketNumber, MarketState, Selection, Symbol};
use http::{JsonBody, Problem};
use serde::Deserialize;
use serde_json::json;
use trading::{MarketView, Markets};

use super::audit::Act;
use super::market_definition::DefineMarketBody;
use crate::ApiState;
use crate::caller::{MarketsOperator, Then};
use crate::error;
use crate::markets::{MarketBody, in_path};
use crate::orders::market_of;
use crate::wire;

pub(crate) fn routes(config: &mut ServiceConfig) {
    config
        .service(resource("/api/v1/admin/markets").route(post().to(define)))
        .service(resource("/api/v1/admin/markets/{symbol}/state").route(put().to(set_state)))
        .service(resource("/api/v1/admin/markets/{symbol}/fees").route(put().to(set_fees)))
        .service(resource("/api/v1/admin/orders/cancel").route(post().to(cancel_selected)));
}

async fn define(
    Then(MarketsOperator(operator), JsonBody(body)): Then<MarketsOperator, JsonBody<DefineMarketBody>>,
    state: Data<ApiState>,
) -> Result<HttpResponse, Problem> {
    let markets = state.exchange.markets();
    let definition = body
        .into_definition(|symbol| number_of(&markets, symbol))
        .map_err(error::field)?;
    let market = Market::new(definition.clone()).map_err(all_of)?;
    let known = markets.by_symbol(market.symbol());
    let before = known.map(|view| view.state);
    let market = Arc::new(market);
    let new = MarketView {
        market: Arc::clone(&market),
        state: before.unwrap_or_default(),
    };
    let act = Act::new("market.define", &market.symbol())
        .before(known.map(MarketBody::new))
        .after(MarketBody::new(&new));
    act.run(&state, &operator, |exchange| async move {
        exchange.define_market(definition).await
    })
    .await?;
    let status = if before.is_some() {
        StatusCode::OK
    } else {
        StatusCode::CREATED
    };
    Ok(HttpResponse::build(status).json(MarketBody::new(&new)))
}

/// The number of a symbol's market, or the next free one. Numbers are never used again, and markets never go away.
fn number_of(markets: &Markets, symbol: Symbol) -> MarketNumber {
    let known = markets.by_symbol(symbol).map(|view| view.market.number());
    let last = markets.all().iter().map(|view| view.market.number().0).max();
    known.unwrap_or(MarketNumber(last.map_or(1, |last| last.saturating_add(1))))
}

/// The first broken rule as the problem's own, and all of them beside it.
fn all_of(errors: Vec<FieldError>) -> Problem {
    let all: Vec<_> = errors
        .iter()
        .map(|error| json!({ "field": error.field, "rule": error.rule }))
        .collect();
    match errors.into_iter().next() {
        Some(first) => error::field(first).with("errors", all),
        None => Problem::internal("a definition was refused without a reason"),
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct StateBody {
    state: String,
    reason: Option<String>,
}

/// The longest reason, in characters.
const LONGEST_REASON: usize = 500;

async fn set_state(
    Then(MarketsOperator(operator), JsonBody(body)): Then<MarketsOperator, JsonBody<StateBody>>,
    state: Data<ApiState>,
    symbol: Path<String>,
) -> Result<impl Responder, Problem> {
    let view = in_path(&state, &symbol)?;
    let market = view.market;
    let wanted = wire::word("state", &body.state, MarketState::ALL, MarketState::word);
    let wanted = wanted.map_err(error::field)?;
    let after = match body.reason {
        None => json!(wanted.word()),
        Some(reason) if reason.chars().count() <= LONGEST_REASON => {
            json!({ "state": wanted.word(), "reason": reason })
        }
        Some(_) => {
            return Err(Problem::invalid_field(
                "reason",
                "must have at most 500 characters",
            ));
        }
    };
    let act = Act::new("market.state", &market.symbol())
        .before(view.state.word())
        .after(after);
    let number = market.number();
    act.run(&state, &operator, move |exchange| async move {
        exchange.set_market_state(number, wanted).await
    })
    .await?;
    Ok(Json(
        json!({ "symbol": market.symbol().to_string(), "state": wanted.word() }),
    ))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FeesBody {
    maker_fee: wire::DecimalText,
    taker_fee: wire::DecimalText,
}

/// Changes what makers and takers pay from now on; orders that are live keep what they came in with.
async fn set_fees(
    Then(MarketsOperator(operator), JsonBody(body)): Then<MarketsOperator, JsonBody<FeesBody>>,
    state: Data<ApiState>,
    symbol: Path<String>,
) -> Result<impl Responder, Problem> {
    let view = in_path(&state, &symbol)?;
    let definition = MarketDefinition {
        maker_fee: FeeRate::parse("maker_fee", body.maker_fee.as_str()).map_err(error::field)?,
        taker_fee: FeeRate::parse("taker_fee", body.taker_fee.as_str()).map_err(error::field)?,
        ..view.market.definition().clone()
    };
    let market = Market::new(definition.clone()).map_err(all_of)?;
    let new = MarketView {
        market: Arc::new(market),
        state: view.state,
    };
    let act = Act::new("market.fees", &view.market.symbol())
        .before(MarketBody::new(&view))
        .after(MarketBody::new(&new));
    act.run(&state, &operator, |exchange| async move {
        exchange.define_market(definition).await
    })
    .await?;
    Ok(Json(MarketBody::new(&new)))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CancelBody {
    user_id: Option<String>,
    symbol: Option<String>,
    side: Option<String>,
}

async fn cancel_selected(
    Then(MarketsOperator(operator), JsonBody(body)): Then<MarketsOperator, JsonBody<CancelBody>>,
    state: Data<ApiState>,
) -> Result<impl Responder, Problem> {
    let CancelBody {
        user_id,
        symbol,
        side,
    } = body;
    if user_id.is_none() && symbol.is_none() {
        // An empty body by accident must not empty every book.
        return Err(Problem::invalid_field("user_id", "or symbol is required"));
    }
    let user_id = user_id
        .as_deref()
        .map(|text| wire::id("user_id", text))
        .transpose();
    let user_id = user_id.map_err(error::field)?;
    let selection = Selection {
        user_id,
        market: market_of(&state, symbol.as_deref())?,
        side: side
            .as_deref()
            .map(wire::side)
            .transpose()
            .map_err(error::field)?,
    };
    let act = Act::new("orders.cancel", &"orders").after(selection);
    let cancelled = act.run(&state, &operator, move |exchange| async move {
        exchange.cancel_selected(selection).await
    });
    let cancelled = cancelled.await?;
    Ok(Json(json!({ "cancelled": cancelled })))
}
