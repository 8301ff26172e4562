//! What clients ask for and what they are told: the record that the log is held against.

use domain::TransferKind;
use reqwest::Method;
use serde_json::{Value, json};

/// How a client names its order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    Id(String),
    ClientId(String),
}

impl Target {
    fn path(&self) -> String {
        match self {
            Self::Id(id) => format!("/api/v1/orders/{id}"),
            Self::ClientId(id) => format!("/api/v1/orders/by-client-id/{id}"),
        }
    }
}

/// A request.
#[derive(Debug, Clone)]
pub enum Ask {
    Place(Value),
    LookUp(Target),
    Cancel(Target),
    Amend {
        order_id: String,
        body: Value,
    },
    CancelAll {
        symbol: Option<&'static str>,
        side: Option<&'static str>,
    },
    /// The same by an operator, who names the user.
    OperatorCancelAll {
        body: Value,
    },
    Transfer {
        kind: TransferKind,
        body: Value,
    },
}

impl Ask {
    /// Whether an operator's token is needed.
    pub const fn by_operator(&self) -> bool {
        matches!(self, Self::Transfer { .. } | Self::OperatorCancelAll { .. })
    }

    /// Whether it changes anything, and so stands in the log once it was applied.
    pub const fn is_command(&self) -> bool {
        !matches!(self, Self::LookUp(_))
    }

    /// Method, path with parameters, and body.
    pub fn parts(&self) -> (Method, String, Option<&Value>) {
        match self {
            Self::Place(body) => (Method::POST, "/api/v1/orders".to_owned(), Some(body)),
            Self::LookUp(target) => (Method::GET, target.path(), None),
            Self::Cancel(target) => (Method::DELETE, target.path(), None),
            Self::Amend { order_id, body } => {
                (Method::PATCH, Target::Id(order_id.clone()).path(), Some(body))
            }
            Self::CancelAll { symbol, side } => {
                let given = [("symbol", *symbol), ("side", *side)];
                let given = given
                    .iter()
                    .filter_map(|(name, value)| Some(format!("{name}={}", (*value)?)));
                let path = format!("/api/v1/orders?{}", given.collect::<Vec<_>>().join("&"));
                (Method::DELETE, path, None)
            }
            Self::OperatorCancelAll { body } => {
                (Method::POST, "/api/v1/admin/orders/cancel".to_owned(), Some(body))
            }
            Self::Transfer {
                kind: TransferKind::Deposit,
                body,
            } => (Method::POST, "/api/v1/admin/deposits".to_owned(), Some(body)),
            Self::Transfer {
                kind: TransferKind::Withdrawal,
                body,
            } => (Method::POST, "/api/v1/admin/withdrawals".to_owned(), Some(body)),
        }
    }

    /// The client order id that a placement gives.
    pub fn client_id(&self) -> Option<&str> {
        match self {
            Self::Place(body) => body["client_order_id"].as_str(),
            _ => None,
        }
    }
}

/// An answer that arrived whole.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    pub status: u16,
    pub body: Value,
}

impl Answer {
    /// The order that it speaks of: in full, or as a refusal that names it.
    pub fn order_id(&self) -> Option<&str> {
        self.body["order_id"].as_str()
    }
}

/// A request with its answer; none: it was cut off, and nobody knows what became of it.
#[derive(Debug, Clone)]
pub struct Told {
    pub ask: Ask,
    pub answer: Option<Answer>,
}

impl Told {
    /// Whether the answer promises that the log has the command.
    pub fn is_promised(&self) -> bool {
        let not_now = |answer: &Answer| answer.status == 503;
        self.ask.is_command() && self.answer.as_ref().is_some_and(|answer| !not_now(answer))
    }

    /// Whether the log may have the command or not.
    pub fn is_unknown(&self) -> bool {
        self.ask.is_command() && self.answer.is_none()
    }
}

/// A transfer under this key.
pub fn transfer(kind: TransferKind, key: &str, user_id: &str, asset: &str, amount: &str) -> Ask {
    let body = json!({ "key": key, "user_id": user_id, "asset": asset, "amount": amount });
    Ask::Transfer { kind, body }
}
