//! Order entry over WebSocket: rights and limits as over HTTP, then the same functions.

use http::{Bucket, Problem, Scope};
use serde_json::json;
use trading::Caller;

use super::connection::{Connection, who};
use super::request::{Outcome, Request, ok, with_status};
use crate::amendment::AmendOrderBody;
use crate::batch::{self, BatchBody};
use crate::entry::{self, CancelAllAfterBody, MassCancelBody, by_either};
use crate::error;

/// Checks the caller's right and takes what the request costs.
pub(super) async fn admit(connection: &Connection, request: &Request) -> Result<Caller, Problem> {
    let identity = connection.with_any(&[Scope::Trade])?;
    let costs = match request {
        Request::Place { .. } | Request::Amend { .. } => [(Bucket::Orders, 1), (Bucket::Cancels, 0)],
        Request::Batch { items, .. } => {
            let (cancels, others) = BatchBody::checked_costs(items)?;
            [(Bucket::Cancels, cancels), (Bucket::Orders, others)]
        }
        _ => [(Bucket::Cancels, 1), (Bucket::Orders, 0)],
    };
    for (bucket, cost) in costs.into_iter().filter(|(_, cost)| *cost > 0) {
        connection.charge(identity, bucket, cost).await?;
    }
    Ok(who(identity))
}

/// Carries an admitted request out.
pub(super) async fn carry_out(connection: &Connection, caller: Caller, request: Request) -> Outcome {
    let state = connection.state.clone();
    match request {
        Request::Place { order, .. } => {
            let (status, order) = entry::place(state, caller, *order).await?;
            with_status(status, order)
        }
        Request::Amend {
            order_id,
            client_order_id,
            price,
            quantity,
            ..
        } => {
            let order = by_either(order_id.as_deref(), client_order_id.as_deref())?;
            let body = AmendOrderBody::new(price, quantity);
            let (status, order) = entry::amend(state, caller, order, body).await?;
            with_status(status, order)
        }
        Request::Cancel {
            order_id,
            client_order_id,
            ..
        } => {
            let order = by_either(order_id.as_deref(), client_order_id.as_deref())?;
            let (status, order) = entry::cancel(state, caller, order).await?;
            with_status(status, order)
        }
        Request::CancelAll { symbol, side, .. } => {
            ok(entry::cancel_all(state, caller, MassCancelBody { symbol, side }).await?)
        }
        Request::Batch { items, .. } => ok(batch::run(state, caller, BatchBody::new(items)).await),
        Request::CancelAllAfter { timeout_ms, .. } => {
            ok(entry::cancel_all_after(state, caller, CancelAllAfterBody { timeout_ms }).await?)
        }
        Request::CancelOnDisconnect { enabled, .. } => {
            let _turn = connection.switching.lock().await;
            let switched = connection.cancel_on_disconnect(caller, enabled).await;
            switched.map_err(error::entry)?;
            ok(json!({ "enabled": enabled }))
        }
        Request::Auth { .. }
        | Request::Subscribe { .. }
        | Request::Unsubscribe { .. }
        | Request::Subscriptions { .. }
        | Request::Ping { .. } => Err(Problem::internal("this is no request about orders")),
    }
}
