//! The one place where errors become answers: status, code, and what belongs beside them.

use actix_web::http::StatusCode;
use domain::{FieldError, Order, OrderId, OrderState, RejectReason};
use http::Problem;
use trading::{EntryError, QueryError};

use crate::BodyError;

/// Seconds after which a question that could not be answered may be asked again.
const QUERY_RETRY_SECS: u32 = 1;

/// The answer to something asked for that did not happen.
pub(crate) fn entry(error: EntryError) -> Problem {
    match error {
        EntryError::Invalid(error) => field(error),
        EntryError::UnknownMarket => unknown_symbol(),
        EntryError::UnknownOrder => unknown_order(),
        EntryError::OrderEnded(order) => Problem::new(StatusCode::CONFLICT, "order_ended")
            .detail("the order has already ended")
            .with("order_id", order.order_id.to_string())
            .with("order_status", order.state.status().word()),
        EntryError::Rejected(order) => rejected(&order),
        EntryError::ClientIdConflict(order_id) => {
            Problem::new(StatusCode::CONFLICT, "client_order_id_conflict")
                .detail("the client_order_id stands for another order")
                .field("client_order_id")
                .with("order_id", order_id.to_string())
        }
        EntryError::AlreadyPlaced(order_id) => Problem::new(StatusCode::CONFLICT, "already_placed")
            .detail(
                "the same order was placed before under this client_order_id and has ended; its details are no longer \
                 kept: do not place it again under another",
            )
            .field("client_order_id")
            .with("order_id", order_id.to_string()),
        EntryError::AmendmentRefused(reason) => Problem::new(StatusCode::UNPROCESSABLE_ENTITY, reason.code())
            .detail(format!("the order is as it was: {}", sentence(reason))),
        EntryError::MarketState(state) => {
            Problem::new(StatusCode::UNPROCESSABLE_ENTITY, RejectReason::MarketState.code())
                .detail(sentence(RejectReason::MarketState))
                .with("market_state", state.word())
        }
        EntryError::TransferKeyConflict => Problem::new(StatusCode::CONFLICT, "transfer_key_conflict")
            .detail("the key stands for another transfer")
            .field("key"),
        EntryError::InsufficientBalance => {
            let reason = RejectReason::InsufficientBalance;
            Problem::new(StatusCode::UNPROCESSABLE_ENTITY, reason.code()).detail(sentence(reason))
        }
        EntryError::UnknownTier => {
            Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "unknown_tier").detail("there is no such tier").field("tier")
        }
        EntryError::UnknownApiKey => unknown_api_key(),
        EntryError::ApiKeyTaken => Problem::new(StatusCode::CONFLICT, "api_key_taken")
            .detail("the id stands for another API key")
            .field("key_id"),
        EntryError::Unavailable {
            reason,
            retry_after_secs,
        } => Problem::unavailable(reason, retry_after_secs),
        EntryError::Pending { order, .. } => {
            entry(EntryError::OutcomeUnknown).with("order_id", order.order_id.to_string())
        }
        EntryError::OutcomeUnknown => Problem::new(StatusCode::GATEWAY_TIMEOUT, "outcome_unknown")
            .detail("it may have been done, or may yet be done: look it up, an order by its client_order_id"),
    }
}

/// What a question was about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sought {
    /// One order, or the caller's orders.
    Order,
    /// A market, or what happens in it.
    Market,
    /// The caller's balances.
    Balances,
}

/// The answer to a question that has none.
pub(crate) fn query(error: QueryError, sought: Sought) -> Problem {
    match (error, sought) {
        (QueryError::NotFound, Sought::Order) => unknown_order(),
        (QueryError::NotFound, Sought::Market) => unknown_market(),
        (QueryError::NotFound, Sought::Balances) => Problem::of_status(StatusCode::NOT_FOUND),
        (QueryError::Unavailable, _) => Problem::unavailable("not available now", QUERY_RETRY_SECS),
    }
}

/// The answer to a body that is no order.
pub(crate) fn body(error: BodyError) -> Problem {
    match error {
        BodyError::Field(error) => field(error),
        BodyError::UnknownSymbol => unknown_symbol(),
    }
}

/// 400: the field breaks the rule.
pub(crate) fn field(FieldError { field, rule }: FieldError) -> Problem {
    Problem::invalid_field(field, rule)
}

/// 400: a body or a parameter names a symbol that no market has.
pub(crate) fn unknown_symbol() -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "unknown_symbol")
        .detail("there is no such market")
        .field("symbol")
}

/// 404: the path names a market that does not exist.
pub(crate) fn unknown_market() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "unknown_symbol").detail("there is no such market")
}

/// 404: there is no such API key.
pub(crate) fn unknown_api_key() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "unknown_api_key").detail("there is no such API key")
}

/// 404: the caller has no such order, whoever else may have.
pub(crate) fn unknown_order() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "unknown_order").detail("there is no such order")
}

/// 422: the order exists as rejected.
pub(crate) fn rejected(order: &Order) -> Problem {
    let Order { order_id, state, .. } = order;
    match state {
        OrderState::Rejected(reason) => rejected_for(*order_id, *reason),
        _ => Problem::internal(format!("order {order_id} came back as rejected but is {state:?}")),
    }
}

fn rejected_for(order_id: OrderId, reason: RejectReason) -> Problem {
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, reason.code())
        .detail(sentence(reason))
        .with("order_id", order_id.to_string())
}

/// Why, for people.
const fn sentence(reason: RejectReason) -> &'static str {
    match reason {
        RejectReason::MarketState => "the market does not take this in its present state",
        RejectReason::QuantityTooSmall => "the quantity is below the market's least",
        RejectReason::QuantityTooLarge => "the quantity is above the market's most",
        RejectReason::PriceTooHigh => "the price is above the market's highest",
        RejectReason::NotionalTooSmall => "the value of the order is below the market's least",
        RejectReason::PriceOutOfBand => "the price is too far from the market's price",
        RejectReason::NoReferencePrice => "the market has no price yet to protect the order with",
        RejectReason::StopAlreadyTriggered => "the last price already fulfils the stop's condition",
        RejectReason::TooManyOrders => "there are too many live orders of this user",
        RejectReason::InsufficientBalance => "the available balance does not cover it",
        RejectReason::PostOnlyWouldTake => "the post-only order would have traded at once",
        RejectReason::Quarantined => "the order could not be applied and was set aside",
    }
}
