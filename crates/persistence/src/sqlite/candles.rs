//! The rows of candles, and how a batch's trades are added to them.

use std::collections::BTreeMap;

use diesel::sql_types::BigInt;
use diesel::sqlite::SqliteConnection;
use diesel::{OptionalExtension, QueryResult, RunQueryDsl};
use domain::{MarketNumber, Trade};
use market_data::{Bar, Candle, Interval};

use super::HistoryError;
use super::columns::row;
use super::insert::insert;
use super::value::ticks;

row! {
    /// A candle.
    CandleRow<'a> in "candles" {
        market: int,
        interval: int,
        number: int,
        open: int,
        high: int,
        low: int,
        close: int,
        base_volume: text,
        quote_volume: text,
        trade_count: int,
    }
}

/// How an interval is stored.
pub(crate) const fn seconds(interval: Interval) -> i64 {
    (interval.micros() / 1_000_000).cast_signed()
}

impl CandleRow<'static> {
    fn new(market: MarketNumber, interval: Interval, candle: Candle) -> Self {
        let Candle { number, bar } = candle;
        let Bar {
            open,
            high,
            low,
            close,
            base_volume,
            quote_volume,
            trade_count,
        } = bar;
        Self {
            market: i64::from(market.0),
            interval: seconds(interval),
            number: number.cast_signed(),
            open: ticks(open),
            high: ticks(high),
            low: ticks(low),
            close: ticks(close),
            base_volume: base_volume.to_string().into(),
            quote_volume: quote_volume.to_string().into(),
            trade_count: trade_count.cast_signed(),
        }
    }
}

impl TryFrom<CandleRow<'_>> for Candle {
    type Error = HistoryError;

    fn try_from(row: CandleRow<'_>) -> Result<Self, HistoryError> {
        let table = CandleRow::TABLE;
        let volume = |column, text: &str| text.parse().map_err(|_| table.malformed(column));
        Ok(Self {
            number: row.number.cast_unsigned(),
            bar: Bar {
                open: table.price("open", row.open)?,
                high: table.price("high", row.high)?,
                low: table.price("low", row.low)?,
                close: table.price("close", row.close)?,
                base_volume: volume("base_volume", &row.base_volume)?,
                quote_volume: volume("quote_volume", &row.quote_volume)?,
                trade_count: row.trade_count.cast_unsigned(),
            },
        })
    }
}

/// Adds trades, in their order, to the candles of every interval. Only candles that change are written.
pub(crate) fn add<'a>(
    connection: &mut SqliteConnection,
    tick_lots: &BTreeMap<MarketNumber, u64>,
    trades: impl Iterator<Item = &'a Trade>,
) -> Result<(), HistoryError> {
    let mut markets: BTreeMap<MarketNumber, Vec<&Trade>> = BTreeMap::new();
    for trade in trades {
        markets.entry(trade.market).or_default().push(trade);
    }
    for (market, trades) in markets {
        let tick_lot = *tick_lots
            .get(&market)
            .ok_or(HistoryError::UnknownMarket(market))?;
        for interval in Interval::ALL {
            let last = last(connection, market, interval)?;
            let known = last.map(|candle| candle.number);
            let mut series: Vec<Candle> = last.into_iter().collect();
            for trade in &trades {
                add_trade(&mut series, interval, trade, tick_lot);
            }
            if let Some(number) = known {
                remove(connection, market, interval, number)?;
            }
            let row = |candle| CandleRow::new(market, interval, candle);
            insert(connection, &series.into_iter().map(row).collect::<Vec<_>>())?;
        }
    }
    Ok(())
}

/// Stamps never go back; if one did, its trade would count for the last candle there is, as in the live candles.
fn add_trade(series: &mut Vec<Candle>, interval: Interval, trade: &Trade, tick_lot: u64) {
    let bar = Bar::of(trade.price, trade.quantity, tick_lot);
    let number = trade.executed_at.micros() / interval.micros();
    match series.last_mut() {
        Some(last) if number <= last.number => last.bar.add(&bar),
        _ => series.push(Candle { number, bar }),
    }
}

/// The newest candle.
fn last(
    connection: &mut SqliteConnection,
    market: MarketNumber,
    interval: Interval,
) -> Result<Option<Candle>, HistoryError> {
    let row: Option<CandleRow<'static>> = diesel::sql_query(
        "SELECT * FROM candles WHERE market = ?1 AND interval = ?2 ORDER BY number DESC LIMIT 1",
    )
    .bind::<BigInt, _>(i64::from(market.0))
    .bind::<BigInt, _>(seconds(interval))
    .get_result(connection)
    .optional()?;
    row.map(Candle::try_from).transpose()
}

/// Takes out a candle that is about to be written again with more in it.
fn remove(
    connection: &mut SqliteConnection,
    market: MarketNumber,
    interval: Interval,
    number: u64,
) -> QueryResult<usize> {
    diesel::sql_query("DELETE FROM candles WHERE market = ?1 AND interval = ?2 AND number = ?3")
        .bind::<BigInt, _>(i64::from(market.0))
        .bind::<BigInt, _>(seconds(interval))
        .bind::<BigInt, _>(number.cast_signed())
        .execute(connection)
}
