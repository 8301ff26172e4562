//! Single values between SQL and the domain: amounts as BIGINT in units of 1e-8, moments as TIMESTAMPTZ.

use chrono::{DateTime, Utc};
use domain::{Amount, FeeRate, Lots, Market, Price, Quantity, Stamp};

use crate::postgres::PgError;

/// A moment for SQL.
pub(crate) fn time(at: Stamp) -> DateTime<Utc> {
    // A stamp lies between 1970 and 9999, which chrono can name.
    DateTime::from_timestamp_micros(at.micros().cast_signed()).unwrap_or_default()
}

/// The moment in a UUIDv7, in whole milliseconds.
pub(crate) fn id_stamp(id: u128) -> Stamp {
    let millis = u64::try_from(id >> 80).unwrap_or_default();
    Stamp::from_micros(millis * 1_000)
}

/// An amount for SQL.
pub(crate) const fn units(amount: Amount) -> i64 {
    amount.0.cast_signed()
}

/// A price for SQL.
pub(crate) const fn price(market: &Market, price: Price) -> i64 {
    units(market.price_amount(price))
}

/// Lots for SQL.
pub(crate) const fn lots(market: &Market, lots: Lots) -> i64 {
    units(market.base_amount(lots))
}

/// A number that counts something for SQL.
pub(crate) const fn count(number: u64) -> i64 {
    number.cast_signed()
}

/// Reads values of one row; its errors name table, row and column.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader<'a> {
    pub(crate) table: &'static str,
    pub(crate) id: uuid::Uuid,
    pub(crate) market: &'a Market,
}

impl Reader<'_> {
    pub(crate) fn bad(&self, column: &str) -> PgError {
        PgError::bad_row(self.table, format!("{column} of {}", self.id))
    }

    /// The value, or an error that names the column.
    pub(crate) fn some<T>(&self, column: &str, value: Option<T>) -> Result<T, PgError> {
        value.ok_or_else(|| self.bad(column))
    }

    pub(crate) fn amount(&self, column: &str, units: i64) -> Result<Amount, PgError> {
        self.some(column, u64::try_from(units).ok().map(Amount))
    }

    pub(crate) fn count(&self, column: &str, number: i64) -> Result<u64, PgError> {
        self.some(column, u64::try_from(number).ok())
    }

    pub(crate) fn price(&self, column: &str, units: i64) -> Result<Price, PgError> {
        let amount = self.amount(column, units)?;
        let price = self.market.price("price", amount);
        price.map_err(|_| self.bad(column))
    }

    pub(crate) fn lots(&self, column: &str, units: i64) -> Result<Lots, PgError> {
        let amount = self.amount(column, units)?;
        let lot = self.market.definition().lot;
        let whole = amount.0.is_multiple_of(lot.0).then(|| Lots(amount.0 / lot.0));
        self.some(column, whole)
    }

    pub(crate) fn quantity(&self, column: &str, units: i64) -> Result<Quantity, PgError> {
        self.some(column, Quantity::from_lots(self.lots(column, units)?))
    }

    pub(crate) fn fee(&self, column: &str, units: i64) -> Result<FeeRate, PgError> {
        self.some(column, u32::try_from(units).ok().map(FeeRate))
    }

    pub(crate) fn stamp(&self, column: &str, at: DateTime<Utc>) -> Result<Stamp, PgError> {
        let micros = u64::try_from(at.timestamp_micros()).ok();
        Ok(Stamp::from_micros(self.some(column, micros)?))
    }

    /// A value that may be missing.
    pub(crate) fn maybe<V, T>(
        &self,
        column: &str,
        value: Option<V>,
        read: impl FnOnce(&Self, &str, V) -> Result<T, PgError>,
    ) -> Result<Option<T>, PgError> {
        value.map(|value| read(self, column, value)).transpose()
    }

    /// The value of a word.
    pub(crate) fn word<T: Copy>(
        &self,
        column: &str,
        word: &str,
        all: &[T],
        word_of: fn(T) -> &'static str,
    ) -> Result<T, PgError> {
        self.some(column, all.iter().copied().find(|value| word_of(*value) == word))
    }
}
