//! Trades of the caller.

use actix_web::Responder;
use actix_web::web::{Data, Json, ServiceConfig, get, resource};
use domain::{Market, Side, Trade, TradeSide, UserId};
use http::{Problem, QueryParams};
use serde::{Deserialize, Serialize};
use trading::{Caller, Markets, TradeFilter};

use crate::ApiState;
use crate::caller::Reader;
use crate::error::{self, Sought};
use crate::orders::{limit_of, market_of};
use crate::wire::{self, time};

/// Trades in a list unless the caller asks for another number.
const LIST: usize = 100;
/// The most trades in a list.
const LONGEST_LIST: usize = 1_000;

pub(crate) fn routes(config: &mut ServiceConfig) {
    config.service(resource("/api/v1/trades").route(get().to(list)));
}

/// Which trades to list.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Listing {
    symbol: Option<String>,
    order_id: Option<String>,
    before: Option<String>,
    after: Option<String>,
    limit: Option<usize>,
}

/// A page of the caller's trades.
#[derive(Debug, Serialize)]
pub(crate) struct OwnTrades {
    trades: Vec<OwnTradeView>,
    /// What to give as `before` for the next page; null: this was the last one.
    next_cursor: Option<String>,
}

/// A trade as one of its parties sees it. Who traded with itself sees it once for each side.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct OwnTradeView {
    trade_id: String,
    symbol: String,
    order_id: String,
    side: &'static str,
    role: &'static str,
    price: String,
    quantity: String,
    quote_quantity: String,
    fee: String,
    fee_asset: String,
    executed_at: String,
}

impl OwnTradeView {
    /// The trade as a user sees it: one view for each side that is the user's.
    pub(crate) fn of(user_id: UserId, trade: &Trade, market: &Market) -> Vec<Self> {
        let sides = [(Side::Buy, trade.buyer), (Side::Sell, trade.seller)];
        let own = sides.into_iter().filter(|(_, party)| party.user_id == user_id);
        own.map(|(side, party)| Self::new(side, party, trade, market))
            .collect()
    }

    fn new(side: Side, party: TradeSide, trade: &Trade, market: &Market) -> Self {
        let symbol = market.symbol();
        Self {
            trade_id: trade.trade_id.to_string(),
            symbol: symbol.to_string(),
            order_id: party.order_id.to_string(),
            side: side.word(),
            role: if trade.maker_side == side {
                "MAKER"
            } else {
                "TAKER"
            },
            price: market.price_amount(trade.price).to_string(),
            quantity: market.base_amount(trade.quantity.lots()).to_string(),
            quote_quantity: trade.notional(market).to_string(),
            fee: party.fee.to_string(),
            fee_asset: match side {
                Side::Buy => symbol.base.to_string(),
                Side::Sell => symbol.quote.to_string(),
            },
            executed_at: time(trade.executed_at),
        }
    }
}

async fn list(
    Reader(caller): Reader,
    state: Data<ApiState>,
    QueryParams(listing): QueryParams<Listing>,
) -> Result<impl Responder, Problem> {
    list_of(caller, &state, listing).await
}

/// A page of a user's trades, newest first.
pub(crate) async fn list_of(
    caller: Caller,
    state: &ApiState,
    listing: Listing,
) -> Result<Json<OwnTrades>, Problem> {
    let Listing {
        symbol,
        order_id,
        before,
        after,
        limit,
    } = listing;
    let id = |field, text: Option<&str>| {
        text.map(|text| wire::id(field, text))
            .transpose()
            .map_err(error::field)
    };
    let order_id = order_id.as_deref().map(|text| wire::id("order_id", text));
    let filter = TradeFilter {
        market: market_of(state, symbol.as_deref())?,
        order_id: order_id.transpose().map_err(error::field)?,
        before: id("before", before.as_deref())?,
        after: id("after", after.as_deref())?,
        limit: limit_of(limit, LIST, LONGEST_LIST)?,
    };
    let found = state.exchange.own_trades(caller, filter).await;
    let found = found.map_err(|error| error::query(error, Sought::Order))?;
    let last = found.last().filter(|_| found.len() >= filter.limit);
    let next_cursor = last.map(|trade| trade.trade_id.to_string());
    let trades = views(caller.user_id, &state.exchange.markets(), &found)?;
    Ok(Json(OwnTrades { trades, next_cursor }))
}

/// Trades as one of their parties sees them.
pub(crate) fn views(
    user_id: UserId,
    markets: &Markets,
    trades: &[Trade],
) -> Result<Vec<OwnTradeView>, Problem> {
    let mut views = Vec::with_capacity(trades.len());
    for trade in trades {
        let market = markets
            .by_number(trade.market)
            .ok_or_else(|| Problem::internal(format!("trade {} is of an unknown market", trade.trade_id)))?;
        views.extend(OwnTradeView::of(user_id, trade, &market.market));
    }
    Ok(views)
}
