//! The spans of a command's way from its caller through the threads. Where nobody records the trace none is made: no clock is
//! read for it and nothing allocated.

use runtime::trace::{Kind, Span, TraceContext};

/// A part of the work on a request that goes from thread to thread, and ends where it is dropped; none where nobody will see
/// it. Boxed, as what it travels in is moved often.
pub(crate) type Part = Option<Box<Span>>;

/// Begins a part of the work on a request.
pub(crate) fn part(request: Option<TraceContext>, name: &'static str) -> Part {
    let request = request.filter(|request| request.is_sampled())?;
    let span = Span::beneath(Some(request), name, Kind::Internal);
    span.is_recorded().then(|| Box::new(span))
}

/// The request that a command belongs to, and its wait for the writer.
#[derive(Debug)]
pub(crate) struct Ticket {
    request: Option<TraceContext>,
    queue: Part,
}

impl Ticket {
    /// A command of this request begins to wait.
    pub fn of(request: Option<TraceContext>) -> Self {
        Self {
            request,
            queue: part(request, "queue"),
        }
    }

    /// The writer has taken the command. The request, whether it is recorded or not, as logs name it.
    pub fn taken(self) -> Option<TraceContext> {
        drop(self.queue);
        self.request
    }
}

/// The work on a batch, done for all of its commands at once: in the trace of the first that is recorded, with links to the
/// others.
pub(crate) fn batch(name: &'static str, kind: Kind, commands: &[TraceContext]) -> Span {
    Span::of_group(name, kind, commands.iter().copied().map(Some))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_nothing_is_recorded_there_is_no_span_and_logs_know_the_request_all_the_same() {
        for text in [
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00",
            // The caller wants it recorded, and this process records nothing.
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        ] {
            let request = TraceContext::parse(text);
            assert!(part(request, "answer").is_none());
            let ticket = Ticket::of(request);
            assert!(ticket.queue.is_none());
            assert_eq!(ticket.taken(), request);
        }
        assert_eq!(Ticket::of(None).taken(), None);
        assert!(!batch("write journal", Kind::Internal, &[]).is_recorded());
    }
}
