//! What stands around a body: version, id, kind, market and sequence, trace, time; as properties and headers of AMQP.

use amqprs::{BasicProperties, FieldTable, FieldValue};
use bytes::Bytes;
use chrono::{DateTime, SecondsFormat};
use domain::{Stamp, Symbol};
use runtime::trace::{self, TraceContext};
use uuid::Uuid;

/// The only version there is. A message of another one is undecodable.
pub const ENVELOPE_VERSION: i32 = 1;
/// The largest body, in bytes.
pub const MAX_BODY_BYTES: usize = 16 * 1024 * 1024;
/// The longest kind or content type.
const LONGEST_WORD: usize = 64;
/// Content type of the bodies of events.
pub const JSON: &str = "application/json";
/// Content type of bodies that only our own programs read.
pub const BINARY: &str = "application/octet-stream";

const VERSION: &str = "version";
const MARKET: &str = "market";
const SEQ: &str = "seq";
const CREATED_AT: &str = "created_at";
const TRACE_PARENT: &str = "traceparent";
/// The number of a message on its publisher's channel: only so can a returned message be told from others.
const TAG: &str = "tag";

/// An envelope that cannot be sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    /// The body is larger than [`MAX_BODY_BYTES`].
    #[error("a body of {0} bytes is larger than {MAX_BODY_BYTES}")]
    TooLarge(usize),
    /// Kind or content type are not 1 to 64 printable ASCII characters.
    #[error("{0:?} is not 1 to 64 printable characters of ASCII")]
    BadWord(String),
}

/// Why a message could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// It has another version, or none.
    #[error("the envelope's version is {0:?}, not {ENVELOPE_VERSION}")]
    Version(Option<i64>),
    /// A property or header is missing.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// A property or header has no sensible value.
    #[error("{0} cannot be read")]
    Invalid(&'static str),
    /// The envelope breaks a limit.
    #[error(transparent)]
    Limit(#[from] EnvelopeError),
    /// The envelope is well, but whoever handles it cannot read the body.
    #[error("the body cannot be read: {0}")]
    Body(String),
}

/// A message: a body and what stands around it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    message_id: Uuid,
    kind: String,
    content_type: String,
    created_at: Stamp,
    market: Option<(Symbol, u64)>,
    trace: Option<TraceContext>,
    body: Bytes,
}

impl Envelope {
    /// A message of this kind, which belongs to the trace of the running task. The same message published again bears the
    /// same id.
    ///
    /// # Errors
    /// The body is too large, or kind or content type are no short words.
    pub fn new(
        message_id: Uuid,
        kind: &str,
        content_type: &str,
        created_at: Stamp,
        body: Bytes,
    ) -> Result<Self, EnvelopeError> {
        if body.len() > MAX_BODY_BYTES {
            return Err(EnvelopeError::TooLarge(body.len()));
        }
        Ok(Self {
            message_id,
            kind: word(kind)?,
            content_type: word(content_type)?,
            created_at,
            market: None,
            trace: trace::current(),
            body,
        })
    }

    /// With the market that it is about, and the number of the event in that market.
    #[must_use]
    pub fn of_market(mut self, symbol: Symbol, seq: u64) -> Self {
        self.market = Some((symbol, seq));
        self
    }

    /// As part of another trace, or of none.
    #[must_use]
    pub fn traced(mut self, trace: Option<TraceContext>) -> Self {
        self.trace = trace;
        self
    }

    /// Its id.
    pub const fn message_id(&self) -> Uuid {
        self.message_id
    }

    /// What the body is.
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// How the body is encoded.
    pub fn content_type(&self) -> &str {
        &self.content_type
    }

    /// When what it tells happened.
    pub const fn created_at(&self) -> Stamp {
        self.created_at
    }

    /// The market that it is about, and the number of the event in it: what consumers know a repetition by.
    pub const fn market(&self) -> Option<(Symbol, u64)> {
        self.market
    }

    /// The trace that it belongs to.
    pub const fn trace(&self) -> Option<TraceContext> {
        self.trace
    }

    /// The body.
    pub const fn body(&self) -> &Bytes {
        &self.body
    }

    /// The body alone.
    pub fn into_body(self) -> Bytes {
        self.body
    }

    /// The properties and headers of the message with this number on its channel.
    pub(crate) fn properties(&self, is_persistent: bool, tag: u64) -> BasicProperties {
        let mut headers = FieldTable::new();
        let mut put = |name: &str, value: FieldValue| {
            if let Ok(name) = name.try_into() {
                headers.insert(name, value);
            }
        };
        put(VERSION, FieldValue::I(ENVELOPE_VERSION));
        put(TAG, FieldValue::l(signed(tag)));
        put(CREATED_AT, rfc_3339(self.created_at).into());
        if let Some((symbol, seq)) = self.market {
            put(MARKET, symbol.to_string().into());
            put(SEQ, FieldValue::l(signed(seq)));
        }
        if let Some(trace) = &self.trace {
            put(TRACE_PARENT, trace.to_string().into());
        }
        let mut properties = BasicProperties::default();
        properties
            .with_content_type(&self.content_type)
            .with_message_type(&self.kind)
            .with_message_id(&self.message_id.hyphenated().to_string())
            .with_timestamp(self.created_at.micros() / 1_000_000)
            .with_persistence(is_persistent)
            .with_headers(headers);
        properties
    }

    /// Reads a message.
    pub(crate) fn decode(properties: &BasicProperties, body: Bytes) -> Result<Self, DecodeError> {
        let mut found = Headers::default();
        if let Some(headers) = properties.headers() {
            found.read(headers);
        }
        if found.version != Some(i64::from(ENVELOPE_VERSION)) {
            return Err(DecodeError::Version(found.version));
        }
        let message_id = properties
            .message_id()
            .ok_or(DecodeError::Missing("message_id"))?;
        let message_id = Uuid::try_parse(message_id).map_err(|_| DecodeError::Invalid("message_id"))?;
        let kind = properties.message_type().ok_or(DecodeError::Missing("type"))?;
        let content_type = properties
            .content_type()
            .ok_or(DecodeError::Missing("content_type"))?;
        let created_at = found.created_at.ok_or(DecodeError::Missing(CREATED_AT))?;
        let created_at = stamp(created_at).ok_or(DecodeError::Invalid(CREATED_AT))?;
        let market = match (found.market, found.seq) {
            (None, None) => None,
            (Some(symbol), Some(seq)) => {
                let symbol = symbol.parse().map_err(|_| DecodeError::Invalid(MARKET))?;
                Some((symbol, u64::try_from(seq).map_err(|_| DecodeError::Invalid(SEQ))?))
            }
            (None, Some(_)) => return Err(DecodeError::Missing(MARKET)),
            (Some(_), None) => return Err(DecodeError::Missing(SEQ)),
        };
        let mut envelope = Self::new(message_id, kind, content_type, created_at, body)?;
        envelope.market = market;
        // A trace that cannot be read is no trace: it must never cost a message.
        envelope.trace = found.trace.and_then(TraceContext::parse);
        Ok(envelope)
    }
}

/// Our headers among those of a message; others are passed over.
#[derive(Default)]
struct Headers<'a> {
    version: Option<i64>,
    seq: Option<i64>,
    market: Option<&'a str>,
    created_at: Option<&'a str>,
    trace: Option<&'a str>,
}

impl<'a> Headers<'a> {
    fn read(&mut self, headers: &'a FieldTable) {
        for (name, value) in headers.as_ref() {
            match name.as_ref().as_str() {
                VERSION => self.version = number(value),
                SEQ => self.seq = number(value),
                MARKET => self.market = text(value),
                CREATED_AT => self.created_at = text(value),
                TRACE_PARENT => self.trace = text(value),
                _ => {}
            }
        }
    }
}

/// The number of a message on its publisher's channel.
pub(crate) fn tag_of(properties: &BasicProperties) -> Option<u64> {
    let headers = properties.headers()?.as_ref();
    let (_, value) = headers.iter().find(|(name, _)| name.as_ref().as_str() == TAG)?;
    u64::try_from(number(value)?).ok()
}

/// Any of AMQP's integers: programs in other languages choose the width as they like.
fn number(value: &FieldValue) -> Option<i64> {
    match value {
        FieldValue::b(number) => Some(i64::from(*number)),
        FieldValue::B(number) => Some(i64::from(*number)),
        FieldValue::s(number) => Some(i64::from(*number)),
        FieldValue::u(number) => Some(i64::from(*number)),
        FieldValue::I(number) => Some(i64::from(*number)),
        FieldValue::i(number) => Some(i64::from(*number)),
        FieldValue::l(number) => Some(*number),
        _ => None,
    }
}

fn text(value: &FieldValue) -> Option<&str> {
    match value {
        FieldValue::S(text) => Some(text.as_ref()),
        _ => None,
    }
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn word(text: &str) -> Result<String, EnvelopeError> {
    let printable = text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
    if (1..=LONGEST_WORD).contains(&text.len()) && printable {
        Ok(text.to_owned())
    } else {
        Err(EnvelopeError::BadWord(text.chars().take(LONGEST_WORD).collect()))
    }
}

/// RFC 3339 in UTC with microseconds, as the API writes times.
pub(crate) fn rfc_3339(stamp: Stamp) -> String {
    i64::try_from(stamp.micros())
        .ok()
        .and_then(DateTime::from_timestamp_micros)
        .unwrap_or(DateTime::UNIX_EPOCH)
        .to_rfc3339_opts(SecondsFormat::Micros, true)
}

fn stamp(text: &str) -> Option<Stamp> {
    let at = DateTime::parse_from_rfc3339(text).ok()?;
    u64::try_from(at.timestamp_micros()).ok().map(Stamp::from_micros)
}

#[cfg(test)]
mod tests;
