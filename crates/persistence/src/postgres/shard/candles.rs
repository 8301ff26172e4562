//! Candles, kept up by the trades of each batch.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use diesel::pg::Pg;
use diesel::sql_query;
use diesel::sql_types::{Array, BigInt, Integer, Text, Timestamptz};
use diesel_async::RunQueryDsl as _;
use domain::{Market, MarketNumber, Stamp, Trade};
use market_data::{Bar, Interval};

use crate::postgres::orders::{MarketGrids, value};
use crate::postgres::{Connection, PgError, prepared};

// Volumes may pass 2^63 units: they come as text.
const ADD: &str = "INSERT INTO candles (symbol, span, opened_at, open, high, low, close, volume, quote_volume, trade_count) \
    SELECT n.symbol, n.span, n.opened_at, n.open * 0.00000001, n.high * 0.00000001, n.low * 0.00000001, \
    n.close * 0.00000001, n.volume::numeric * 0.00000001, n.quote_volume::numeric * 0.00000001, n.trade_count \
    FROM UNNEST($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) \
    AS n(symbol, span, opened_at, open, high, low, close, volume, quote_volume, trade_count) \
    ORDER BY n.symbol, n.span, n.opened_at \
    ON CONFLICT (symbol, span, opened_at) DO UPDATE SET high = greatest(candles.high, EXCLUDED.high), \
    low = least(candles.low, EXCLUDED.low), close = EXCLUDED.close, volume = candles.volume + EXCLUDED.volume, \
    quote_volume = candles.quote_volume + EXCLUDED.quote_volume, \
    trade_count = candles.trade_count + EXCLUDED.trade_count";

/// Adds these trades, each market's in their order, to the candles of every interval.
pub(super) async fn add_trades(
    mut connection: &Connection,
    trades: &[Trade],
    markets: &MarketGrids,
) -> Result<(), PgError> {
    if trades.is_empty() {
        return Ok(());
    }
    let mut bars: BTreeMap<(MarketNumber, Interval, u64), Bar> = BTreeMap::new();
    for trade in trades {
        let tick_lot = markets.to_write("candles", trade.market)?.tick_lot();
        let bar = Bar::of(trade.price, trade.quantity, tick_lot);
        for interval in Interval::ALL {
            let number = trade.executed_at.micros() / interval.micros();
            bars.entry((trade.market, interval, number))
                .and_modify(|sum| sum.add(&bar))
                .or_insert(bar);
        }
    }
    let mut c = Columns::default();
    for ((number, interval, place), bar) in bars {
        c.push(markets.to_write("candles", number)?, interval, place, &bar);
    }
    prepared(
        sql_query(ADD)
            .into_boxed::<Pg>()
            .bind::<Array<Text>, _>(c.symbols)
            .bind::<Array<Integer>, _>(c.spans)
            .bind::<Array<Timestamptz>, _>(c.opened_at)
            .bind::<Array<BigInt>, _>(c.open)
            .bind::<Array<BigInt>, _>(c.high)
            .bind::<Array<BigInt>, _>(c.low)
            .bind::<Array<BigInt>, _>(c.close)
            .bind::<Array<Text>, _>(c.volumes)
            .bind::<Array<Text>, _>(c.quote_volumes)
            .bind::<Array<BigInt>, _>(c.counts),
    )
    .execute(&mut connection)
    .await?;
    Ok(())
}

#[derive(Default)]
struct Columns {
    symbols: Vec<String>,
    spans: Vec<i32>,
    opened_at: Vec<DateTime<Utc>>,
    open: Vec<i64>,
    high: Vec<i64>,
    low: Vec<i64>,
    close: Vec<i64>,
    volumes: Vec<String>,
    quote_volumes: Vec<String>,
    counts: Vec<i64>,
}

impl Columns {
    fn push(&mut self, market: &Market, interval: Interval, number: u64, bar: &Bar) {
        let Bar {
            open,
            high,
            low,
            close,
            base_volume,
            quote_volume,
            trade_count,
        } = *bar;
        let lot = u128::from(market.definition().lot.0);
        self.symbols.push(market.symbol().to_string());
        self.spans
            .push(i32::try_from(interval.micros() / 1_000_000).unwrap_or(i32::MAX));
        let opened_at = Stamp::from_micros(number.saturating_mul(interval.micros()));
        self.opened_at.push(value::time(opened_at));
        self.open.push(value::price(market, open));
        self.high.push(value::price(market, high));
        self.low.push(value::price(market, low));
        self.close.push(value::price(market, close));
        self.volumes.push((base_volume * lot).to_string());
        self.quote_volumes.push(quote_volume.to_string());
        self.counts.push(value::count(trade_count));
    }
}
