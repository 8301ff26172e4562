//! What shards' owners and gateways tell every gateway. News may be lost, doubled or late: who follows a shard finds gaps
//! by the numbers and fills them from its log.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use wallet_client::UserBalance;

use crate::Batch;

/// One piece of news.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum News {
    /// A batch was applied: everybody may see its trades and its book.
    Applied(Arc<Batch>),
    /// All batches up to this one are settled: their owners may see what they have.
    Settled {
        /// The shard.
        shard: u32,
        /// The epoch of the owner that tells.
        epoch: u64,
        /// The number of the last settled batch.
        seq: u64,
        /// Balances that the settled batches changed, as the wallet told them.
        balances: Vec<UserBalance>,
    },
    /// Balances that changed without a shard: deposits and withdrawals.
    Balances(Vec<UserBalance>),
    /// Tiers, accounts or API keys changed; their version now.
    Register(u64),
    /// A market was defined, or moved to another shard.
    Markets,
}
