//! Candles of a market, the latest ones of a range, oldest first.

use chrono::{DateTime, Utc};
use diesel::QueryableByName;
use diesel::sql_query;
use diesel::sql_types::{BigInt, Integer, Nullable, Text, Timestamptz};
use diesel_async::RunQueryDsl as _;
use domain::{Amount, Market, Price, Stamp};
use market_data::{Bar, Candle, Interval};

use super::page;
use crate::CandleQuery;
use crate::postgres::orders::value::time;
use crate::postgres::{Connection, PgError, prepared};

const MICROS: u64 = 1_000_000;

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Timestamptz)]
    opened_at: DateTime<Utc>,
    #[diesel(sql_type = BigInt)]
    open: i64,
    #[diesel(sql_type = BigInt)]
    high: i64,
    #[diesel(sql_type = BigInt)]
    low: i64,
    #[diesel(sql_type = BigInt)]
    close: i64,
    // Volumes may pass 2^63 units.
    #[diesel(sql_type = Text)]
    volume: String,
    #[diesel(sql_type = Text)]
    quote_volume: String,
    #[diesel(sql_type = BigInt)]
    trade_count: i64,
}

const CANDLES: &str = "SELECT opened_at, (open * 100000000)::bigint AS open, (high * 100000000)::bigint AS high, \
    (low * 100000000)::bigint AS low, (close * 100000000)::bigint AS close, \
    trunc(volume * 100000000)::text AS volume, trunc(quote_volume * 100000000)::text AS quote_volume, trade_count \
    FROM candles WHERE symbol = $1 AND span = $2 AND ($3 IS NULL OR opened_at >= $3) AND ($4 IS NULL OR opened_at < $4) \
    ORDER BY opened_at DESC LIMIT $5";

/// The latest candles of a range, oldest first.
///
/// # Errors
/// See [`PgError`].
pub async fn candles(
    connection: &mut Connection,
    market: &Market,
    query: &CandleQuery,
) -> Result<Vec<Candle>, PgError> {
    let CandleQuery {
        market: _,
        interval,
        from,
        to,
        limit,
    } = *query;
    let span = i32::try_from(interval.micros() / MICROS).unwrap_or(i32::MAX);
    let rows: Vec<Row> = prepared(
        sql_query(CANDLES)
            .bind::<Text, _>(market.symbol().to_string())
            .bind::<Integer, _>(span)
            .bind::<Nullable<Timestamptz>, _>(from.map(time))
            .bind::<Nullable<Timestamptz>, _>(to.map(time))
            .bind::<BigInt, _>(page(limit)),
    )
    .load(connection)
    .await?;
    rows.into_iter()
        .rev()
        .map(|row| row.candle(market, interval))
        .collect()
}

impl Row {
    fn candle(self, market: &Market, interval: Interval) -> Result<Candle, PgError> {
        let bad = |column: &str| PgError::bad_row("candles", format!("{column} in {}", market.symbol()));
        let price = |column: &'static str, units: i64| -> Result<Price, PgError> {
            let price = market.price(column, Amount(units.cast_unsigned()));
            price.map_err(|_| bad(column))
        };
        let units = |column: &str, text: &str| text.parse::<u128>().map_err(|_| bad(column));
        let opened_at = u64::try_from(self.opened_at.timestamp_micros()).map_err(|_| bad("opened_at"))?;
        let lot = u128::from(market.definition().lot.0);
        Ok(Candle {
            number: Stamp::from_micros(opened_at).micros() / interval.micros(),
            bar: Bar {
                open: price("open", self.open)?,
                high: price("high", self.high)?,
                low: price("low", self.low)?,
                close: price("close", self.close)?,
                base_volume: units("volume", &self.volume)? / lot,
                quote_volume: units("quote_volume", &self.quote_volume)?,
                trade_count: self.trade_count.cast_unsigned(),
            },
        })
    }
}
