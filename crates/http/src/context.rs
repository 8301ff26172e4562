//! What belongs to one request: its id, its limits, where it comes from, and who sent it once that is known.

use std::cell::Cell;
use std::net::IpAddr;
use std::rc::Rc;

use actix_web::{HttpMessage, HttpRequest};
use runtime::trace::TraceContext;
use tokio::time::Instant;
use uuid::Uuid;

use crate::{EdgeLimits, Standing};

/// The longest request id that is taken from a caller.
const ID_LENGTH: usize = 64;

/// One request, from the first middleware to the access log line.
#[derive(Debug)]
pub(crate) struct RequestContext {
    /// When its head had come.
    pub(crate) started: Instant,
    pub(crate) request_id: String,
    /// Its place in its trace.
    pub(crate) trace: Option<TraceContext>,
    pub(crate) limits: EdgeLimits,
    pub(crate) address: IpAddr,
    pub(crate) user_id: Cell<Option<Uuid>>,
    pub(crate) standing: Cell<Option<Standing>>,
}

impl RequestContext {
    /// The context of a request; none without the edge layer.
    pub(crate) fn of(request: &HttpRequest) -> Option<Rc<Self>> {
        request.extensions().get::<Rc<Self>>().cloned()
    }
}

/// The id of a request; none without the edge layer.
pub fn request_id(request: &HttpRequest) -> Option<String> {
    RequestContext::of(request).map(|context| context.request_id.clone())
}

/// Whether an id that a caller gave can be used as it is, in headers and logs.
pub(crate) fn is_sane(id: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    (1..=ID_LENGTH).contains(&id.len()) && id.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_short_plain_ids_are_taken_from_callers() {
        for id in ["a", "A.b_c-9", &"x".repeat(64)] {
            assert!(is_sane(id), "{id}");
        }
        for id in ["", " ", "a b", "a\"b", "a:b", "\u{e9}", &"x".repeat(65)] {
            assert!(!is_sane(id), "{id:?}");
        }
    }
}
