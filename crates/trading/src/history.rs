//! Questions about the past: which orders, trades, ledger lines and candles, a page at a time.

use domain::{Asset, MarketNumber, OrderId, Side, Stamp, Status, TradeId};
use market_data::Interval;

/// Which of the caller's orders to list.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OrderFilter {
    /// Only of this market.
    pub market: Option<MarketNumber>,
    /// Only on this side.
    pub side: Option<Side>,
    /// Only live ones (true) or only ended ones (false).
    pub live: Option<bool>,
    /// Only in this status.
    pub status: Option<Status>,
    /// Only those that came before this one.
    pub before: Option<OrderId>,
    /// At most so many, newest first; the edge keeps it at or below 1,000.
    pub limit: usize,
}

/// Which of the caller's trades to list.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TradeFilter {
    /// Only of this market.
    pub market: Option<MarketNumber>,
    /// Only of this order.
    pub order_id: Option<OrderId>,
    /// Only those before this one.
    pub before: Option<TradeId>,
    /// Only those after this one.
    pub after: Option<TradeId>,
    /// At most so many, newest first; the edge keeps it at or below 1,000.
    pub limit: usize,
}

/// Which lines of the caller's ledger to list.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct EntryFilter {
    /// Only of this asset.
    pub asset: Option<Asset>,
    /// Only those before this record and line.
    pub before: Option<(u64, u32)>,
    /// At most so many, newest first; the edge keeps it at or below 1,000.
    pub limit: usize,
}

/// Which candles of a market to list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CandleFilter {
    /// How long each is.
    pub interval: Interval,
    /// Only those that begin at or after this moment.
    pub from: Option<Stamp>,
    /// Only those that begin before this moment.
    pub to: Option<Stamp>,
    /// At most so many, the latest ones, oldest first; the edge keeps it at or below 1,000.
    pub limit: usize,
}

/// How far history lies behind the log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct HistoryLag {
    /// The last record in history.
    pub seq: u64,
    /// Records that are durable and not in history yet.
    pub records: u64,
    /// About how many bytes of memory wait to be written.
    pub bytes: u64,
    /// How long the oldest of them has waited, in milliseconds.
    pub millis: u64,
}
