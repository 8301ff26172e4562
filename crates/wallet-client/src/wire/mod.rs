//! What goes over the wire to the wallet service and comes back, as JSON.

mod instruct;
mod rows;

pub(crate) use instruct::{Instructions, Results};
pub(crate) use rows::{Balances, BalancesOf, EntryPageQuery, Statement, TransferBody, TransferView};

use std::borrow::Cow;

use domain::{Amount, Stamp};
use serde::{Deserialize, Deserializer, Serializer};

/// Why an answer is not one of the wallet's: what does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Garbage(pub(crate) &'static str);

/// An amount as its decimal string.
pub(crate) mod decimal {
    use super::{Amount, Cow, Deserialize as _, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(amount: &Amount, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(amount)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Amount, D::Error> {
        let text = Cow::<'de, str>::deserialize(from)?;
        Amount::parse(&text).map_err(serde::de::Error::custom)
    }
}

/// The moment that a time in RFC 3339 is.
pub(crate) fn stamp(text: &str) -> Result<Stamp, Garbage> {
    let time = chrono::DateTime::parse_from_rfc3339(text).ok();
    let micros = time.and_then(|time| u64::try_from(time.timestamp_micros()).ok());
    micros
        .filter(|micros| *micros > 0)
        .map(Stamp::from_micros)
        .ok_or(Garbage("a time cannot be read"))
}

/// The change in units of 1e-8 that a decimal with a sign is.
pub(crate) fn signed(text: &str) -> Result<i64, Garbage> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    let units = domain::parse_units(digits).map_err(|_| Garbage("a change cannot be read"))?;
    let units = i64::try_from(units).map_err(|_| Garbage("a change is too large"))?;
    Ok(if negative { -units } else { units })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signed_changes_and_times_are_read_exactly() {
        for (text, units) in [
            ("0", 0),
            ("1.5", 150_000_000),
            ("-0.00000001", -1),
            ("-1.50", -150_000_000),
        ] {
            assert_eq!(signed(text), Ok(units));
        }
        for text in ["", "-", "--1", "+1", "1e3", "92233720368.54775808"] {
            assert!(signed(text).is_err(), "{text}");
        }
        let at = stamp("2026-01-31T12:00:00.123456Z").unwrap();
        assert_eq!(at.micros() % 1_000_000, 123_456);
        assert!(stamp("yesterday").is_err() && stamp("1969-01-01T00:00:00Z").is_err());
    }
}
