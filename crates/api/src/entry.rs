//! Order entry as callers ask for it, whatever carries it: HTTP requests, batch items and WebSocket messages end here.

use std::future::Future;

use actix_web::http::StatusCode;
use domain::{CancelAllAfter, Order, OrderRef, OrderState};
use http::Problem;
use runtime::trace;
use serde::{Deserialize, Serialize};
use trading::{Caller, EntryError, Markets, NewOrder, Placed};

use crate::ApiState;
use crate::amendment::AmendOrderBody;
use crate::error::{self, Sought};
use crate::figures::{self, Placing};
use crate::order_view::OrderView;
use crate::orders::market_of;
use crate::placement::PlaceOrderBody;
use crate::wire::{self, time};

/// Runs it to its end even if the caller goes away meanwhile: a reset connection never cuts an order in half.
pub(crate) async fn whole<T, F>(state: &ApiState, work: impl FnOnce(ApiState) -> F) -> Result<T, Problem>
where
    T: 'static,
    F: Future<Output = Result<T, Problem>> + 'static,
{
    let work = trace::within(trace::current(), work(state.clone()));
    actix_web::rt::spawn(work)
        .await
        .unwrap_or_else(|error| Err(Problem::internal(error)))
}

/// Places an order: 201, or 200 where the same order was placed before, or 202 where its outcome is not known yet.
pub(crate) async fn place(
    state: ApiState,
    caller: Caller,
    body: PlaceOrderBody,
) -> Result<(StatusCode, OrderView), Problem> {
    let begun = state.clock.monotonic();
    let markets = state.exchange.markets();
    let order = body.into_order(&markets).map_err(error::body);
    let order = order.inspect_err(figures::rejected)?;
    let placing = Placing::of(&order, &markets);
    let answer = enter(&state, &markets, caller, order).await;
    placing.answered(&answer, state.clock.monotonic().saturating_sub(begun));
    answer
}

async fn enter(
    state: &ApiState,
    markets: &Markets,
    caller: Caller,
    order: NewOrder,
) -> Result<(StatusCode, OrderView), Problem> {
    let placed = state.exchange.place(caller, order).await.map_err(error::entry)?;
    let (status, order) = match placed {
        // A repeat gets the answer of the first time, and that was a refusal.
        Placed::New(order) | Placed::Existing(order) | Placed::Pending(order)
            if matches!(order.state, OrderState::Rejected(_)) =>
        {
            return Err(error::rejected(&order));
        }
        Placed::New(order) => (StatusCode::CREATED, order),
        Placed::Existing(order) => (StatusCode::OK, order),
        Placed::Pending(order) => return pending_in(markets, &order, order.state != OrderState::Pending),
    };
    Ok((status, view_in(markets, &order)?))
}

/// Looks one of the caller's orders up.
pub(crate) async fn find(state: &ApiState, caller: Caller, order: OrderRef) -> Result<OrderView, Problem> {
    let order = state.exchange.order(caller, order).await;
    let order = order.map_err(|error| error::query(error, Sought::Order))?;
    view_in(&state.exchange.markets(), &order)
}

/// Cancels one of the caller's orders: 200, or 202 where the outcome is not known yet.
pub(crate) async fn cancel(
    state: ApiState,
    caller: Caller,
    order: OrderRef,
) -> Result<(StatusCode, OrderView), Problem> {
    let cancelled = state.exchange.cancel(caller, order).await;
    changed(&state, cancelled)
}

/// Changes one of the caller's orders: 200, or 202 where the outcome is not known yet.
pub(crate) async fn amend(
    state: ApiState,
    caller: Caller,
    order: OrderRef,
    body: AmendOrderBody,
) -> Result<(StatusCode, OrderView), Problem> {
    body.check().map_err(error::field)?;
    // The order is looked up first because the decimals mean nothing without its market.
    let found = state.exchange.order(caller, order).await;
    let found = found.map_err(|error| error::query(error, Sought::Order))?;
    let markets = state.exchange.markets();
    let market = markets.by_number(found.market).ok_or_else(|| no_market(&found))?;
    let amendment = body.into_amendment(&market.market).map_err(error::field)?;
    let order = OrderRef::Id(found.order_id);
    let amended = state.exchange.amend(caller, order, amendment).await;
    changed(&state, amended)
}

/// The order after a change that was asked for, or with the change still to come.
fn changed(state: &ApiState, changed: Result<Order, EntryError>) -> Result<(StatusCode, OrderView), Problem> {
    let markets = state.exchange.markets();
    match changed {
        Ok(order) => Ok((StatusCode::OK, view_in(&markets, &order)?)),
        Err(EntryError::Pending { order, applied }) => pending_in(&markets, &order, applied),
        Err(error) => Err(error::entry(error)),
    }
}

/// Which of the caller's orders to cancel: all, or those that match.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MassCancelBody {
    pub(crate) symbol: Option<String>,
    pub(crate) side: Option<String>,
}

/// How many orders a mass cancel took.
#[derive(Debug, Serialize)]
pub(crate) struct Cancelled {
    cancelled: u64,
}

/// Cancels all of the caller's orders that match.
pub(crate) async fn cancel_all(
    state: ApiState,
    caller: Caller,
    body: MassCancelBody,
) -> Result<Cancelled, Problem> {
    let MassCancelBody { symbol, side } = body;
    let market = market_of(&state, symbol.as_deref())?;
    let side = side.as_deref().map(wire::side).transpose();
    let side = side.map_err(error::field)?;
    let cancelled = state.exchange.cancel_all(caller, market, side).await;
    Ok(Cancelled {
        cancelled: cancelled.map_err(error::entry)?,
    })
}

/// When all of the caller's orders are to be cancelled.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CancelAllAfterBody {
    /// Milliseconds from now; 0 disarms the switch.
    pub(crate) timeout_ms: u64,
}

/// When all of the caller's orders will be cancelled.
#[derive(Debug, Serialize)]
pub(crate) struct Armed {
    /// Null: not at all.
    cancel_at: Option<String>,
}

/// Arms, renews or disarms the caller's dead man's switch.
pub(crate) async fn cancel_all_after(
    state: ApiState,
    caller: Caller,
    body: CancelAllAfterBody,
) -> Result<Armed, Problem> {
    let after = CancelAllAfter {
        user_id: caller.user_id,
        timeout_micros: body.timeout_ms.saturating_mul(1_000),
    };
    after.check().map_err(error::field)?;
    let armed = state
        .exchange
        .cancel_all_after(caller, after.timeout_micros)
        .await;
    Ok(Armed {
        cancel_at: armed.map_err(error::entry)?.map(time),
    })
}

/// An order by its id.
pub(crate) fn by_id(text: &str) -> Result<OrderRef, Problem> {
    wire::id("order_id", text).map(OrderRef::Id).map_err(error::field)
}

/// An order by its owner's name for it.
pub(crate) fn by_client_id(text: &str) -> Result<OrderRef, Problem> {
    wire::id("client_order_id", text)
        .map(OrderRef::Client)
        .map_err(error::field)
}

/// An order by the one of its two names that is given.
pub(crate) fn by_either(order_id: Option<&str>, client_order_id: Option<&str>) -> Result<OrderRef, Problem> {
    match (order_id, client_order_id) {
        (Some(id), None) => by_id(id),
        (None, Some(id)) => by_client_id(id),
        (None, None) => Err(Problem::invalid_field(
            "order_id",
            "or client_order_id is required",
        )),
        (Some(_), Some(_)) => Err(Problem::invalid_field(
            "client_order_id",
            "cannot be given together with order_id",
        )),
    }
}

/// An order in the decimals of its market.
pub(crate) fn view_in(markets: &Markets, order: &Order) -> Result<OrderView, Problem> {
    let market = markets.by_number(order.market).ok_or_else(|| no_market(order))?;
    Ok(OrderView::new(order, &market.market))
}

/// 202: an order whose outcome is not known yet, or known and not settled.
fn pending_in(markets: &Markets, order: &Order, applied: bool) -> Result<(StatusCode, OrderView), Problem> {
    let view = view_in(markets, order)?;
    let view = if applied { view.not_settled() } else { view };
    Ok((StatusCode::ACCEPTED, view))
}

fn no_market(order: &Order) -> Problem {
    Problem::internal(format!(
        "order {} is of the unknown market {}",
        order.order_id, order.market.0
    ))
}
