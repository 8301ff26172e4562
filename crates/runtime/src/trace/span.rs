//! One piece of work within a trace: begun when it is made, ended when it is dropped.

use std::borrow::Cow;

use opentelemetry::trace::{Span as _, SpanKind, Status, TraceContextExt as _, Tracer as _};
use opentelemetry::{Context, KeyValue, Value};

use super::{TraceContext, current, export};

/// The most other requests that a span of many is linked to.
const MOST_LINKS: usize = 128;

/// Which side of a conversation a span is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Answers a request.
    Server,
    /// Asks another process and waits for it: the wallet, the database.
    Client,
    /// Sends a message.
    Producer,
    /// Hears a message.
    Consumer,
    /// Neither.
    Internal,
}

impl From<Kind> for SpanKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Server => Self::Server,
            Kind::Client => Self::Client,
            Kind::Producer => Self::Producer,
            Kind::Consumer => Self::Consumer,
            Kind::Internal => Self::Internal,
        }
    }
}

/// A piece of work. Where its trace is not recorded it only hands the context on, and costs next to nothing.
#[derive(Debug)]
pub struct Span {
    context: Option<TraceContext>,
    recording: Option<opentelemetry_sdk::trace::Span>,
}

impl Span {
    /// The work on one request: part of the caller's trace, whose word on recording counts, else a trace of its own, which is
    /// recorded as often as the settings say. The name is asked for where it may be.
    pub fn of_request(name: impl FnOnce() -> String, caller: Option<TraceContext>) -> Self {
        let Some(tracer) = export::tracer() else {
            return Self::unrecorded(caller.or_else(TraceContext::unrecorded));
        };
        if caller.is_some_and(|caller| !caller.is_sampled()) {
            return Self::unrecorded(caller);
        }
        let builder = tracer.span_builder(name()).with_kind(SpanKind::Server);
        Self::recorded(tracer.build_with_context(builder, &beneath(caller)))
    }

    /// A part of the work of this context.
    pub fn beneath(parent: Option<TraceContext>, name: &'static str, kind: Kind) -> Self {
        match (export::tracer(), parent) {
            (Some(tracer), Some(context)) if context.is_sampled() => {
                let builder = tracer.span_builder(name).with_kind(kind.into());
                Self::recorded(tracer.build_with_context(builder, &beneath(parent)))
            }
            _ => Self::unrecorded(parent),
        }
    }

    /// A part of the work of the running task.
    pub fn here(name: &'static str, kind: Kind) -> Self {
        Self::beneath(current(), name, kind)
    }

    /// Work that is done for many at once: in the trace of the first that is recorded, with links to the others. Where none
    /// is, it hands the context of the first of all on.
    pub fn of_group(
        name: &'static str,
        kind: Kind,
        members: impl IntoIterator<Item = Option<TraceContext>>,
    ) -> Self {
        let mut members = members.into_iter().flatten().peekable();
        let any = members.peek().copied();
        let mut members = members.filter(|one| one.is_sampled());
        let mut span = Self::beneath(members.next().or(any), name, kind);
        if let Some(recording) = &mut span.recording {
            for member in members.take(MOST_LINKS) {
                recording.add_link(member.as_remote(), Vec::new());
            }
        }
        span
    }

    fn recorded(span: opentelemetry_sdk::trace::Span) -> Self {
        let context = TraceContext::of(span.span_context());
        let is_sampled = context.is_some_and(TraceContext::is_sampled);
        Self {
            context,
            recording: is_sampled.then_some(span),
        }
    }

    const fn unrecorded(context: Option<TraceContext>) -> Self {
        Self {
            context,
            recording: None,
        }
    }

    /// What its parts are beneath, here and in other processes; none: it belongs to no request.
    pub const fn context(&self) -> Option<TraceContext> {
        self.context
    }

    /// Whether anybody will see it.
    pub const fn is_recorded(&self) -> bool {
        self.recording.is_some()
    }

    /// Adds an attribute. Names are those of OpenTelemetry's semantic conventions where they have one.
    pub fn set(&mut self, name: &'static str, value: impl Into<Value>) {
        if let Some(recording) = &mut self.recording {
            recording.set_attribute(KeyValue::new(name, value));
        }
    }

    /// Says that the work went wrong.
    pub fn fail(&mut self, why: impl Into<Cow<'static, str>>) {
        if let Some(recording) = &mut self.recording {
            recording.set_status(Status::error(why));
        }
    }
}

fn beneath(parent: Option<TraceContext>) -> Context {
    // Not what this thread may have left over.
    match parent {
        Some(parent) => Context::new().with_remote_span_context(parent.as_remote()),
        None => Context::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_work_of_many_goes_on_from_the_first_that_is_recorded_else_from_the_first_of_all() {
        let context = |digit: &str, flags: &str| {
            let (trace, span) = (digit.repeat(32), digit.repeat(16));
            TraceContext::parse(&format!("00-{trace}-{span}-{flags}"))
        };
        let (quiet, also_quiet, seen, also_seen) = (
            context("1", "00"),
            context("2", "00"),
            context("3", "01"),
            context("4", "01"),
        );
        for (members, from) in [
            (vec![], None),
            (vec![None, None], None),
            (vec![None, quiet, also_quiet], quiet),
            (vec![quiet, seen, also_seen], seen),
            (vec![seen, quiet], seen),
        ] {
            let span = Span::of_group("group", Kind::Internal, members.iter().copied());
            assert_eq!(span.context(), from, "{members:?}");
            assert!(!span.is_recorded(), "nothing records in this process");
        }
    }
}
