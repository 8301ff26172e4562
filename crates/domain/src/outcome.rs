//! What a command came to: the answer that its caller gets.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{
    Amount, Asset, FieldError, MarketState, Order, OrderId, RejectReason, SessionId, Stamp, TransferKey,
    TransferKind, UserId,
};

/// A deposit or withdrawal that was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransferReceipt {
    /// The caller's key.
    pub key: TransferKey,
    /// Which.
    pub kind: TransferKind,
    /// Whose account.
    pub user_id: UserId,
    /// Of what.
    pub asset: Asset,
    /// How much.
    pub amount: Amount,
    /// What was available right after it.
    pub available: Amount,
    /// When it was done.
    pub at: Stamp,
}

/// Why a command changed nothing. No order exists because of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// There is no such market.
    UnknownMarket,
    /// The caller has no such order.
    UnknownOrder,
    /// The order has ended; this is how.
    OrderEnded(Arc<Order>),
    /// The market does not take this in its present state.
    MarketState(MarketState),
    /// The client order id stands for this other order.
    ClientIdConflict(OrderId),
    /// The amendment breaks this rule.
    Amendment(RejectReason),
    /// The fields do not fit one another, or an amendment does not fit its order's type.
    Shape(FieldError),
    /// The definition breaks these rules.
    Definition(Vec<FieldError>),
    /// The transfer's key stands for another transfer.
    TransferKeyConflict,
    /// The available balance does not cover the withdrawal.
    InsufficientBalance,
    /// The balance would pass the largest amount.
    BalanceTooLarge,
    /// There is no such tier.
    UnknownTier,
    /// There is no such API key.
    UnknownApiKey,
    /// The API key's id is taken.
    ApiKeyTaken,
}

/// What a command came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is done, and there is nothing to tell.
    Done,
    /// The order as it stands after the command; its state tells whether it was rejected.
    Placed(Arc<Order>),
    /// The same order was placed before under this client id; this is it.
    Repeated(Arc<Order>),
    /// The same order was placed before under this client id, and ended so long ago that only its id is kept.
    RepeatedLongAgo(OrderId),
    /// The order after the cancel.
    Cancelled(Arc<Order>),
    /// The order after the amendment.
    Amended(Arc<Order>),
    /// So many orders were or will be cancelled, in chunks, before their markets take another command.
    CancelledAll(u64),
    /// The transfer is done, now or before under the same key.
    Transferred(TransferReceipt),
    /// The dead man's switch runs out at this moment; none: it is disarmed.
    Armed(Option<Stamp>),
    /// The session is open.
    SessionOpened(SessionId),
    /// Nothing changed.
    Refused(Refusal),
}
