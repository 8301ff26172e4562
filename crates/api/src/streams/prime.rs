//! What the streams begin with: every market's book, and its past from history.

use std::sync::Arc;

use domain::{Market, MarketNumber, Stamp};
use market_data::{Candle, Interval};
use trading::{CandleFilter, QueryError};

use super::market::{CANDLES, MarketStreams, Past, TRADES};
use crate::Exchange;

/// The minutes of a day, which are two pages.
const DAY_MINUTES: usize = 1_440;
/// The most candles of one question.
const PAGE: usize = 1_000;
/// How often a past is asked for again when a trade happens meanwhile.
const TRIES: u32 = 5;

/// The streams of every market as of now. Subscribe to the updates first: they go on from an event that is not after
/// anything that is asked for here.
pub(crate) async fn prime(exchange: &dyn Exchange, now: Stamp) -> Result<Vec<MarketStreams>, QueryError> {
    let books = exchange.books().await?;
    let markets = exchange.markets();
    let mut streams = Vec::with_capacity(books.len());
    for book in books {
        let Some(view) = markets.by_number(book.market) else {
            tracing::error!(market = book.market.0, "a book without a market");
            return Err(QueryError::Unavailable);
        };
        let market: Arc<Market> = Arc::clone(&view.market);
        let past = past(exchange, book.market, now).await?;
        streams.push(MarketStreams::new(market, &book, past));
    }
    Ok(streams)
}

/// A market's past: trades and candles that know the same trades.
async fn past(exchange: &dyn Exchange, market: MarketNumber, now: Stamp) -> Result<Past, QueryError> {
    let mut tries = 0;
    loop {
        tries += 1;
        let trades = exchange.trades(market, TRADES).await?;
        let mut series = Vec::with_capacity(Interval::ALL.len());
        for interval in Interval::ALL {
            series.push((
                interval,
                candles(exchange, market, interval, None, CANDLES).await?,
            ));
        }
        let minutes = minutes(exchange, market, now).await?;
        let newest = exchange.trades(market, 1).await?;
        let number = |trades: &[domain::Trade]| trades.first().map_or(0, |trade| trade.number);
        if number(&trades) == number(&newest) || tries >= TRIES {
            if number(&trades) != number(&newest) {
                tracing::warn!(
                    market = market.0,
                    "the running candles may count some trades twice"
                );
            }
            return Ok(Past {
                trades,
                minutes,
                series,
            });
        }
    }
}

/// The minutes of the last day, oldest first.
async fn minutes(
    exchange: &dyn Exchange,
    market: MarketNumber,
    now: Stamp,
) -> Result<Vec<Candle>, QueryError> {
    let interval = Interval::Minute1;
    let mut newest = candles(exchange, market, interval, None, PAGE).await?;
    let oldest = (now.micros() / interval.micros()).saturating_sub(DAY_MINUTES as u64);
    let to = match newest.first() {
        Some(first) if newest.len() == PAGE && first.number > oldest => first.opened_at(interval),
        _ => return Ok(newest),
    };
    let mut minutes = candles(exchange, market, interval, Some(to), DAY_MINUTES - PAGE).await?;
    minutes.append(&mut newest);
    Ok(minutes)
}

async fn candles(
    exchange: &dyn Exchange,
    market: MarketNumber,
    interval: Interval,
    to: Option<Stamp>,
    limit: usize,
) -> Result<Vec<Candle>, QueryError> {
    let filter = CandleFilter {
        interval,
        from: None,
        to,
        limit,
    };
    exchange.candles(market, filter).await
}
