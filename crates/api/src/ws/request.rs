//! Requests and answers as they are written.

use http::{Problem, StatusCode};
use secrecy::SecretString;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::batch::BatchItem;
use crate::placement::PlaceOrderBody;
use crate::streams::outbox::{Frame, frame};
use crate::wire::DecimalText;

/// The longest id of a request, in characters.
const ID_LENGTH: usize = 64;

/// What a request calls itself: a short text or a whole number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub(super) struct Id(Value);

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        let fits = match &value {
            Value::String(text) => text.chars().count() <= ID_LENGTH,
            Value::Number(number) => number.is_i64() || number.is_u64(),
            _ => false,
        };
        if fits {
            Ok(Self(value))
        } else {
            Err(D::Error::custom(
                "the id must be a text of up to 64 characters or a whole number",
            ))
        }
    }
}

macro_rules! requests {
    ($($(#[$doc:meta])* $name:ident = $word:literal { $($field:ident: $kind:ty),* $(,)? })*) => {
        /// What is asked for.
        #[derive(Deserialize)]
        #[serde(tag = "op", deny_unknown_fields)]
        pub(super) enum Request {
            $($(#[$doc])* #[serde(rename = $word)] $name { id: Option<Id>, $($field: $kind),* }),*
        }

        impl Request {
            /// Every op.
            const OPS: &[&str] = &[$($word),*];

            /// Its op and its id.
            pub(super) fn head(&self) -> Head {
                match self {
                    $(Self::$name { id, .. } => Head { op: $word, id: id.clone() }),*
                }
            }
        }
    };
}

requests! {
    /// Signs in, or goes on with a fresh token.
    Auth = "auth" { token: SecretString }
    /// Follows channels.
    Subscribe = "subscribe" { channels: Vec<String>, fills_after: Option<String> }
    /// Stops following channels.
    Unsubscribe = "unsubscribe" { channels: Vec<String> }
    /// Lists the followed channels.
    Subscriptions = "subscriptions" {}
    /// Asks for a sign of life.
    Ping = "ping" {}
    /// Places an order.
    Place = "place" { order: Box<PlaceOrderBody> }
    /// Changes an order.
    Amend = "amend" {
        order_id: Option<String>,
        client_order_id: Option<String>,
        price: Option<DecimalText>,
        quantity: Option<DecimalText>,
    }
    /// Cancels an order.
    Cancel = "cancel" { order_id: Option<String>, client_order_id: Option<String> }
    /// Cancels all orders, or those that match.
    CancelAll = "cancel_all" { symbol: Option<String>, side: Option<String> }
    /// Places, changes and cancels many orders.
    Batch = "batch" { items: Vec<BatchItem> }
    /// Arms the dead man's switch.
    CancelAllAfter = "cancel_all_after" { timeout_ms: u64 }
    /// Says whether orders are cancelled when the connection ends.
    CancelOnDisconnect = "cancel_on_disconnect" { enabled: bool }
}

/// What an answer repeats of its request.
#[derive(Debug, Clone)]
pub(super) struct Head {
    pub(super) op: &'static str,
    id: Option<Id>,
}

/// Why a frame is not carried out.
pub(super) enum Refused {
    /// It is no request at all.
    NoRequest,
    /// It is one with a fault.
    Faulty(Head, Problem),
}

/// Reads a frame.
pub(super) fn read(text: &str) -> Result<Request, Refused> {
    let error = match serde_json::from_str(text) {
        Ok(request) => return Ok(request),
        Err(error) => error,
    };
    let Ok(Value::Object(members)) = serde_json::from_str::<Value>(text) else {
        return Err(Refused::NoRequest);
    };
    let op = members.get("op").and_then(Value::as_str);
    let Some(op) = Request::OPS.iter().find(|known| Some(**known) == op) else {
        return Err(Refused::NoRequest);
    };
    let id = members
        .get("id")
        .and_then(|id| serde_json::from_value(id.clone()).ok());
    // The tag hides from the parser where in an order the fault is.
    let fault = members.get("order").and_then(PlaceOrderBody::fault);
    if let Some((field, rule)) = fault {
        return Err(Refused::Faulty(
            Head { op, id },
            Problem::invalid_field(field, rule),
        ));
    }
    let text = error.to_string();
    let rule = text
        .rsplit_once(" at line ")
        .map_or(text.as_str(), |(rule, _)| rule);
    let problem = Problem::new(StatusCode::BAD_REQUEST, "invalid_field").detail(rule.to_owned());
    let problem = match rule.split('`').nth(1) {
        Some(field) if rule.contains(" field `") => problem.field(field.to_owned()),
        _ => problem,
    };
    Err(Refused::Faulty(Head { op, id }, problem))
}

/// What a request came to.
pub(super) type Outcome = Result<(StatusCode, Value), Problem>;

/// The outcome of something that is answered with 200.
pub(super) fn ok(result: impl Serialize) -> Outcome {
    with_status(StatusCode::OK, result)
}

/// The outcome of something that is answered with this status.
pub(super) fn with_status(status: StatusCode, result: impl Serialize) -> Outcome {
    let result = serde_json::to_value(result).map_err(Problem::internal)?;
    Ok((status, result))
}

#[derive(Serialize)]
struct Answer {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<Id>,
    op: &'static str,
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Value>,
}

impl Head {
    /// The answer to the request.
    pub(super) fn answer(self, outcome: Outcome) -> Frame {
        let Self { op, id } = self;
        let (status, result, error) = match outcome {
            Ok((status, result)) => (status, Some(result), None),
            Err(problem) => {
                if let Some(cause) = problem.cause() {
                    tracing::error!(op, cause, "a request over WebSocket failed");
                }
                (problem.status(), None, Some(problem.body()))
            }
        };
        frame(&Answer {
            id,
            op,
            status: status.as_u16(),
            result,
            error,
        })
    }
}
