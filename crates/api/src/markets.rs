//! Markets, their depth, ticker and latest trades: public, without a token.

use std::sync::Arc;

use actix_web::Responder;
use actix_web::web::{Data, Json, Path, ServiceConfig, get, resource};
use domain::{Band, FeeRate, Lots, Market, MarketDefinition, Price, Side, Symbol, Trade, format_units};
use http::{Problem, QueryParams};
use serde::{Deserialize, Serialize};
use trading::{DepthView, LevelView, MarketView};

use crate::ApiState;
use crate::error::{self, Sought};
use crate::orders::limit_of;
use crate::wire::time;

/// Levels a side, or trades, unless the caller asks for another number.
const LIST: usize = 100;
/// The most levels a side, or trades.
const LONGEST_LIST: usize = 1_000;

pub(crate) fn routes(config: &mut ServiceConfig) {
    config
        .service(resource("/api/v1/markets").route(get().to(list)))
        .service(resource("/api/v1/markets/{symbol}").route(get().to(look_up)))
        .service(resource("/api/v1/markets/{symbol}/depth").route(get().to(depth)))
        .service(resource("/api/v1/markets/{symbol}/trades").route(get().to(trades)))
        .service(resource("/api/v1/markets/{symbol}/ticker").route(get().to(ticker)));
}

/// A market as callers see it.
#[derive(Debug, Serialize)]
pub(crate) struct MarketBody {
    number: u32,
    symbol: String,
    base_asset: String,
    quote_asset: String,
    state: &'static str,
    tick: String,
    lot: String,
    min_quantity: String,
    max_quantity: String,
    max_price: String,
    min_notional: String,
    market_band: Option<String>,
    limit_band: Option<String>,
    initial_price: Option<String>,
    maker_fee: String,
    taker_fee: String,
    max_open_orders: u32,
}

impl MarketBody {
    /// The market in decimals. Bands and fees are fractions: `0.1` is 10 %.
    pub(crate) fn new(view: &MarketView) -> Self {
        let MarketView { market, state } = view;
        let MarketDefinition {
            number,
            symbol,
            tick,
            lot,
            min_quantity,
            max_quantity,
            max_price,
            min_notional,
            market_band,
            limit_band,
            initial_price,
            maker_fee,
            taker_fee,
            max_open_orders,
        } = market.definition();
        let base = |lots: Lots| market.base_amount(lots).to_string();
        let price = |price: Price| market.price_amount(price).to_string();
        let band = |Band(parts)| format_units(u128::from(parts) * 10_000);
        let fee = |FeeRate(parts)| format_units(u128::from(parts));
        Self {
            number: number.0,
            symbol: symbol.to_string(),
            base_asset: symbol.base.to_string(),
            quote_asset: symbol.quote.to_string(),
            state: state.word(),
            tick: tick.to_string(),
            lot: lot.to_string(),
            min_quantity: base(*min_quantity),
            max_quantity: base(*max_quantity),
            max_price: price(*max_price),
            min_notional: min_notional.to_string(),
            market_band: market_band.map(band),
            limit_band: limit_band.map(band),
            initial_price: initial_price.map(price),
            maker_fee: fee(*maker_fee),
            taker_fee: fee(*taker_fee),
            max_open_orders: *max_open_orders,
        }
    }
}

#[derive(Debug, Serialize)]
struct MarketList {
    markets: Vec<MarketBody>,
}

#[derive(Debug, Serialize)]
struct DepthBody {
    symbol: String,
    last_seq: u64,
    /// Price and quantity, highest price first.
    bids: Vec<[String; 2]>,
    /// Price and quantity, lowest price first.
    asks: Vec<[String; 2]>,
}

#[derive(Debug, Serialize)]
struct TradeBody {
    trade_id: String,
    symbol: String,
    price: String,
    quantity: String,
    quote_quantity: String,
    is_buyer_maker: bool,
    executed_at: String,
}

#[derive(Debug, Serialize)]
struct TradeList {
    trades: Vec<TradeBody>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Limit {
    limit: Option<usize>,
}

async fn list(state: Data<ApiState>) -> impl Responder {
    let markets = state.exchange.markets();
    Json(MarketList {
        markets: markets.all().iter().map(MarketBody::new).collect(),
    })
}

async fn look_up(state: Data<ApiState>, symbol: Path<String>) -> Result<impl Responder, Problem> {
    Ok(Json(MarketBody::new(&in_path(&state, &symbol)?)))
}

async fn depth(
    state: Data<ApiState>,
    symbol: Path<String>,
    QueryParams(Limit { limit }): QueryParams<Limit>,
) -> Result<impl Responder, Problem> {
    let market = in_path(&state, &symbol)?.market;
    let levels = limit_of(limit, LIST, LONGEST_LIST)?;
    let depth = state.exchange.depth(market.number(), levels).await;
    let DepthView {
        market: _,
        seq,
        bids,
        asks,
    } = depth.map_err(|error| error::query(error, Sought::Market))?;
    let rows = |levels: &[LevelView]| levels.iter().map(|level| row(&market, *level)).collect();
    Ok(Json(DepthBody {
        symbol: market.symbol().to_string(),
        last_seq: seq,
        bids: rows(&bids),
        asks: rows(&asks),
    }))
}

/// A level as its price and its quantity.
pub(crate) fn row(market: &Market, LevelView { price, quantity }: LevelView) -> [String; 2] {
    [
        market.price_amount(price).to_string(),
        // All orders of a level together may pass what one amount holds.
        format_units(u128::from(quantity.0) * u128::from(market.definition().lot.0)),
    ]
}

async fn trades(
    state: Data<ApiState>,
    symbol: Path<String>,
    QueryParams(Limit { limit }): QueryParams<Limit>,
) -> Result<impl Responder, Problem> {
    let market: Arc<Market> = in_path(&state, &symbol)?.market;
    let limit = limit_of(limit, LIST, LONGEST_LIST)?;
    let trades = state.exchange.trades(market.number(), limit).await;
    let trades = trades.map_err(|error| error::query(error, Sought::Market))?;
    Ok(Json(TradeList {
        trades: trades.iter().map(|trade| trade_body(&market, trade)).collect(),
    }))
}

async fn ticker(state: Data<ApiState>, symbol: Path<String>) -> Result<impl Responder, Problem> {
    let market = in_path(&state, &symbol)?.market;
    let ticker = state.streams.ticker(market.number());
    ticker
        .map(Json)
        .ok_or_else(|| Problem::unavailable("the ticker catches up", 1))
}

/// A trade without its parties: they are nobody else's business.
fn trade_body(market: &Market, trade: &Trade) -> TradeBody {
    TradeBody {
        trade_id: trade.trade_id.to_string(),
        symbol: market.symbol().to_string(),
        price: market.price_amount(trade.price).to_string(),
        quantity: market.base_amount(trade.quantity.lots()).to_string(),
        quote_quantity: trade.notional(market).to_string(),
        is_buyer_maker: trade.maker_side == Side::Buy,
        executed_at: time(trade.executed_at),
    }
}

/// The market that a path names.
pub(crate) fn in_path(state: &ApiState, symbol: &str) -> Result<MarketView, Problem> {
    let symbol = Symbol::from_dashed(symbol).map_err(|_| error::unknown_market())?;
    state
        .exchange
        .markets()
        .by_symbol(symbol)
        .cloned()
        .ok_or_else(error::unknown_market)
}
