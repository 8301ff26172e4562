//! What the wallet answers: done, refused for good, or nothing that one could rely on.

use domain::{Amount, Asset, FieldError, UserId};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// What a user has of an asset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserBalance {
    /// The user.
    pub user_id: UserId,
    /// The asset.
    pub asset: Asset,
    /// Free to use.
    pub available: Amount,
    /// Held for orders.
    pub reserved: Amount,
    /// Grows with every change.
    pub version: u64,
}

/// An instruction was done, now or before under the same key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// The first and, for a settlement, the second line that it wrote: the reserve's, the release's, the merge's; of a
    /// settlement the buyer's line in the base asset and the seller's in the quote asset.
    pub entry_ids: Vec<Uuid>,
    /// The balances that it touched, as they were right after it: of a settlement the buyer's base and quote, then the
    /// seller's base and quote.
    pub balances: Vec<UserBalance>,
}

/// An instruction was refused, for good: the same key gives the same refusal again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refused {
    /// The available balance does not cover it.
    #[error("the available balance does not cover it")]
    InsufficientBalance {
        /// What the payer has.
        balance: UserBalance,
    },
    /// A release of more than is left, or a plain one that is not all of it.
    #[error("the amount is not what may be released")]
    InvalidReleaseAmount,
    /// The order's reservation was released before it came: it must not come any more.
    #[error("the reservation was released before it was made")]
    Released,
    /// The reservation does not hold what the instruction needs, is another user's, or is unknown.
    #[error("the reservation does not cover it: {0}")]
    NotReserved(String),
    /// Another instruction was answered under this key.
    #[error("the key stands for another instruction")]
    KeyConflict,
    /// The instruction makes no sense: which field, and which rule.
    #[error("{field} {rule}")]
    Invalid {
        /// The field as callers write it.
        field: String,
        /// The rule, readable behind the field's name.
        rule: String,
    },
    /// An account would pass 2^63 - 1 units.
    #[error("a balance would become too large")]
    TooLarge,
}

impl From<FieldError> for Refused {
    fn from(error: FieldError) -> Self {
        Self::Invalid {
            field: error.field.to_owned(),
            rule: error.rule.into_owned(),
        }
    }
}

/// A deposit or withdrawal was refused; the same key gives the same refusal again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TransferRefused {
    /// The available balance does not cover the withdrawal.
    #[error("the available balance does not cover it")]
    InsufficientBalance,
    /// The balance would become too large.
    #[error("the balance would become too large")]
    TooLarge,
    /// Another transfer was answered under this key.
    #[error("the key stands for another transfer")]
    KeyConflict,
    /// The amount is zero.
    #[error("amount must be greater than 0")]
    Nothing,
}

/// No answer that one could rely on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAnswered {
    /// It may have been done, or may yet be done. The same keys again will tell.
    #[error("the wallet's answer is not known: {0}")]
    Unknown(String),
    /// Nothing was sent: the circuit breaker is open, there is too much waiting, or there is no connection.
    #[error("the wallet was not asked: {0}")]
    NotSent(&'static str),
}
