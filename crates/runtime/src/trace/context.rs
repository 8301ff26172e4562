//! The place of a piece of work in a trace, and its forms in headers and tables.

use std::fmt;

use opentelemetry::trace::{SpanContext, SpanId, TraceFlags, TraceId, TraceState};
use opentelemetry_sdk::trace::{IdGenerator as _, RandomIdGenerator};

/// A span of a trace, by its ids, and whether the trace is recorded. Its text is the `traceparent` of W3C Trace Context:
/// `00-<32 hex digits>-<16 hex digits>-<2 hex digits>`, no id all zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TraceContext {
    trace_id: u128,
    span_id: u64,
    is_sampled: bool,
}

impl TraceContext {
    /// How many bytes [`TraceContext::to_bytes`] are.
    pub const BYTES: usize = 25;

    /// None where an id is zero.
    const fn new(trace_id: u128, span_id: u64, is_sampled: bool) -> Option<Self> {
        if trace_id == 0 || span_id == 0 {
            return None;
        }
        Some(Self {
            trace_id,
            span_id,
            is_sampled,
        })
    }

    /// A trace of its own that is not recorded: its id is for logs. No system call, as every request has one.
    pub(super) fn unrecorded() -> Option<Self> {
        let ids = RandomIdGenerator::default();
        let trace_id = u128::from_be_bytes(ids.new_trace_id().to_bytes());
        Self::new(trace_id, u64::from_be_bytes(ids.new_span_id().to_bytes()), false)
    }

    /// Reads a `traceparent`; none where the text is no valid one.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('-');
        let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        if parts.next().is_some() || version != "00" {
            return None;
        }
        let hex = |part: &str, digits: usize| {
            let lower = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
            (part.len() == digits && part.bytes().all(lower)).then(|| u128::from_str_radix(part, 16).ok())?
        };
        let (trace_id, span_id) = (hex(trace, 32)?, hex(span, 16)?);
        Self::new(trace_id, u64::try_from(span_id).ok()?, hex(flags, 2)? & 1 == 1)
    }

    /// As it stands in a column.
    pub fn to_bytes(self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        bytes[..16].copy_from_slice(&self.trace_id.to_be_bytes());
        bytes[16..24].copy_from_slice(&self.span_id.to_be_bytes());
        bytes[24] = u8::from(self.is_sampled);
        bytes
    }

    /// What stands in a column; none where that is no context: it must never cost the work that it belongs to.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; Self::BYTES] = bytes.try_into().ok()?;
        let (trace, rest) = bytes.split_first_chunk::<16>()?;
        let (span, rest) = rest.split_first_chunk::<8>()?;
        let is_sampled = rest.first()? & 1 == 1;
        Self::new(u128::from_be_bytes(*trace), u64::from_be_bytes(*span), is_sampled)
    }

    /// Whether the spans of the trace are recorded.
    pub const fn is_sampled(self) -> bool {
        self.is_sampled
    }

    /// The id of the trace, as logs and collectors show it: 32 hex digits.
    pub fn trace_id(self) -> String {
        format!("{:032x}", self.trace_id)
    }

    pub(super) fn of(span: &SpanContext) -> Option<Self> {
        let trace_id = u128::from_be_bytes(span.trace_id().to_bytes());
        let span_id = u64::from_be_bytes(span.span_id().to_bytes());
        Self::new(trace_id, span_id, span.is_sampled())
    }

    pub(super) fn as_remote(self) -> SpanContext {
        let flags = if self.is_sampled {
            TraceFlags::SAMPLED
        } else {
            TraceFlags::default()
        };
        SpanContext::new(
            TraceId::from_bytes(self.trace_id.to_be_bytes()),
            SpanId::from_bytes(self.span_id.to_be_bytes()),
            flags,
            true,
            TraceState::default(),
        )
    }
}

impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flags = u8::from(self.is_sampled);
        write!(f, "00-{:032x}-{:016x}-{flags:02x}", self.trace_id, self.span_id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_trace_parents_are_read() {
        for good in [
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-00000000000000000000000000000001-ffffffffffffffff-00",
        ] {
            let context = TraceContext::parse(good).unwrap();
            assert_eq!(context.to_string(), good);
            assert_eq!(TraceContext::from_bytes(&context.to_bytes()), Some(context));
            assert_eq!(TraceContext::of(&context.as_remote()), Some(context));
            assert_eq!(context.is_sampled(), good.ends_with('1'));
            assert_eq!(context.trace_id(), good[3..35]);
        }
        for bad in [
            "",
            "00",
            "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-1",
            "00-+af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        ] {
            assert_eq!(TraceContext::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn columns_that_hold_something_else_are_no_context() {
        for bad in [&[][..], &[1; 24], &[1; 26], &[0; 25]] {
            assert_eq!(TraceContext::from_bytes(bad), None);
        }
    }

    #[test]
    fn each_unrecorded_trace_is_its_own() {
        let (one, two) = (
            TraceContext::unrecorded().unwrap(),
            TraceContext::unrecorded().unwrap(),
        );
        assert_ne!(one.trace_id(), two.trace_id());
        assert!(!one.is_sampled());
    }
}
