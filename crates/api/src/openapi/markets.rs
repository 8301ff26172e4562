//! Markets, their depth, trades, candles and tickers, as the description has them.

use domain::MarketState;
use market_data::Interval;
use serde_json::{Value, json};

use super::operation::{Access, Operation, get};
use super::schema::{
    about, asset, count, flag, list, moment, nullable, number, reference, symbol, time, uuid, view, whole,
    words,
};

const TAG: &str = "markets";

pub(super) fn operations() -> Vec<Operation> {
    let public = |path, id, summary| get(path, Access::Public, TAG, id, summary);
    vec![
        public("/api/v1/markets", "listMarkets", "Every market").answers(200, "Markets", "The markets"),
        public("/api/v1/markets/{symbol}", "findMarket", "One market").answers(200, "Market", "The market"),
        public(
            "/api/v1/markets/{symbol}/depth",
            "depth",
            "The best levels of a market's book",
        )
        .query(
            "limit",
            whole(1, 1_000),
            "The most levels a side; 100 unless given",
        )
        .answers(200, "Depth", "The levels, best first"),
        public(
            "/api/v1/markets/{symbol}/trades",
            "marketTrades",
            "A market's latest trades, newest first",
        )
        .query("limit", whole(1, 1_000), "The most trades; 100 unless given")
        .answers(200, "Trades", "The trades, without their parties"),
        public(
            "/api/v1/markets/{symbol}/ticker",
            "ticker",
            "The last 24 hours of a market",
        )
        .answers(200, "Ticker", "The ticker"),
        public(
            "/api/v1/markets/{symbol}/candles",
            "candles",
            "A market's candles, oldest first",
        )
        .query(
            "interval",
            words(&Interval::ALL, Interval::word),
            "How long each is; 1m unless given",
        )
        .query("from", moment(), "Only those that begin at or after this moment")
        .query("to", moment(), "Only those that begin before this moment")
        .query(
            "limit",
            whole(1, 1_000),
            "The most candles, the latest ones; 100 unless given",
        )
        .answers(200, "Candles", "The candles; spans without a trade have none"),
    ]
}

pub(super) fn schemas() -> Vec<(&'static str, Value)> {
    vec![
        ("Market", market()),
        ("Markets", view(vec![("markets", list(reference("Market")))])),
        ("Depth", depth()),
        ("Trade", trade()),
        ("Trades", view(vec![("trades", list(reference("Trade")))])),
        ("Ticker", ticker()),
        ("Candle", candle()),
        (
            "Candles",
            view(vec![
                ("symbol", symbol()),
                ("interval", words(&Interval::ALL, Interval::word)),
                ("candles", list(reference("Candle"))),
            ]),
        ),
    ]
}

fn market() -> Value {
    view(vec![
        ("number", count()),
        ("symbol", symbol()),
        ("base_asset", asset()),
        ("quote_asset", asset()),
        ("state", words(MarketState::ALL, MarketState::word)),
        ("tick", number()),
        ("lot", number()),
        ("min_quantity", number()),
        ("max_quantity", number()),
        ("max_price", number()),
        ("min_notional", number()),
        (
            "market_band",
            about(nullable(number()), "A fraction: 0.1 is 10 %"),
        ),
        ("limit_band", about(nullable(number()), "A fraction: 0.1 is 10 %")),
        ("initial_price", nullable(number())),
        ("maker_fee", about(number(), "A fraction: 0.001 is 0.1 %")),
        ("taker_fee", about(number(), "A fraction: 0.001 is 0.1 %")),
        ("max_open_orders", count()),
    ])
}

fn depth() -> Value {
    let level = json!({
        "type": "array", "description": "Price and quantity", "items": number(), "minItems": 2, "maxItems": 2
    });
    view(vec![
        ("symbol", symbol()),
        (
            "last_seq",
            about(count(), "The number of the market's last event in it"),
        ),
        ("bids", list(level.clone())),
        ("asks", list(level)),
    ])
}

fn trade() -> Value {
    view(vec![
        ("trade_id", uuid()),
        ("symbol", symbol()),
        ("price", number()),
        ("quantity", number()),
        ("quote_quantity", number()),
        ("is_buyer_maker", flag()),
        ("executed_at", time()),
    ])
}

fn ticker() -> Value {
    let maybe = || nullable(number());
    view(vec![
        ("symbol", symbol()),
        ("last_price", maybe()),
        ("open_price", maybe()),
        ("high_price", maybe()),
        ("low_price", maybe()),
        ("price_change", nullable(super::schema::signed())),
        ("volume", number()),
        ("quote_volume", number()),
        ("trades", count()),
        ("best_bid", maybe()),
        ("best_bid_quantity", maybe()),
        ("best_ask", maybe()),
        ("best_ask_quantity", maybe()),
        ("seq", count()),
    ])
}

fn candle() -> Value {
    view(vec![
        ("opened_at", time()),
        ("open", number()),
        ("high", number()),
        ("low", number()),
        ("close", number()),
        ("volume", number()),
        ("quote_volume", number()),
        ("trades", count()),
    ])
}
