//! How single values are written on the wire: decimals, ids, assets, keys and times, all of them strings.

use std::fmt::{self, Display};
use std::marker::PhantomData;
use std::str::FromStr;

use chrono::{DateTime, SecondsFormat};
use domain::{Amount, Asset, OrderId, RequestId, Stamp, TradeId, TransferKey, UserId, format_units};
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use utoipa::openapi::schema::{Object, ObjectBuilder, SchemaFormat, Type};
use utoipa::openapi::{KnownFormat, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// What stands in JSON as a string of a certain form.
pub(crate) trait Written: FromStr<Err: Display> + Display {
    /// Its name in the description.
    const NAME: &'static str;
    /// Its form.
    const PATTERN: &'static str;
    /// Whether it is a UUID.
    const UUID: bool = false;
}

const UUID: &str = "^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$";

macro_rules! uuids {
    ($($id:ty),+) => {$(
        impl Written for $id {
            const NAME: &'static str = "Uuid";
            const PATTERN: &'static str = UUID;
            const UUID: bool = true;
        }
    )+};
}

uuids!(OrderId, RequestId, TradeId, UserId, uuid::Uuid);

impl Written for Asset {
    const NAME: &'static str = "Asset";
    const PATTERN: &'static str = "^[A-Z0-9]{1,10}$";
}

impl Written for TransferKey {
    const NAME: &'static str = "Key";
    const PATTERN: &'static str = "^[A-Za-z0-9._:-]{1,100}$";
}

/// A value as its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Text<T>(pub(crate) T);

pub(crate) type OrderText = Text<OrderId>;
pub(crate) type RequestText = Text<RequestId>;
pub(crate) type TradeText = Text<TradeId>;
pub(crate) type UserText = Text<UserId>;
pub(crate) type AssetText = Text<Asset>;
pub(crate) type KeyText = Text<TransferKey>;
/// The id of a line of the ledger.
pub(crate) type EntryText = Text<uuid::Uuid>;

impl<T: Written> Serialize for Text<T> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&self.0)
    }
}

/// Reads a string, and nothing else, without a copy.
struct Reading<T>(PhantomData<T>);

impl<T: Written> Visitor<'_> for Reading<T> {
    type Value = Text<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Text<T>, E> {
        text.parse().map(Text).map_err(E::custom)
    }
}

impl<'de, T: Written> Deserialize<'de> for Text<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_str(Reading(PhantomData))
    }
}

impl<T: Written> PartialSchema for Text<T> {
    fn schema() -> RefOr<Schema> {
        let text = pattern(T::PATTERN);
        let text = if T::UUID {
            text.format(Some(SchemaFormat::Custom("uuid".to_owned())))
        } else {
            text
        };
        text.into()
    }
}

impl<T: Written> ToSchema for Text<T> {
    fn name() -> std::borrow::Cow<'static, str> {
        T::NAME.into()
    }
}

fn pattern(pattern: &str) -> ObjectBuilder {
    Object::builder().schema_type(Type::String).pattern(Some(pattern))
}

/// An amount as its decimal string. JSON numbers are refused: they pass through binary fractions in many clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Decimal(pub(crate) Amount);

impl Display for Decimal {
    /// With two decimal places at least.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0.to_string();
        f.write_str(&text)?;
        f.write_str(missing_places(&text))
    }
}

/// What a decimal lacks to two places.
fn missing_places(text: &str) -> &'static str {
    match text.split_once('.') {
        None => ".00",
        Some((_, places)) if places.len() < 2 => "0",
        Some(_) => "",
    }
}

impl Serialize for Decimal {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Decimal {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Reading;

        impl Visitor<'_> for Reading {
            type Value = Decimal;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a decimal string such as \"1.25\"")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Decimal, E> {
                Amount::parse(text).map(Decimal).map_err(E::custom)
            }
        }

        from.deserialize_str(Reading)
    }
}

impl PartialSchema for Decimal {
    fn schema() -> RefOr<Schema> {
        pattern(r"^[0-9]{1,12}(\.[0-9]{1,8})?$").into()
    }
}

impl ToSchema for Decimal {}

/// A change in units of 1e-8 as its decimal string with its sign.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Change(pub(crate) i64);

impl Serialize for Change {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let text = format_units(u128::from(self.0.unsigned_abs()));
        let sign = if self.0 < 0 { "-" } else { "" };
        to.collect_str(&format_args!("{sign}{text}{}", missing_places(&text)))
    }
}

impl PartialSchema for Change {
    fn schema() -> RefOr<Schema> {
        pattern(r"^-?[0-9]+(\.[0-9]{1,8})?$").into()
    }
}

impl ToSchema for Change {}

/// A moment: RFC 3339 in UTC with microseconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Time(pub(crate) Stamp);

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let time = i64::try_from(self.0.micros()).ok();
        let time = time.and_then(DateTime::from_timestamp_micros);
        let time = time.unwrap_or(DateTime::UNIX_EPOCH);
        to.serialize_str(&time.to_rfc3339_opts(SecondsFormat::Micros, true))
    }
}

impl PartialSchema for Time {
    fn schema() -> RefOr<Schema> {
        let text = Object::builder().schema_type(Type::String);
        text.format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
            .into()
    }
}

impl ToSchema for Time {}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn amounts_have_two_places_at_least_and_eight_at_most() {
        for (units, text) in [
            (0, "0.00"),
            (1, "0.00000001"),
            (49_950_000, "0.4995"),
            (150_000_000, "1.50"),
            (2_497_500_000_000, "24975.00"),
            (i64::MAX as u64, "92233720368.54775807"),
        ] {
            assert_eq!(json!(Decimal(Amount(units))), json!(text));
            assert_eq!(
                serde_json::from_value::<Decimal>(json!(text)).unwrap().0,
                Amount(units)
            );
        }
        for (units, text) in [
            (-150_000_000, "-1.50"),
            (7, "0.00000007"),
            (i64::MIN, "-92233720368.54775808"),
        ] {
            assert_eq!(json!(Change(units)), json!(text));
        }
    }

    #[test]
    fn only_strings_of_their_form_are_read() {
        for value in [
            json!(1),
            json!(1.5),
            json!(null),
            json!("-1"),
            json!("1e3"),
            json!("0.000000001"),
            json!("NaN"),
        ] {
            assert!(
                serde_json::from_value::<Decimal>(value.clone()).is_err(),
                "{value}"
            );
        }
        for value in [json!("btc"), json!(""), json!(7), json!("ELEVENCHARS")] {
            assert!(
                serde_json::from_value::<Text<Asset>>(value.clone()).is_err(),
                "{value}"
            );
        }
        for value in [json!("x"), json!("018bcfe5687b7000800000000000002a"), json!([])] {
            assert!(
                serde_json::from_value::<Text<OrderId>>(value.clone()).is_err(),
                "{value}"
            );
        }
    }

    #[test]
    fn times_have_microseconds() {
        let at = Stamp::from_micros(1_700_000_000_000_001);
        assert_eq!(json!(Time(at)), json!("2023-11-14T22:13:20.000001Z"));
    }
}
