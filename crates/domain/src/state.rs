//! The life of an order as one match: every legal step on one screen, any other pair is an error.

use serde::{Deserialize, Serialize};

use crate::{CancelReason, ExpireReason, Lots, RejectReason, Status};

/// How far an order has come. `remaining + filled + prevented` is its quantity, always.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Lots that may still trade.
    pub remaining: Lots,
    /// Lots that have traded.
    pub filled: Lots,
    /// Lots that self-trade prevention took away.
    pub prevented: Lots,
}

/// The state of an order. End states keep how far it came and why it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderState {
    /// Stored, but not applied yet.
    Pending,
    /// Live: waiting for its trigger, or in the book, or just being matched.
    Open(Progress),
    /// All of it traded, or its budget was spent.
    Filled(Progress),
    /// Taken out by its owner, an operator, an amendment or self-trade prevention.
    Cancelled(Progress, CancelReason),
    /// Its time, or its chance to trade at once, has passed.
    Expired(Progress, ExpireReason),
    /// Never came to life.
    Rejected(RejectReason),
}

/// What can happen to an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// It comes to life with this quantity.
    Accept(Lots),
    /// So many lots traded.
    Fill(Lots),
    /// Self-trade prevention took so many lots away.
    Prevent(Lots),
    /// Its quantity becomes this; at or below what is used up, the rest is cancelled.
    Resize(Lots),
    /// Its quote budget is spent: less than one lot could be bought with the rest.
    Spend,
    /// It is taken out.
    Cancel(CancelReason),
    /// It expires.
    Expire(ExpireReason),
    /// It is rejected.
    Reject(RejectReason),
}

/// A step that the state does not allow: a fault in the program, never a caller's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an order in state {from:?} cannot take the step {step:?}")]
pub struct BadTransition {
    /// The state.
    pub from: OrderState,
    /// The step.
    pub step: Step,
}

impl OrderState {
    /// The state after this step.
    ///
    /// # Errors
    /// The state does not allow the step.
    pub fn after(self, step: Step) -> Result<Self, BadTransition> {
        use OrderState::{Cancelled, Expired, Filled, Open, Pending, Rejected};
        let next = match (self, step) {
            (Pending, Step::Accept(quantity)) if !quantity.is_zero() => Open(Progress {
                remaining: quantity,
                ..Progress::default()
            }),
            (Pending, Step::Reject(reason)) => Rejected(reason),
            (Pending, Step::Expire(reason)) => Expired(Progress::default(), reason),
            (Open(p), Step::Fill(lots)) if !lots.is_zero() && lots <= p.remaining => used(Progress {
                remaining: p.remaining - lots,
                filled: p.filled + lots,
                ..p
            }),
            (Open(p), Step::Prevent(lots)) if !lots.is_zero() && lots <= p.remaining => used(Progress {
                remaining: p.remaining - lots,
                prevented: p.prevented + lots,
                ..p
            }),
            (Open(p), Step::Resize(quantity)) => match quantity.checked_sub(p.filled + p.prevented) {
                Some(remaining) if !remaining.is_zero() => Open(Progress { remaining, ..p }),
                _ => Cancelled(p, CancelReason::Amended),
            },
            (Open(p), Step::Spend) if !p.filled.is_zero() => Filled(p),
            (Open(p), Step::Cancel(reason)) => Cancelled(p, reason),
            (Open(p), Step::Expire(reason)) => Expired(p, reason),
            (from, step) => return Err(BadTransition { from, step }),
        };
        Ok(next)
    }

    /// The status that is shown.
    pub const fn status(self) -> Status {
        match self {
            Self::Pending => Status::Pending,
            Self::Open(Progress { filled: Lots(0), .. }) => Status::Open,
            Self::Open(_) => Status::PartiallyFilled,
            Self::Filled(_) => Status::Filled,
            Self::Cancelled(..) => Status::Cancelled,
            Self::Expired(..) => Status::Expired,
            Self::Rejected(_) => Status::Rejected,
        }
    }

    /// How far the order has come.
    pub const fn progress(self) -> Progress {
        match self {
            Self::Open(p) | Self::Filled(p) | Self::Cancelled(p, _) | Self::Expired(p, _) => p,
            Self::Pending | Self::Rejected(_) => Progress {
                remaining: Lots::ZERO,
                filled: Lots::ZERO,
                prevented: Lots::ZERO,
            },
        }
    }

    /// Whether nothing can happen to the order any more.
    pub const fn is_final(self) -> bool {
        !matches!(self, Self::Pending | Self::Open(_))
    }

    /// The code of the reason for which it ended, if it did not fill.
    pub const fn reason_code(self) -> Option<&'static str> {
        match self {
            Self::Cancelled(_, reason) => Some(reason.code()),
            Self::Expired(_, reason) => Some(reason.code()),
            Self::Rejected(reason) => Some(reason.code()),
            Self::Pending | Self::Open(_) | Self::Filled(_) => None,
        }
    }
}

/// The state when lots were used up: live while some remain, else filled, or cancelled where some were prevented.
fn used(p: Progress) -> OrderState {
    match (p.remaining.is_zero(), p.prevented.is_zero()) {
        (false, _) => OrderState::Open(p),
        (true, true) => OrderState::Filled(p),
        (true, false) => OrderState::Cancelled(p, CancelReason::SelfTrade),
    }
}
