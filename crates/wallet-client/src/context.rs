//! What a call to the wallet is part of: the request id and the trace that go along with it.

use std::future::Future;

/// Names that a call carries along, so that the wallet's logs and traces can be found by them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CallContext {
    /// The id of the request that the call serves (`X-Request-Id`); none: each call gets one of its own.
    pub request_id: Option<String>,
    /// The trace that it belongs to (`traceparent` of W3C Trace Context).
    pub traceparent: Option<String>,
}

tokio::task_local! {
    static CONTEXT: CallContext;
}

impl CallContext {
    /// Runs the future; all calls to the wallet that it makes itself carry these names. Tasks that it spawns do not.
    pub async fn run<F: Future>(self, future: F) -> F::Output {
        CONTEXT.scope(self, future).await
    }

    /// That of the running task; an empty one where there is none.
    pub(crate) fn current() -> Self {
        CONTEXT.try_with(Clone::clone).unwrap_or_default()
    }
}
