//! Orders of the caller: place, look up, list, amend, cancel.

use actix_web::http::header;
use actix_web::web::{Data, Json, Path, ServiceConfig, delete, get, patch, post, resource};
use actix_web::{HttpResponse, Responder};
use domain::{MarketNumber, OrderRef, Status};
use http::{JsonBody, NoBody, Problem, QueryParams};
use serde::{Deserialize, Serialize};
use trading::{Caller, OrderFilter};

use crate::ApiState;
use crate::amendment::AmendOrderBody;
use crate::caller::{Canceller, Reader, Trader};
use crate::entry::{self, MassCancelBody, by_client_id, by_id};
use crate::error::{self, Sought};
use crate::order_view::OrderView;
use crate::placement::PlaceOrderBody;
use crate::wire;

/// Orders in a list unless the caller asks for another number.
const LIST: usize = 100;
/// The most orders in a list.
const LONGEST_LIST: usize = 1_000;

pub(crate) fn routes(config: &mut ServiceConfig) {
    config
        .service(
            resource("/api/v1/orders")
                .route(post().to(place))
                .route(get().to(list))
                .route(delete().to(cancel_all)),
        )
        .service(
            resource("/api/v1/orders/by-client-id/{client_order_id}")
                .route(get().to(look_up_by_client_id))
                .route(patch().to(amend_by_client_id))
                .route(delete().to(cancel_by_client_id)),
        )
        .service(
            resource("/api/v1/orders/{order_id}")
                .route(get().to(look_up))
                .route(patch().to(amend))
                .route(delete().to(cancel)),
        );
}

async fn place(
    Trader(caller): Trader,
    state: Data<ApiState>,
    JsonBody(body): JsonBody<PlaceOrderBody>,
) -> Result<HttpResponse, Problem> {
    let (status, order) = entry::whole(&state, move |state| entry::place(state, caller, body)).await?;
    let location = format!("/api/v1/orders/{}", order.order_id());
    Ok(HttpResponse::build(status)
        .insert_header((header::LOCATION, location))
        .json(order))
}

async fn look_up(
    Reader(caller): Reader,
    state: Data<ApiState>,
    id: Path<String>,
) -> Result<impl Responder, Problem> {
    entry::find(&state, caller, by_id(&id)?).await.map(Json)
}

async fn look_up_by_client_id(
    Reader(caller): Reader,
    state: Data<ApiState>,
    id: Path<String>,
) -> Result<impl Responder, Problem> {
    entry::find(&state, caller, by_client_id(&id)?).await.map(Json)
}

async fn cancel(
    Canceller(caller): Canceller,
    state: Data<ApiState>,
    id: Path<String>,
    _: NoBody,
) -> Result<impl Responder, Problem> {
    take_out(caller, &state, by_id(&id)?).await
}

async fn cancel_by_client_id(
    Canceller(caller): Canceller,
    state: Data<ApiState>,
    id: Path<String>,
    _: NoBody,
) -> Result<impl Responder, Problem> {
    take_out(caller, &state, by_client_id(&id)?).await
}

async fn take_out(caller: Caller, state: &ApiState, order: OrderRef) -> Result<HttpResponse, Problem> {
    let (status, order) = entry::whole(state, move |state| entry::cancel(state, caller, order)).await?;
    Ok(HttpResponse::build(status).json(order))
}

async fn amend(
    Trader(caller): Trader,
    state: Data<ApiState>,
    id: Path<String>,
    JsonBody(body): JsonBody<AmendOrderBody>,
) -> Result<impl Responder, Problem> {
    change(caller, &state, by_id(&id)?, body).await
}

async fn amend_by_client_id(
    Trader(caller): Trader,
    state: Data<ApiState>,
    id: Path<String>,
    JsonBody(body): JsonBody<AmendOrderBody>,
) -> Result<impl Responder, Problem> {
    change(caller, &state, by_client_id(&id)?, body).await
}

async fn change(
    caller: Caller,
    state: &ApiState,
    order: OrderRef,
    body: AmendOrderBody,
) -> Result<HttpResponse, Problem> {
    let (status, order) = entry::whole(state, move |state| entry::amend(state, caller, order, body)).await?;
    Ok(HttpResponse::build(status).json(order))
}

/// Which orders to list.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Listing {
    symbol: Option<String>,
    side: Option<String>,
    status: Option<String>,
    before: Option<String>,
    limit: Option<usize>,
}

/// A page of orders.
#[derive(Debug, Serialize)]
pub(crate) struct Orders {
    orders: Vec<OrderView>,
    /// What to give as `before` for the next page; null: this was the last one.
    next_cursor: Option<String>,
}

async fn list(
    Reader(caller): Reader,
    state: Data<ApiState>,
    QueryParams(listing): QueryParams<Listing>,
) -> Result<impl Responder, Problem> {
    list_of(caller, &state, listing).await
}

/// A page of a user's orders, newest first.
pub(crate) async fn list_of(
    caller: Caller,
    state: &ApiState,
    listing: Listing,
) -> Result<Json<Orders>, Problem> {
    let Listing {
        symbol,
        side,
        status,
        before,
        limit,
    } = listing;
    let (live, status) = status.as_deref().map(status_of).transpose()?.unwrap_or_default();
    let side = side.as_deref().map(wire::side).transpose();
    let before = before.as_deref().map(|text| wire::id("before", text)).transpose();
    let filter = OrderFilter {
        market: market_of(state, symbol.as_deref())?,
        side: side.map_err(error::field)?,
        live,
        status,
        before: before.map_err(error::field)?,
        limit: limit_of(limit, LIST, LONGEST_LIST)?,
    };
    let found = state.exchange.orders(caller, filter).await;
    let found = found.map_err(|error| error::query(error, Sought::Order))?;
    let full = found.len() >= filter.limit;
    let next_cursor = found
        .last()
        .filter(|_| full)
        .map(|order| order.order_id.to_string());
    let markets = state.exchange.markets();
    let views = found.iter().map(|order| entry::view_in(&markets, order));
    Ok(Json(Orders {
        orders: views.collect::<Result<_, Problem>>()?,
        next_cursor,
    }))
}

/// A status, or one of the words for all live (`open`) and all ended (`closed`) ones.
fn status_of(text: &str) -> Result<(Option<bool>, Option<Status>), Problem> {
    match text {
        "open" => Ok((Some(true), None)),
        "closed" => Ok((Some(false), None)),
        _ => match Status::from_word(text) {
            Some(status) => Ok((None, Some(status))),
            None => {
                let words: Vec<_> = Status::ALL.iter().map(|status| status.word()).collect();
                let rule = format!("must be one of open, closed, {}", words.join(", "));
                Err(Problem::invalid_field("status", rule))
            }
        },
    }
}

async fn cancel_all(
    Canceller(caller): Canceller,
    state: Data<ApiState>,
    QueryParams(body): QueryParams<MassCancelBody>,
    _: NoBody,
) -> Result<impl Responder, Problem> {
    entry::whole(&state, move |state| entry::cancel_all(state, caller, body))
        .await
        .map(Json)
}

/// The market that a parameter or a body names, if it names one.
pub(crate) fn market_of(state: &ApiState, symbol: Option<&str>) -> Result<Option<MarketNumber>, Problem> {
    let Some(symbol) = symbol else {
        return Ok(None);
    };
    let symbol = wire::symbol(symbol).map_err(error::field)?;
    let markets = state.exchange.markets();
    let view = markets.by_symbol(symbol).ok_or_else(error::unknown_symbol)?;
    Ok(Some(view.market.number()))
}

/// How many entries a list has.
pub(crate) fn limit_of(limit: Option<usize>, default: usize, most: usize) -> Result<usize, Problem> {
    match limit.unwrap_or(default) {
        limit if (1..=most).contains(&limit) => Ok(limit),
        _ => Err(Problem::invalid_field("limit", format!("must be 1 to {most}"))),
    }
}
