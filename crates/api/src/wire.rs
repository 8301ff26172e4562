//! How single values are written on the wire: decimals as strings, times in RFC 3339, enums as words.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, SecondsFormat};
use domain::{Amount, FieldError, IdError, Side, Stamp, Symbol};
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer};

/// A number as its text. JSON numbers are refused: they would pass through binary fractions in many clients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DecimalText(String);

impl DecimalText {
    /// As it was written.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The amount that it is.
    pub(crate) fn amount(&self, field: &'static str) -> Result<Amount, FieldError> {
        Amount::parse(&self.0).map_err(|error| FieldError::new(field, error.to_string()))
    }
}

impl<'de> Deserialize<'de> for DecimalText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;

        impl Visitor<'_> for Text {
            type Value = DecimalText;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a decimal string such as \"1.25\"")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<DecimalText, E> {
                Ok(DecimalText(text.to_owned()))
            }
        }

        deserializer.deserialize_str(Text)
    }
}

/// The value of a word, out of all there are.
pub(crate) fn word<T: Copy>(
    field: &'static str,
    text: &str,
    all: &[T],
    word: impl Fn(T) -> &'static str,
) -> Result<T, FieldError> {
    all.iter()
        .copied()
        .find(|value| word(*value) == text)
        .ok_or_else(|| {
            let words: Vec<_> = all.iter().map(|value| word(*value)).collect();
            FieldError::new(field, format!("must be one of {}", words.join(", ")))
        })
}

/// A side by its word.
pub(crate) fn side(text: &str) -> Result<Side, FieldError> {
    word("side", text, Side::ALL, Side::word)
}

/// An id or a key.
pub(crate) fn id<T: FromStr<Err = IdError>>(field: &'static str, text: &str) -> Result<T, FieldError> {
    text.parse()
        .map_err(|error: IdError| FieldError::new(field, error.to_string()))
}

/// A symbol in either of its forms: `BTC/USDT`, or `BTC-USDT` where a slash is in the way.
pub(crate) fn symbol(text: &str) -> Result<Symbol, FieldError> {
    text.parse()
        .or_else(|error| Symbol::from_dashed(text).map_err(|_| error))
}

/// A moment in RFC 3339. Digits beyond microseconds are dropped.
pub(crate) fn stamp(field: &'static str, text: &str) -> Result<Stamp, FieldError> {
    let rule = "must be a time after 1970 in RFC 3339 such as 2026-01-31T12:00:00Z";
    DateTime::parse_from_rfc3339(text)
        .ok()
        .and_then(|time| u64::try_from(time.timestamp_micros()).ok())
        .filter(|micros| *micros > 0)
        .map(Stamp::from_micros)
        .ok_or_else(|| FieldError::new(field, rule))
}

/// A moment as text: RFC 3339 in UTC with microseconds.
pub(crate) fn time(stamp: Stamp) -> String {
    i64::try_from(stamp.micros())
        .ok()
        .and_then(DateTime::from_timestamp_micros)
        .unwrap_or(DateTime::UNIX_EPOCH)
        .to_rfc3339_opts(SecondsFormat::Micros, true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_and_written_to_the_microsecond() {
        for (text, written) in [
            ("2026-01-31T12:00:00Z", "2026-01-31T12:00:00.000000Z"),
            ("2026-01-31T12:00:00.123456Z", "2026-01-31T12:00:00.123456Z"),
            ("2026-01-31T12:00:00.123456999Z", "2026-01-31T12:00:00.123456Z"),
            ("2026-01-31T13:30:00+01:30", "2026-01-31T12:00:00.000000Z"),
        ] {
            assert_eq!(time(stamp("expires_at", text).unwrap()), written);
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "now",
            "1700000000",
            "2026-01-31",
            "2026-01-31T12:00:00",
            "1969-12-31T23:59:59Z",
        ] {
            assert_eq!(stamp("deadline", text).unwrap_err().field, "deadline", "{text}");
        }
    }

    #[test]
    fn a_symbol_is_read_in_both_forms() {
        assert_eq!(symbol("BTC/USDT").unwrap(), symbol("BTC-USDT").unwrap());
        for text in [
            "",
            "BTCUSDT",
            "btc/usdt",
            "BTC/BTC",
            "BTC/USDT/X",
            "BTC-",
            "\u{0}",
        ] {
            assert_eq!(symbol(text).unwrap_err().field, "symbol", "{text:?}");
        }
    }

    #[test]
    fn an_unknown_word_is_told_the_known_ones() {
        assert_eq!(
            side("buy").unwrap_err().to_string(),
            "side must be one of BUY, SELL"
        );
    }
}
