//! Moments as people write them: RFC 3339, `2026-08-01T00:00:00Z`.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Deserializer, Serializer, de::Error};

pub(super) fn serialize<S: Serializer>(moment: &Option<DateTime<Utc>>, to: S) -> Result<S::Ok, S::Error> {
    match moment {
        Some(moment) => to.serialize_str(&moment.to_rfc3339_opts(SecondsFormat::AutoSi, true)),
        None => to.serialize_none(),
    }
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<DateTime<Utc>>, D::Error> {
    let parse = |text: String| {
        DateTime::parse_from_rfc3339(&text)
            .map(|moment| moment.to_utc())
            .map_err(|_| D::Error::custom("must be a time with its zone: 2026-08-01T00:00:00Z"))
    };
    Option::<String>::deserialize(from)?.map(parse).transpose()
}
