//! What gateways read: the shards' cursors and logs, markets and books, users' orders and trades, candles. Nothing here
//! writes.

mod batches;
mod books;
mod markets;
mod shards;

pub use batches::{LoggedBatch, batches_after};
pub use books::{Level, Outset, outset};
pub use markets::{MarketRow, MarketSeq, market_seqs, markets};
pub use shards::{ShardRow, Shards, shards};
