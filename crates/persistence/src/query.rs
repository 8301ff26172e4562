//! Which part of history to read: a page at a time.

use domain::{Asset, MarketNumber, OrderId, Side, Stamp, Status, TradeId, UserId};
use market_data::Interval;

/// Which of a user's ended orders to read, newest first by their ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrderQuery {
    /// Whose.
    pub user_id: UserId,
    /// Only of this market.
    pub market: Option<MarketNumber>,
    /// Only of this side.
    pub side: Option<Side>,
    /// Only with this status.
    pub status: Option<Status>,
    /// Only those before this one.
    pub before: Option<OrderId>,
    /// At most so many.
    pub limit: usize,
}

/// Which of a user's trades to read, newest first by their ids. A trade of the user with itself is one trade.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TradeQuery {
    /// Whose, as buyer or as seller.
    pub user_id: UserId,
    /// Only of this market.
    pub market: Option<MarketNumber>,
    /// Only of this order of the user's.
    pub order_id: Option<OrderId>,
    /// Only those before this one.
    pub before: Option<TradeId>,
    /// Only those after this one.
    pub after: Option<TradeId>,
    /// At most so many.
    pub limit: usize,
}

/// Which lines of a user's ledger to read, newest first by record and line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EntryQuery {
    /// Whose.
    pub user_id: UserId,
    /// Only of this asset.
    pub asset: Option<Asset>,
    /// Only those before this record and line.
    pub before: Option<(u64, u32)>,
    /// At most so many.
    pub limit: usize,
}

/// Which candles of a market to read: the latest ones of the range, oldest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CandleQuery {
    /// The market.
    pub market: MarketNumber,
    /// How long each is.
    pub interval: Interval,
    /// Only those that begin at or after this moment.
    pub from: Option<Stamp>,
    /// Only those that begin before this moment.
    pub to: Option<Stamp>,
    /// At most so many.
    pub limit: usize,
}
