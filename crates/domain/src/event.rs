//! Events: what happened in a market, in its gap-free sequence. New kinds are added at the end.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{
    Amount, Lots, Market, MarketDefinition, MarketNumber, MarketState, Order, OrderId, Price, Quantity, Side,
    Stamp, TradeId, UserId,
};

/// One party of a trade.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TradeSide {
    /// Its order.
    pub order_id: OrderId,
    /// The party.
    pub user_id: UserId,
    /// Its fee, in the asset that it receives.
    pub fee: Amount,
    /// What remains of its order after the trade.
    pub remaining: Lots,
}

/// A trade. Its price is the maker's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trade {
    /// Its id, the same in every replay.
    pub trade_id: TradeId,
    /// Its market.
    pub market: MarketNumber,
    /// Its number in the market, from 1.
    pub number: u64,
    /// The price.
    pub price: Price,
    /// The quantity.
    pub quantity: Quantity,
    /// Who bought.
    pub buyer: TradeSide,
    /// Who sold.
    pub seller: TradeSide,
    /// The side whose order was in the book.
    pub maker_side: Side,
    /// When.
    pub executed_at: Stamp,
}

impl Trade {
    /// What it came to in the quote asset.
    pub fn notional(&self, market: &Market) -> Amount {
        market.notional(self.price, self.quantity.lots())
    }
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// The market was defined, or its limits, bands or fees changed.
    MarketDefined(Box<MarketDefinition>),
    /// The market takes something else now.
    MarketStateChanged(MarketState),
    /// An order came to life.
    OrderAccepted(Arc<Order>),
    /// A stop was triggered by this last price.
    OrderTriggered {
        /// The order.
        order_id: OrderId,
        /// Its owner.
        user_id: UserId,
        /// The last price that triggered it.
        last_price: Price,
    },
    /// Two orders traded.
    Trade(Box<Trade>),
    /// Self-trade prevention took a part of an order away.
    OrderPrevented {
        /// The order.
        order_id: OrderId,
        /// Its owner.
        user_id: UserId,
        /// How much it lost.
        quantity: Quantity,
        /// What remains.
        remaining: Lots,
    },
    /// An order's price or quantity changed; this is the order after it.
    OrderAmended(Arc<Order>),
    /// An order ended: filled, cancelled, expired, or rejected before it came to life.
    OrderClosed(Arc<Order>),
    /// What the book shows at a price is now this, in all; zero: the level is gone.
    Level {
        /// The side of the book.
        side: Side,
        /// The price.
        price: Price,
        /// The lots shown.
        quantity: Lots,
    },
}

/// An event in its market's sequence, which starts at 1 and has neither gaps nor repeats.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MarketEvent {
    /// The market.
    pub market: MarketNumber,
    /// The event's number in the market.
    pub seq: u64,
    /// The stamp of the command that caused it.
    pub at: Stamp,
    /// What happened.
    pub event: Event,
}
