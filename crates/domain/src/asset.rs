//! Assets and the pairs of them that are traded.

use std::fmt;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::FieldError;

/// The longest name of an asset.
const LENGTH: usize = 10;

/// An asset by its code, such as `BTC`: 1 to 10 characters of A-Z and 0-9.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Asset([u8; LENGTH]);

impl Asset {
    /// The code.
    pub fn as_str(&self) -> &str {
        let length = self.0.iter().position(|b| *b == 0).unwrap_or(LENGTH);
        std::str::from_utf8(&self.0[..length]).unwrap_or_default()
    }
}

impl FromStr for Asset {
    type Err = FieldError;
    fn from_str(text: &str) -> Result<Self, FieldError> {
        let allowed = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit();
        if text.is_empty() || text.len() > LENGTH || !text.bytes().all(allowed) {
            return Err(FieldError::new(
                "asset",
                "must be 1 to 10 characters of A-Z and 0-9",
            ));
        }
        let mut code = [0; LENGTH];
        code[..text.len()].copy_from_slice(text.as_bytes());
        Ok(Self(code))
    }
}

impl fmt::Display for Asset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Asset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Asset {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Asset {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

/// What a market trades: a base asset, priced in a quote asset. Written `BTC/USDT`, in paths `BTC-USDT`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Symbol {
    /// What is bought and sold.
    pub base: Asset,
    /// What it is paid with.
    pub quote: Asset,
}

impl Symbol {
    /// The form for paths and topics: `BTC-USDT`.
    pub fn dashed(&self) -> String {
        format!("{}-{}", self.base, self.quote)
    }

    /// Reads the form for paths and topics.
    ///
    /// # Errors
    /// The text is not two assets with a `-` between.
    pub fn from_dashed(text: &str) -> Result<Self, FieldError> {
        Self::split(text, '-')
    }

    fn split(text: &str, separator: char) -> Result<Self, FieldError> {
        let error = FieldError::new(
            "symbol",
            "must be two assets such as BTC/USDT (in a path BTC-USDT)",
        );
        let (base, quote) = text.split_once(separator).ok_or_else(|| error.clone())?;
        match (base.parse(), quote.parse()) {
            (Ok(base), Ok(quote)) if base != quote => Ok(Self { base, quote }),
            _ => Err(error),
        }
    }
}

impl FromStr for Symbol {
    type Err = FieldError;
    fn from_str(text: &str) -> Result<Self, FieldError> {
        Self::split(text, '/')
    }
}

impl fmt::Display for Symbol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.base, self.quote)
    }
}
