//! Prices in ticks, quantities in lots, amounts in units of 1e-8: three kinds of number that cannot be mixed up.

use std::fmt;
use std::num::{NonZeroU32, NonZeroU64};
use std::ops::{Add, AddAssign, Sub, SubAssign};

use serde::{Deserialize, Serialize};

use crate::decimal::{DecimalError, format_units, parse_units};

/// A price: a whole, positive number of the market's ticks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Price(NonZeroU32);

impl Price {
    /// The lowest price there is: one tick.
    pub const ONE_TICK: Self = Self(NonZeroU32::MIN);

    /// A price of so many ticks; none of zero.
    pub const fn from_ticks(ticks: u32) -> Option<Self> {
        match NonZeroU32::new(ticks) {
            Some(ticks) => Some(Self(ticks)),
            None => None,
        }
    }

    /// The number of ticks.
    pub const fn ticks(self) -> u32 {
        self.0.get()
    }
}

/// A quantity: a whole, positive number of the market's lots.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Quantity(NonZeroU64);

impl Quantity {
    /// A quantity of so many lots; none of zero.
    pub const fn from_lots(lots: Lots) -> Option<Self> {
        match NonZeroU64::new(lots.0) {
            Some(lots) => Some(Self(lots)),
            None => None,
        }
    }

    /// The number of lots.
    pub const fn lots(self) -> Lots {
        Lots(self.0.get())
    }
}

macro_rules! counted {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub struct $name(pub u64);

        impl $name {
            /// None of it.
            pub const ZERO: Self = Self(0);

            /// Whether there is none.
            pub const fn is_zero(self) -> bool {
                self.0 == 0
            }

            /// The sum, unless it passes 2^63 - 1.
            pub const fn checked_add(self, other: Self) -> Option<Self> {
                match self.0.checked_add(other.0) {
                    Some(sum) if sum <= i64::MAX as u64 => Some(Self(sum)),
                    _ => None,
                }
            }

            /// The difference, unless it is negative.
            pub const fn checked_sub(self, other: Self) -> Option<Self> {
                match self.0.checked_sub(other.0) {
                    Some(rest) => Some(Self(rest)),
                    None => None,
                }
            }
        }

        impl Add for $name {
            type Output = Self;
            fn add(self, other: Self) -> Self {
                Self(self.0 + other.0)
            }
        }

        impl Sub for $name {
            type Output = Self;
            fn sub(self, other: Self) -> Self {
                Self(self.0 - other.0)
            }
        }

        impl AddAssign for $name {
            fn add_assign(&mut self, other: Self) {
                self.0 += other.0;
            }
        }

        impl SubAssign for $name {
            fn sub_assign(&mut self, other: Self) {
                self.0 -= other.0;
            }
        }
    };
}

counted! {
    /// A number of lots that may be zero: what is filled, what remains.
    Lots
}

counted! {
    /// An amount of one asset in units of 1e-8, at most 2^63 - 1 of them. Totals over accounts are i128.
    Amount
}

impl Amount {
    /// The largest amount: 2^63 - 1 units of 1e-8.
    pub const MAX: Self = Self(i64::MAX as u64);

    /// Reads a decimal string such as `"1.25"`.
    ///
    /// # Errors
    /// See [`DecimalError`].
    pub fn parse(text: &str) -> Result<Self, DecimalError> {
        parse_units(text).map(Self)
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&format_units(u128::from(self.0)))
    }
}
