//! How single values are stored: ids as 16 bytes, unsigned numbers as signed ones of the same bits, enums as numbers.

use diesel::deserialize::{self, FromSql};
use diesel::serialize::{self, IsNull, Output, ToSql};
use diesel::sql_types::Binary;
use diesel::sqlite::{Sqlite, SqliteValue};
use domain::{Lots, Price, Quantity, Stamp};

use super::HistoryError;
use super::codes::Code;

/// An id's 16 bytes, in the order in which ids sort.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Bits([u8; 16]);

impl From<u128> for Bits {
    fn from(bits: u128) -> Self {
        Self(bits.to_be_bytes())
    }
}

impl From<Bits> for u128 {
    fn from(bits: Bits) -> Self {
        Self::from_be_bytes(bits.0)
    }
}

impl ToSql<Binary, Sqlite> for Bits {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        out.set_value(self.0.as_slice());
        Ok(IsNull::No)
    }
}

impl FromSql<Binary, Sqlite> for Bits {
    fn from_sql(mut value: SqliteValue<'_, '_, '_>) -> deserialize::Result<Self> {
        let bytes = value.read_blob();
        let bytes = <[u8; 16]>::try_from(bytes).map_err(|_| "an id is not 16 bytes long")?;
        Ok(Self(bytes))
    }
}

/// Names the place of what it reads, so that a malformed row can be found.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Table(pub(crate) &'static str);

impl Table {
    pub(crate) fn malformed(self, column: &'static str) -> HistoryError {
        HistoryError::Malformed {
            table: self.0,
            column,
        }
    }

    /// The value, or an error that names the column.
    pub(crate) fn some<T>(self, column: &'static str, value: Option<T>) -> Result<T, HistoryError> {
        value.ok_or_else(|| self.malformed(column))
    }

    pub(crate) fn small(self, column: &'static str, value: i64) -> Result<u32, HistoryError> {
        u32::try_from(value).map_err(|_| self.malformed(column))
    }

    pub(crate) fn stamp(self, column: &'static str, micros: i64) -> Result<Stamp, HistoryError> {
        let micros = u64::try_from(micros).map_err(|_| self.malformed(column))?;
        Ok(Stamp::from_micros(micros))
    }

    pub(crate) fn price(self, column: &'static str, ticks: i64) -> Result<Price, HistoryError> {
        self.some(column, u32::try_from(ticks).ok().and_then(Price::from_ticks))
    }

    pub(crate) fn quantity(self, column: &'static str, lots: i64) -> Result<Quantity, HistoryError> {
        self.some(column, Quantity::from_lots(Lots(lots.cast_unsigned())))
    }

    /// The value whose number this is.
    pub(crate) fn code<T: Code>(self, column: &'static str, code: i64) -> Result<T, HistoryError> {
        self.some(column, T::from_code(code))
    }

    /// The value whose word this is.
    pub(crate) fn word<T: Copy>(
        self,
        column: &'static str,
        word: &str,
        all: &[T],
        word_of: fn(T) -> &'static str,
    ) -> Result<T, HistoryError> {
        self.some(column, all.iter().copied().find(|value| word_of(*value) == word))
    }
}

/// A stamp as microseconds. Stamps end with the year 9999, far below 2^63.
pub(crate) const fn micros(at: Stamp) -> i64 {
    at.micros().cast_signed()
}

pub(crate) fn ticks(price: Price) -> i64 {
    i64::from(price.ticks())
}

pub(crate) const fn lots(quantity: Quantity) -> i64 {
    quantity.lots().0.cast_signed()
}

/// A number to compare with in SQL: nothing in history is numbered above 2^63 - 1.
pub(crate) fn bound(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A page's size for SQL.
pub(crate) fn page(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

/// The end of a range of ids, for SQL: this id, or what lies behind every id.
pub(crate) fn below(id: Option<u128>) -> Vec<u8> {
    id.map_or_else(|| vec![0xFF; 17], |bits| bits.to_be_bytes().to_vec())
}

/// The start of a range of ids, for SQL: this id, or what lies before every id.
pub(crate) fn above(id: Option<u128>) -> Vec<u8> {
    id.map_or_else(Vec::new, |bits| bits.to_be_bytes().to_vec())
}
