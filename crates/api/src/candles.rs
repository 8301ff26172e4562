//! Candles of a market: public, without a token.

use actix_web::Responder;
use actix_web::web::{Data, Json, Path, ServiceConfig, get, resource};
use domain::{Market, Price, format_units};
use http::{Problem, QueryParams};
use market_data::{Bar, Candle, Interval};
use serde::{Deserialize, Serialize};
use trading::CandleFilter;

use crate::ApiState;
use crate::error::{self, Sought};
use crate::markets::in_path;
use crate::orders::limit_of;
use crate::wire::{self, time};

/// Candles in a list unless the caller asks for another number.
const LIST: usize = 100;
/// The most candles in a list.
const LONGEST_LIST: usize = 1_000;

pub(crate) fn routes(config: &mut ServiceConfig) {
    config.service(resource("/api/v1/markets/{symbol}/candles").route(get().to(list)));
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Listing {
    interval: Option<String>,
    from: Option<String>,
    to: Option<String>,
    limit: Option<usize>,
}

#[derive(Debug, Serialize)]
struct Candles {
    symbol: String,
    interval: &'static str,
    /// Oldest first; spans without a trade have none.
    candles: Vec<CandleView>,
}

/// A candle in the decimals of its market.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct CandleView {
    opened_at: String,
    open: String,
    high: String,
    low: String,
    close: String,
    volume: String,
    quote_volume: String,
    trades: u64,
}

impl CandleView {
    pub(crate) fn new(candle: &Candle, interval: Interval, market: &Market) -> Self {
        let Bar {
            open,
            high,
            low,
            close,
            base_volume,
            quote_volume,
            trade_count,
        } = candle.bar;
        let price = |price: Price| market.price_amount(price).to_string();
        Self {
            opened_at: time(candle.opened_at(interval)),
            open: price(open),
            high: price(high),
            low: price(low),
            close: price(close),
            volume: volume(market, base_volume),
            quote_volume: format_units(quote_volume),
            trades: trade_count,
        }
    }
}

/// Lots of all trades together, which may pass what one amount holds.
pub(crate) fn volume(market: &Market, lots: u128) -> String {
    format_units(lots.saturating_mul(u128::from(market.definition().lot.0)))
}

/// The interval of a word.
pub(crate) fn interval_of(text: &str) -> Result<Interval, Problem> {
    wire::word("interval", text, &Interval::ALL, Interval::word).map_err(error::field)
}

async fn list(
    state: Data<ApiState>,
    symbol: Path<String>,
    QueryParams(listing): QueryParams<Listing>,
) -> Result<impl Responder, Problem> {
    let market = in_path(&state, &symbol)?.market;
    let Listing {
        interval,
        from,
        to,
        limit,
    } = listing;
    let moment = |field, text: Option<&str>| {
        text.map(|text| wire::stamp(field, text))
            .transpose()
            .map_err(error::field)
    };
    let filter = CandleFilter {
        interval: interval.as_deref().map_or(Ok(Interval::Minute1), interval_of)?,
        from: moment("from", from.as_deref())?,
        to: moment("to", to.as_deref())?,
        limit: limit_of(limit, LIST, LONGEST_LIST)?,
    };
    let candles = state.exchange.candles(market.number(), filter).await;
    let candles = candles.map_err(|error| error::query(error, Sought::Market))?;
    let view = |candle: &Candle| CandleView::new(candle, filter.interval, &market);
    Ok(Json(Candles {
        symbol: market.symbol().to_string(),
        interval: filter.interval.word(),
        candles: candles.iter().map(view).collect(),
    }))
}
