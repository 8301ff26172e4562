//! Durations as people write them: `500ms`, `60s`, `5m`, `1h`, `30d`.

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serializer, de::Error};

const UNITS_MS: [(&str, u64); 5] = [
    ("ms", 1),
    ("s", 1_000),
    ("m", 60_000),
    ("h", 3_600_000),
    ("d", 86_400_000),
];

/// Reads a whole number with its unit, without spaces.
pub(super) fn parse(text: &str) -> Result<Duration, String> {
    let digits = text
        .find(|letter: char| !letter.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let unit_ms = UNITS_MS
        .iter()
        .find(|(name, _)| *name == unit)
        .map(|(_, unit_ms)| *unit_ms);
    number
        .parse::<u64>()
        .ok()
        .zip(unit_ms)
        .and_then(|(count, unit_ms)| count.checked_mul(unit_ms))
        .map(Duration::from_millis)
        .ok_or_else(|| "must be a whole number with a unit: 500ms, 60s, 5m, 1h, 30d".to_owned())
}

/// The text that [`parse`] reads back, to the millisecond.
pub(super) fn text(duration: Duration) -> String {
    let whole_ms = duration.as_millis();
    if !whole_ms.is_multiple_of(1_000) {
        format!("{whole_ms}ms")
    } else if whole_ms > 0 && whole_ms.is_multiple_of(3_600_000) {
        format!("{}h", whole_ms / 3_600_000)
    } else {
        format!("{}s", whole_ms / 1_000)
    }
}

pub(super) fn serialize<S: Serializer>(duration: &Duration, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&text(*duration))
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    parse(&String::deserialize(from)?).map_err(D::Error::custom)
}

/// A duration that may be absent: null or an empty text.
pub(super) mod optional {
    use super::*;

    pub(in super::super) fn serialize<S: Serializer>(
        duration: &Option<Duration>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        match duration {
            Some(duration) => super::serialize(duration, to),
            None => to.serialize_none(),
        }
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<Duration>, D::Error> {
        let text = Option::<String>::deserialize(from)?.filter(|text| !text.is_empty());
        text.map(|text| parse(&text).map_err(D::Error::custom))
            .transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_unit_is_read_and_written_back() {
        for (given, ms, back) in [
            ("0s", 0, "0s"),
            ("500ms", 500, "500ms"),
            ("60s", 60_000, "60s"),
            ("5m", 300_000, "300s"),
            ("1h", 3_600_000, "1h"),
            ("30d", 2_592_000_000, "720h"),
        ] {
            let duration = parse(given).unwrap();
            assert_eq!(
                (duration, text(duration).as_str()),
                (Duration::from_millis(ms), back),
                "{given}"
            );
            assert_eq!(parse(back), Ok(duration));
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for given in [
            "",
            "60",
            "s",
            "-1s",
            "1.5s",
            "1 s",
            "1S",
            "1m30s",
            "99999999999999999999s",
            "18446744073709551615d",
        ] {
            assert!(parse(given).is_err(), "{given}");
        }
    }
}
