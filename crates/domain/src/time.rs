//! The stamp: the only time that the exchange knows, given to every command by whoever owns the sequence.

use std::num::NonZeroU64;

use serde::{Deserialize, Serialize};

/// A moment in UTC: microseconds since 1970, never zero. It comes with a command; nothing here reads a clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Stamp(NonZeroU64);

const DAY_MICROS: u64 = 24 * 60 * 60 * 1_000_000;
/// The last microsecond that a stamp may name: the year 9999 ends about here, and sums stay far from overflow.
const LAST_MICROS: u64 = 253_402_300_799_999_999;

impl Stamp {
    /// The first moment there is, for states that no command has touched yet.
    pub const FIRST: Self = Self(NonZeroU64::MIN);

    /// The moment so many microseconds after 1970; held to the years 1970 to 9999.
    pub const fn from_micros(micros: u64) -> Self {
        let micros = if micros > LAST_MICROS { LAST_MICROS } else { micros };
        match NonZeroU64::new(micros) {
            Some(micros) => Self(micros),
            None => Self::FIRST,
        }
    }

    /// Microseconds since 1970.
    pub const fn micros(self) -> u64 {
        self.0.get()
    }

    /// Milliseconds since 1970, rounded down.
    pub const fn millis(self) -> u64 {
        self.0.get() / 1_000
    }

    /// This moment and so many microseconds.
    pub const fn plus_micros(self, micros: u64) -> Self {
        Self::from_micros(self.0.get().saturating_add(micros))
    }

    /// The next 00:00 UTC after this moment: when a DAY order ends.
    pub const fn next_midnight(self) -> Self {
        Self::from_micros((self.0.get() / DAY_MICROS + 1) * DAY_MICROS)
    }
}
