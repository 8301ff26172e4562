//! Why a caller does not get what it asked for, sorted by what the caller can do about it.

use std::sync::Arc;

use domain::{FieldError, MarketState, Order, OrderId, RejectReason};

/// Why something asked for did not happen.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    /// A field breaks a rule. Nothing exists because of the request.
    #[error("{0}")]
    Invalid(FieldError),
    /// There is no such market.
    #[error("there is no such market")]
    UnknownMarket,
    /// The caller has no such order (an order of somebody else's is none of the caller's).
    #[error("there is no such order")]
    UnknownOrder,
    /// The order has ended; this is how.
    #[error("the order has already ended")]
    OrderEnded(Arc<Order>),
    /// The order exists as rejected, with its reason.
    #[error("the order was rejected")]
    Rejected(Arc<Order>),
    /// The client order id stands for another order.
    #[error("the client order id stands for another order")]
    ClientIdConflict(OrderId),
    /// The very same order was placed before under this client id and has ended; only its id is still kept. It must not be
    /// placed again under another.
    #[error("the same order was placed before, has ended, and is no longer kept")]
    AlreadyPlaced(OrderId),
    /// The amendment breaks this rule; the order is as it was.
    #[error("the amendment was refused")]
    AmendmentRefused(RejectReason),
    /// The market does not take this in its present state.
    #[error("the market does not take this in its present state")]
    MarketState(MarketState),
    /// The transfer's key stands for another transfer.
    #[error("the key stands for another transfer")]
    TransferKeyConflict,
    /// The available balance does not cover the withdrawal.
    #[error("the available balance does not cover it")]
    InsufficientBalance,
    /// There is no such tier.
    #[error("there is no such tier")]
    UnknownTier,
    /// There is no such API key.
    #[error("there is no such API key")]
    UnknownApiKey,
    /// The API key's id is taken.
    #[error("the API key's id is taken")]
    ApiKeyTaken,
    /// Nothing was done, for now: full queue, low disk, or a clock that cannot be trusted. Worth trying again later.
    #[error("not available now: {reason}")]
    Unavailable {
        /// Why.
        reason: &'static str,
        /// Seconds after which another try makes sense.
        retry_after_secs: u32,
    },
    /// The cancel or the amendment is stored and will be applied, but that was not known in time. The embedded exchange
    /// never answers so.
    #[error("it is stored, and its outcome is not known yet")]
    Pending {
        /// The order: as it was, or as it is now.
        order: Arc<Order>,
        /// Whether it was applied, so that only money has still to be settled.
        applied: bool,
    },
    /// The answer did not come in time: it may have been done, or may yet be done. Look it up.
    #[error("the outcome is not known yet")]
    OutcomeUnknown,
}

/// Why a question has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// Nothing of that name is the caller's to see.
    #[error("not found")]
    NotFound,
    /// Not answered, for now. Worth trying again later.
    #[error("not available now")]
    Unavailable,
}
