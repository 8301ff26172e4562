//! What gateways read: the shards' cursors and logs, markets and books, users' orders and trades, candles. Nothing here
//! writes.

mod batches;
mod books;
mod candles;
mod markets;
mod moment;
mod orders;
mod shards;
mod trades;

use uuid::Uuid;

pub use batches::{LoggedBatch, batches_after};
pub use books::{Level, LiveCount, Outset, outset};
pub use candles::candles;
pub use markets::{MarketRow, MarketSeq, market_seqs, markets};
pub use moment::{UserMoment, user_moment};
pub use orders::{Life, order, orders};
pub use shards::{LogSpan, ShardRow, halted_shards, log_span, shards};
pub use trades::{market_trades, own_trades};

/// An id for SQL.
const fn id(bits: u128) -> Uuid {
    Uuid::from_u128(bits)
}

/// A page's size for SQL.
fn page(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}
