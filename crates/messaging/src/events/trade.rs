//! A trade as its message tells it.

use domain::{Market, Trade, TradeSide};
use serde::Serialize;

use super::Place;
use crate::envelope::rfc_3339;

/// Named as the columns of `trades`. Numbers are decimal strings.
#[derive(Debug, Serialize)]
pub(super) struct TradeBody {
    event: &'static str,
    #[serde(flatten)]
    place: Place,
    trade_id: String,
    /// The trade's number in the market, from 1 without a gap.
    number: u64,
    buyer_order_id: String,
    seller_order_id: String,
    buyer_user_id: String,
    seller_user_id: String,
    price: String,
    quantity: String,
    quote_quantity: String,
    /// In the base asset.
    buyer_fee: String,
    buyer_fee_asset: String,
    /// In the quote asset.
    seller_fee: String,
    seller_fee_asset: String,
    /// What remains of the buyer's order after the trade.
    buyer_remaining: String,
    seller_remaining: String,
    is_buyer_maker: bool,
    executed_at: String,
}

impl TradeBody {
    pub(super) fn new(place: Place, trade: &Trade, market: &Market) -> Self {
        let Trade {
            trade_id,
            market: _,
            number,
            price,
            quantity,
            buyer,
            seller,
            maker_side,
            executed_at,
        } = trade;
        let symbol = market.symbol();
        let remaining = |side: &TradeSide| market.base_amount(side.remaining).to_string();
        Self {
            event: "trade.executed",
            place,
            trade_id: trade_id.to_string(),
            number: *number,
            buyer_order_id: buyer.order_id.to_string(),
            seller_order_id: seller.order_id.to_string(),
            buyer_user_id: buyer.user_id.to_string(),
            seller_user_id: seller.user_id.to_string(),
            price: market.price_amount(*price).to_string(),
            quantity: market.base_amount(quantity.lots()).to_string(),
            quote_quantity: trade.notional(market).to_string(),
            buyer_fee: buyer.fee.to_string(),
            buyer_fee_asset: symbol.base.to_string(),
            seller_fee: seller.fee.to_string(),
            seller_fee_asset: symbol.quote.to_string(),
            buyer_remaining: remaining(buyer),
            seller_remaining: remaining(seller),
            is_buyer_maker: *maker_side == domain::Side::Buy,
            executed_at: rfc_3339(*executed_at),
        }
    }
}
