//! What an envelope looks like on the wire, and what is refused when it is read.

use std::collections::BTreeMap;

use super::*;

fn envelope() -> Envelope {
    let at = Stamp::from_micros(1_790_000_000_123_456);
    let id = Uuid::from_u128(0x01a0_c450_6c00_8000_8040_0000_0000_0007);
    Envelope::new(id, "trade.executed", JSON, at, Bytes::from_static(b"{}"))
        .unwrap()
        .of_market("BTC/USDT".parse().unwrap(), 7)
        .traced(TraceContext::parse(
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        ))
}

/// The properties of an envelope with one header set to another value, or without it.
fn with_header(name: &str, value: Option<FieldValue>) -> BasicProperties {
    let properties = envelope().properties(true, 3);
    let mut headers = FieldTable::new();
    for (there, kept) in properties.headers().unwrap().as_ref() {
        if there.as_ref() != name {
            headers.insert(there.clone(), kept.clone());
        }
    }
    if let Some(value) = value {
        headers.insert(name.try_into().unwrap(), value);
    }
    let mut properties = properties;
    properties.with_headers(headers);
    properties
}

fn decoded(properties: &BasicProperties) -> Result<Envelope, DecodeError> {
    Envelope::decode(properties, Bytes::from_static(b"{}"))
}

#[test]
fn an_envelope_is_read_as_it_was_written() {
    for envelope in [
        envelope(),
        Envelope::new(Uuid::nil(), "x", BINARY, Stamp::FIRST, Bytes::new()).unwrap(),
    ] {
        let properties = envelope.properties(false, u64::MAX);
        let body = envelope.body().clone();
        assert_eq!(Envelope::decode(&properties, body), Ok(envelope));
    }
}

#[test]
fn every_property_and_header_has_its_place() {
    let properties = envelope().properties(true, 3);
    let headers: BTreeMap<String, String> = properties
        .headers()
        .unwrap()
        .as_ref()
        .iter()
        .map(|(name, value)| (name.to_string(), format!("{value:?}")))
        .collect();
    let text = format!(
        "type {}\nmessage_id {}\ncontent_type {}\ntimestamp {}\ndelivery_mode {}\n{}",
        properties.message_type().unwrap(),
        properties.message_id().unwrap(),
        properties.content_type().unwrap(),
        properties.timestamp().unwrap(),
        properties.delivery_mode().unwrap(),
        headers
            .iter()
            .map(|(name, value)| format!("{name} {value}\n"))
            .collect::<String>()
    );
    assert_eq!(
        text,
        "type trade.executed
message_id 01a0c450-6c00-8000-8040-000000000007
content_type application/json
timestamp 1790000000
delivery_mode 2
created_at S(LongStr(27, \"2026-09-21T14:13:20.123456Z\"))
market S(LongStr(8, \"BTC/USDT\"))
seq l(7)
tag l(3)
traceparent S(LongStr(55, \"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\"))
version I(1)
"
    );
    assert_eq!(tag_of(&properties), Some(3));
}

#[test]
fn what_is_missing_or_senseless_is_named() {
    use FieldValue::{B, l};
    let word = |text: &str| Some(FieldValue::from(text));
    for (name, value, error) in [
        (VERSION, None, DecodeError::Version(None)),
        (VERSION, Some(l(2)), DecodeError::Version(Some(2))),
        (VERSION, word("1"), DecodeError::Version(None)),
        (CREATED_AT, None, DecodeError::Missing(CREATED_AT)),
        (CREATED_AT, Some(l(5)), DecodeError::Missing(CREATED_AT)),
        (CREATED_AT, word("yesterday"), DecodeError::Invalid(CREATED_AT)),
        (
            CREATED_AT,
            word("1969-12-31T23:59:59Z"),
            DecodeError::Invalid(CREATED_AT),
        ),
        (MARKET, None, DecodeError::Missing(MARKET)),
        (MARKET, word("BTC"), DecodeError::Invalid(MARKET)),
        (SEQ, None, DecodeError::Missing(SEQ)),
        (SEQ, Some(l(-1)), DecodeError::Invalid(SEQ)),
        (SEQ, Some(FieldValue::V), DecodeError::Missing(SEQ)),
    ] {
        assert_eq!(
            decoded(&with_header(name, value.clone())),
            Err(error),
            "{name} {value:?}"
        );
    }
    // Numbers of any width are numbers, and strangers' headers are passed over.
    assert!(decoded(&with_header(VERSION, Some(B(1)))).is_ok());
    assert!(decoded(&with_header("x-death", Some(FieldValue::V))).is_ok());

    let mut properties = BasicProperties::default();
    properties.with_headers(envelope().properties(true, 1).headers().unwrap().clone());
    assert_eq!(decoded(&properties), Err(DecodeError::Missing("message_id")));
    properties.with_message_id("7");
    assert_eq!(decoded(&properties), Err(DecodeError::Invalid("message_id")));
    properties.with_message_id("01a0c450-6c00-8000-8040-000000000007");
    assert_eq!(decoded(&properties), Err(DecodeError::Missing("type")));
    properties.with_message_type("trade.executed");
    assert_eq!(decoded(&properties), Err(DecodeError::Missing("content_type")));
    properties.with_content_type("\u{e9}");
    let refused = EnvelopeError::BadWord("\u{e9}".to_owned());
    assert_eq!(decoded(&properties), Err(DecodeError::Limit(refused)));
    assert_eq!(
        decoded(&BasicProperties::default()),
        Err(DecodeError::Version(None))
    );
}

#[test]
fn a_trace_that_cannot_be_read_does_not_cost_the_message() {
    for value in [None, Some("nonsense".into()), Some(FieldValue::l(1))] {
        let read = decoded(&with_header(TRACE_PARENT, value)).unwrap();
        assert_eq!(read, envelope().traced(None));
    }
}

#[test]
fn bodies_and_words_have_limits() {
    let new = |kind: &str, body: Bytes| Envelope::new(Uuid::nil(), kind, JSON, Stamp::FIRST, body);
    let largest = Bytes::from(vec![0; MAX_BODY_BYTES]);
    assert!(new("x", largest.clone()).is_ok());
    let larger = Bytes::from(vec![0; MAX_BODY_BYTES + 1]);
    let refused = EnvelopeError::TooLarge(MAX_BODY_BYTES + 1);
    assert_eq!(new("x", larger.clone()), Err(refused.clone()));
    let properties = envelope().properties(true, 1);
    assert_eq!(
        Envelope::decode(&properties, larger),
        Err(DecodeError::Limit(refused))
    );
    for kind in ["", "a\nb", "\u{20ac}", &"x".repeat(65)] {
        let refused = new(kind, Bytes::new());
        assert!(matches!(refused, Err(EnvelopeError::BadWord(_))), "{kind:?}");
    }
}
