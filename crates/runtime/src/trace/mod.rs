//! Traces: which request a piece of work belongs to, handed from process to process, and what it took, sent to a collector.
//!
//! A context goes along as `traceparent` (W3C Trace Context, level 1) in HTTP and AMQP headers and in the tables. Work of
//! many requests at once is a span of its own, in the trace of the first of them, with links to the others.

mod context;
mod export;
mod span;

pub use context::TraceContext;
pub use export::{Traces, init};
pub use span::{Kind, Span};

use std::future::Future;
use std::sync::OnceLock;

/// What the process does of itself, for its logs.
static OWN: OnceLock<Option<TraceContext>> = OnceLock::new();

tokio::task_local! {
    static CURRENT: Option<TraceContext>;
}

/// The context of the running task; none outside of a request.
pub fn current() -> Option<TraceContext> {
    CURRENT.try_with(|context| *context).ok().flatten()
}

/// The context that a line of the logs belongs to: the running task's, else the process's own, which is never recorded and
/// never handed on. It keeps apart what two lives of one program have logged of themselves.
pub(crate) fn of_line() -> Option<TraceContext> {
    current().or_else(|| *OWN.get_or_init(TraceContext::unrecorded))
}

/// Runs the future under a context. Tasks that it spawns have none unless they are given it.
pub async fn within<F: Future>(context: Option<TraceContext>, future: F) -> F::Output {
    CURRENT.scope(context, future).await
}

/// Runs the closure under a context.
pub fn within_sync<T>(context: Option<TraceContext>, run: impl FnOnce() -> T) -> T {
    CURRENT.sync_scope(context, run)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_context_holds_within_its_future_and_not_in_what_that_spawns() {
        let context = TraceContext::parse("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
        assert_eq!(current(), None);
        let (inside, spawned) = within(context, async {
            (current(), tokio::spawn(async { current() }).await.unwrap())
        })
        .await;
        assert_eq!((inside, spawned), (context, None));
        assert_eq!(within_sync(context, current), context);
        assert_eq!(current(), None);
    }
}
