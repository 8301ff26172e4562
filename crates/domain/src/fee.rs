//! Fee rates: what a party of a trade gives of what it receives.

use serde::{Deserialize, Serialize};

use crate::{Amount, FieldError};

/// Units of 1e-8 in one.
const ONE: u64 = 100_000_000;

/// A fee rate in parts of 1e-8, below 1: `100_000` is 0.1 %.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct FeeRate(pub u32);

impl FeeRate {
    /// The rate that a decimal fraction is: `0.001` is 0.1 %. Whether it is below 1 is for the market or tier to check.
    ///
    /// # Errors
    /// The field is no decimal of at most 8 places, or far too large.
    pub fn parse(field: &'static str, text: &str) -> Result<Self, FieldError> {
        let units = Amount::parse(text)
            .map_err(|error| FieldError::new(field, error.to_string()))?
            .0;
        u32::try_from(units)
            .map(Self)
            .map_err(|_| FieldError::new(field, "must be below 1"))
    }

    /// The fee on what a party receives, rounded up to one unit; never more than what is received.
    pub const fn of(self, received: Amount) -> Amount {
        let parts = received.0 as u128 * self.0 as u128;
        Amount(parts.div_ceil(ONE as u128) as u64)
    }

    /// Whether it is a rate at all: not the whole of what is received, nor more.
    pub const fn is_below_one(self) -> bool {
        (self.0 as u64) < ONE
    }
}
