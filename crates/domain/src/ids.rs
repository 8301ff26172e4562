//! All ids in one place: made by our servers, or read with checks; never converted into one another by accident.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::Stamp;

/// Why a text is not an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// The text is not a UUID in its usual form with hyphens.
    #[error("must be a UUID")]
    NotUuid,
    /// The text is empty, longer than 100 characters, or has characters outside `A-Z a-z 0-9 . _ : -`.
    #[error("must be 1 to 100 characters of A-Z, a-z, 0-9, '.', '_', ':' and '-'")]
    NotKey,
}

macro_rules! uuid_ids {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub struct $name(Uuid);

        impl $name {
            /// The id with these 128 bits.
            pub const fn from_u128(bits: u128) -> Self {
                Self(Uuid::from_u128(bits))
            }

            /// The id's 128 bits.
            pub const fn as_u128(self) -> u128 {
                self.0.as_u128()
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                if text.len() != 36 {
                    return Err(IdError::NotUuid);
                }
                Uuid::try_parse(text).map(Self).map_err(|_| IdError::NotUuid)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }
    )*};
}

uuid_ids! {
    /// An order: a UUIDv7 made by the owner of the sequence.
    OrderId,
    /// A trade: a UUIDv7 that replay makes again.
    TradeId,
    /// A user, who owns accounts and orders.
    UserId,
    /// The institution that a user belongs to, from the user's token.
    InstitutionId,
    /// One request to amend an order, under which what it needs more is reserved.
    RequestId,
    /// A connection at whose end its user's orders are cancelled.
    SessionId,
}

/// A UUIDv7 (RFC 9562) with this time and these 74 other bits (bits above the 74th are ignored).
const fn v7(at: Stamp, bits: u128) -> u128 {
    let time = (at.millis() as u128 & 0xFFFF_FFFF_FFFF) << 80;
    let high = (bits >> 62) & 0xFFF;
    let low = bits & 0x3FFF_FFFF_FFFF_FFFF;
    time | 0x7 << 76 | high << 64 | 0b10 << 62 | low
}

impl OrderId {
    /// The id of the order that was accepted for sequencing at this stamp under this sequence number.
    pub const fn at(at: Stamp, sequence: u64) -> Self {
        Self::from_u128(v7(at, sequence as u128))
    }
}

impl RequestId {
    /// The id of the amendment that was sequenced at this stamp under this sequence number.
    pub const fn at(at: Stamp, sequence: u64) -> Self {
        Self::from_u128(v7(at, sequence as u128))
    }
}

impl SessionId {
    /// The id of the session that was opened at this stamp under this sequence number.
    pub const fn at(at: Stamp, sequence: u64) -> Self {
        Self::from_u128(v7(at, sequence as u128))
    }
}

impl TradeId {
    /// The id of a market's trade: stamp in milliseconds, 20 bits of market number, 54 bits of trade number.
    pub const fn at(at: Stamp, market: MarketNumber, trade_number: u64) -> Self {
        let number = (market.0 as u128 & 0xF_FFFF) << 54 | (trade_number as u128 & ((1 << 54) - 1));
        Self::from_u128(v7(at, number))
    }
}

/// The number of a market, below 2^20; it never changes and is never used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct MarketNumber(pub u32);

macro_rules! keys {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub struct $name(Box<str>);

        impl $name {
            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b':' | b'-');
                if (1..=100).contains(&text.len()) && text.bytes().all(allowed) {
                    Ok(Self(text.into()))
                } else {
                    Err(IdError::NotKey)
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )*};
}

keys! {
    /// The name that a client gives to its order, unique among the user's live and lately ended orders.
    ClientOrderId,
    /// The key under which a caller asks for a deposit or withdrawal; the same key gives the first answer, for ever.
    TransferKey,
    /// The public name of an API key.
    ApiKeyId,
    /// The name of an account tier.
    TierName,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn made_ids_are_version_7_and_carry_time_and_number() {
        let at = Stamp::from_micros(1_700_000_000_123_456);
        let order = OrderId::at(at, 42).to_string();
        assert_eq!(order, "018bcfe5-687b-7000-8000-00000000002a");
        let trade = Uuid::from_u128(TradeId::at(at, MarketNumber(0xF_FFFF), 3).as_u128());
        assert_eq!(trade.get_version_num(), 7);
        assert_eq!(trade.to_string(), "018bcfe5-687b-7fff-bfc0-000000000003");
    }

    #[test]
    fn ids_of_later_numbers_are_greater() {
        let at = Stamp::from_micros(5_000);
        assert!(OrderId::at(at, 1) < OrderId::at(at, 2));
        assert!(TradeId::at(at, MarketNumber(1), u64::MAX >> 10) < TradeId::at(at, MarketNumber(2), 0));
    }

    #[test]
    fn only_the_usual_form_of_a_uuid_is_read() {
        for text in [
            "",
            "x",
            "018bcfe5687b70008000000000000 02a",
            "018bcfe5687b7000800000000000002a",
            "{018bcfe5-687b-7000-8000-00000000002a}",
        ] {
            assert_eq!(text.parse::<OrderId>(), Err(IdError::NotUuid), "{text}");
        }
    }

    #[test]
    fn client_ids_are_short_and_plain() {
        for text in ["a", "A.b_c:d-9", &"x".repeat(100)] {
            assert!(text.parse::<ClientOrderId>().is_ok(), "{text}");
        }
        for text in ["", " ", "a b", "a\0", "\u{e9}", "a/b", &"x".repeat(101)] {
            assert_eq!(text.parse::<ClientOrderId>(), Err(IdError::NotKey), "{text:?}");
        }
    }
}
