//! What the wallet refuses, as statuses and codes.

use http::{Problem, StatusCode};
use serde::Serialize;
use utoipa::ToSchema;
use wallet_client::{NotAnswered, Refused, TransferRefused, UserBalance};

use crate::balances::BalanceView;

/// Seconds after which another try makes sense.
const RETRY_SECS: u32 = 1;

/// Why an instruction was refused. It was not done, and under the same key it never will be.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Refusal)]
pub(crate) struct RefusalView {
    /// What it alone would have been answered with.
    status: u16,
    /// Stable: callers decide by it.
    code: &'static str,
    /// For people.
    detail: String,
    /// The field that breaks a rule.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
    /// The rule, readable behind the field's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<String>,
    /// What the payer has.
    #[serde(skip_serializing_if = "Option::is_none")]
    balance: Option<BalanceView>,
}

impl From<Refused> for RefusalView {
    fn from(refused: Refused) -> Self {
        let (status, code) = match &refused {
            Refused::InsufficientBalance { .. } => (400, "INSUFFICIENT_BALANCE"),
            Refused::InvalidReleaseAmount => (400, "INVALID_RELEASE_AMOUNT"),
            Refused::Released => (409, "RESERVATION_RELEASED"),
            Refused::NotReserved(_) => (409, "NOT_RESERVED"),
            Refused::KeyConflict => (409, "KEY_CONFLICT"),
            Refused::Invalid { .. } => (422, "INVALID_INSTRUCTION"),
            Refused::TooLarge => (422, "BALANCE_TOO_LARGE"),
        };
        let view = Self {
            status,
            code,
            detail: refused.to_string(),
            field: None,
            rule: None,
            balance: None,
        };
        match refused {
            Refused::InsufficientBalance { balance } => Self {
                balance: Some(balance.into()),
                ..view
            },
            Refused::NotReserved(why) => Self { detail: why, ..view },
            Refused::Invalid { field, rule } => Self {
                field: Some(field),
                rule: Some(rule),
                ..view
            },
            Refused::InvalidReleaseAmount | Refused::Released | Refused::KeyConflict | Refused::TooLarge => {
                view
            }
        }
    }
}

/// A refusal that is the whole answer.
pub(crate) fn problem(refused: Refused) -> Problem {
    let RefusalView {
        status,
        code,
        detail,
        field,
        rule,
        balance,
    } = RefusalView::from(refused);
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
    let mut problem = Problem::new(status, code).detail(detail);
    if let Some(field) = field {
        problem = problem.field(field);
    }
    if let Some(rule) = rule {
        problem = problem.with("rule", rule);
    }
    if let Some(balance) = balance.and_then(|balance| serde_json::to_value(balance).ok()) {
        problem = problem.with("balance", balance);
    }
    problem
}

/// A transfer that was refused.
pub(crate) fn transfer(refused: TransferRefused) -> Problem {
    let (status, code) = match &refused {
        TransferRefused::InsufficientBalance => (StatusCode::BAD_REQUEST, "INSUFFICIENT_BALANCE"),
        TransferRefused::TooLarge => (StatusCode::UNPROCESSABLE_ENTITY, "BALANCE_TOO_LARGE"),
        TransferRefused::KeyConflict => (StatusCode::CONFLICT, "KEY_CONFLICT"),
        TransferRefused::Nothing => (StatusCode::UNPROCESSABLE_ENTITY, "NOTHING_TO_TRANSFER"),
    };
    Problem::new(status, code).detail(refused.to_string())
}

/// No answer. What lies behind it is for the log.
pub(crate) fn unanswered(error: NotAnswered) -> Problem {
    match error {
        NotAnswered::Unknown(reason) => {
            tracing::error!(reason, "the outcome of a request is not known");
            Problem::unavailable("it may have been done: ask again with the same keys", RETRY_SECS)
        }
        NotAnswered::NotSent(reason) => {
            tracing::warn!(reason, "a request was not worked on");
            Problem::unavailable("nothing was done: the wallet cannot work on it now", RETRY_SECS)
        }
    }
}

impl From<UserBalance> for BalanceView {
    fn from(balance: UserBalance) -> Self {
        let UserBalance {
            user_id,
            asset,
            available,
            reserved,
            version,
        } = balance;
        Self::new(user_id, asset, available, reserved, version)
    }
}
