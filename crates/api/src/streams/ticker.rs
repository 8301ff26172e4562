//! The ticker of a market as callers see it: the last 24 hours and the best prices.

use domain::{Market, Price, format_units};
use market_data::{Bar, Level, TickerSummary};
use serde::Serialize;
use trading::LevelView;

use crate::candles::volume;
use crate::markets::row;

/// The last 24 hours of a market and its best prices. Prices are null where there is none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct TickerView {
    pub(crate) symbol: String,
    /// The number of the last event in it.
    pub(crate) seq: u64,
    last_price: Option<String>,
    open_price: Option<String>,
    high_price: Option<String>,
    low_price: Option<String>,
    /// The last price less the first one.
    price_change: Option<String>,
    volume: String,
    quote_volume: String,
    trades: u64,
    best_bid: Option<String>,
    best_bid_quantity: Option<String>,
    best_ask: Option<String>,
    best_ask_quantity: Option<String>,
}

impl TickerView {
    /// The ticker in the decimals of its market.
    pub(crate) fn new(
        market: &Market,
        seq: u64,
        summary: TickerSummary,
        (bid, ask): (Option<Level>, Option<Level>),
    ) -> Self {
        let TickerSummary { last, day } = summary;
        let price = |price: Price| market.price_amount(price).to_string();
        let of_day = |of: fn(&Bar) -> Price| day.as_ref().map(of).map(price);
        let best = |level: Option<Level>| {
            let view = |Level { price, quantity }| row(market, LevelView { price, quantity });
            level
                .map(view)
                .map_or((None, None), |[price, quantity]| (Some(price), Some(quantity)))
        };
        let (best_bid, best_bid_quantity) = best(bid);
        let (best_ask, best_ask_quantity) = best(ask);
        Self {
            symbol: market.symbol().to_string(),
            seq,
            last_price: last.map(price),
            open_price: of_day(|day| day.open),
            high_price: of_day(|day| day.high),
            low_price: of_day(|day| day.low),
            price_change: day.as_ref().map(|day| change(market, day.open, day.close)),
            volume: volume(market, day.map_or(0, |day| day.base_volume)),
            quote_volume: format_units(day.map_or(0, |day| day.quote_volume)),
            trades: day.map_or(0, |day| day.trade_count),
            best_bid,
            best_bid_quantity,
            best_ask,
            best_ask_quantity,
        }
    }

    /// Whether it says the same, whatever else has happened since.
    pub(crate) fn says_the_same(&self, other: &Self) -> bool {
        let other = Self {
            seq: self.seq,
            ..other.clone()
        };
        *self == other
    }
}

fn change(market: &Market, open: Price, close: Price) -> String {
    let (open, close) = (market.price_amount(open), market.price_amount(close));
    let sign = if close < open { "-" } else { "" };
    format!("{sign}{}", format_units(u128::from(open.0.abs_diff(close.0))))
}
