//! Orders of the caller: place, look up, list, amend, cancel.

use actix_web::http::header;
use actix_web::web::{Data, Json, Path, ServiceConfig, delete, get, patch, post, resource};
use actix_web::{HttpResponse, Responder};
use domain::{MarketNumber, Order, OrderRef, OrderState};
use http::{JsonBody, NoBody, Problem, QueryParams};
use serde::{Deserialize, Serialize};
use serde_json::json;
use trading::{Caller, OrderFilter, Placed};

use crate::ApiState;
use crate::amendment::AmendOrderBody;
use crate::caller::{Reader, Trader};
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
    let order = body.into_order(&state.exchange.markets()).map_err(error::body)?;
    let placed = state.exchange.place(caller, order).await.map_err(error::entry)?;
    let (mut response, order) = match placed {
        // A repeat gets the answer of the first time, and that was a refusal.
        Placed::New(order) | Placed::Existing(order) if matches!(order.state, OrderState::Rejected(_)) => {
            return Err(error::rejected(&order));
        }
        Placed::New(order) => (HttpResponse::Created(), order),
        Placed::Existing(order) => (HttpResponse::Ok(), order),
    };
    let location = format!("/api/v1/orders/{}", order.order_id);
    Ok(response
        .insert_header((header::LOCATION, location))
        .json(view(&state, &order)?))
}

async fn look_up(
    Reader(caller): Reader,
    state: Data<ApiState>,
    id: Path<String>,
) -> Result<impl Responder, Problem> {
    find(caller, &state, by_id(&id)?).await
}

async fn look_up_by_client_id(
    Reader(caller): Reader,
    state: Data<ApiState>,
    id: Path<String>,
) -> Result<impl Responder, Problem> {
    find(caller, &state, by_client_id(&id)?).await
}

async fn find(caller: Caller, state: &ApiState, order: OrderRef) -> Result<Json<OrderView>, Problem> {
    let order = state.exchange.order(caller, order).await;
    view(state, &order.map_err(|error| error::query(error, Sought::Order))?).map(Json)
}

async fn cancel(
    Trader(caller): Trader,
    state: Data<ApiState>,
    id: Path<String>,
) -> Result<impl Responder, Problem> {
    take_out(caller, &state, by_id(&id)?).await
}

async fn cancel_by_client_id(
    Trader(caller): Trader,
    state: Data<ApiState>,
    id: Path<String>,
) -> Result<impl Responder, Problem> {
    take_out(caller, &state, by_client_id(&id)?).await
}

async fn take_out(caller: Caller, state: &ApiState, order: OrderRef) -> Result<Json<OrderView>, Problem> {
    let order = state.exchange.cancel(caller, order).await.map_err(error::entry)?;
    view(state, &order).map(Json)
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
) -> Result<Json<OrderView>, Problem> {
    body.check().map_err(error::field)?;
    // The order is looked up first because the decimals mean nothing without its market.
    let found = state.exchange.order(caller, order).await;
    let found = found.map_err(|error| error::query(error, Sought::Order))?;
    let markets = state.exchange.markets();
    let market = &markets
        .by_number(found.market)
        .ok_or_else(|| no_market(&found))?
        .market;
    let amendment = body.into_amendment(market).map_err(error::field)?;
    let amended = state
        .exchange
        .amend(caller, OrderRef::Id(found.order_id), amendment)
        .await;
    Ok(Json(OrderView::new(&amended.map_err(error::entry)?, market)))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Listing {
    symbol: Option<String>,
    status: Option<String>,
    limit: Option<usize>,
}

#[derive(Debug, Serialize)]
struct Orders {
    orders: Vec<OrderView>,
}

async fn list(
    Reader(caller): Reader,
    state: Data<ApiState>,
    QueryParams(listing): QueryParams<Listing>,
) -> Result<impl Responder, Problem> {
    let Listing {
        symbol,
        status,
        limit,
    } = listing;
    let status = status
        .as_deref()
        .map(|text| wire::word("status", text, &["open", "closed"], |word| word));
    let filter = OrderFilter {
        market: market_of(&state, symbol.as_deref())?,
        live: status
            .transpose()
            .map_err(error::field)?
            .map(|word| word == "open"),
        limit: limit_of(limit, LIST, LONGEST_LIST)?,
    };
    let found = state.exchange.orders(caller, filter).await;
    let found = found.map_err(|error| error::query(error, Sought::Order))?;
    let markets = state.exchange.markets();
    let views = found.iter().map(|order| {
        let market = markets.by_number(order.market).ok_or_else(|| no_market(order))?;
        Ok(OrderView::new(order, &market.market))
    });
    Ok(Json(Orders {
        orders: views.collect::<Result<_, Problem>>()?,
    }))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct MassCancel {
    symbol: Option<String>,
    side: Option<String>,
}

async fn cancel_all(
    Trader(caller): Trader,
    state: Data<ApiState>,
    QueryParams(MassCancel { symbol, side }): QueryParams<MassCancel>,
    _: NoBody,
) -> Result<impl Responder, Problem> {
    let market = market_of(&state, symbol.as_deref())?;
    let side = side
        .as_deref()
        .map(wire::side)
        .transpose()
        .map_err(error::field)?;
    let cancelled = state
        .exchange
        .cancel_all(caller, market, side)
        .await
        .map_err(error::entry)?;
    Ok(Json(json!({ "cancelled": cancelled })))
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

fn by_id(text: &str) -> Result<OrderRef, Problem> {
    wire::id("order_id", text).map(OrderRef::Id).map_err(error::field)
}

fn by_client_id(text: &str) -> Result<OrderRef, Problem> {
    wire::id("client_order_id", text)
        .map(OrderRef::Client)
        .map_err(error::field)
}

fn view(state: &ApiState, order: &Order) -> Result<OrderView, Problem> {
    let markets = state.exchange.markets();
    let market = markets.by_number(order.market).ok_or_else(|| no_market(order))?;
    Ok(OrderView::new(order, &market.market))
}

fn no_market(order: &Order) -> Problem {
    Problem::internal(format!(
        "order {} is of the unknown market {}",
        order.order_id, order.market.0
    ))
}
