//! What a batch of the log's records adds to history.

use std::sync::Arc;

use domain::{LedgerEntry, Order, Reference, Stamp, Trade};

/// What a run of records without a gap adds to history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryBatch {
    /// The number of its first record.
    pub first_seq: u64,
    /// The number of its last record.
    pub last_seq: u64,
    /// The stamp of its last record.
    pub at: Stamp,
    /// The orders that ended, as they ended. An order ends once.
    pub orders: Vec<Arc<Order>>,
    /// The trades, in the order in which they happened.
    pub trades: Vec<Trade>,
    /// The lines of the ledger.
    pub entries: Vec<LedgerEntry>,
}

impl HistoryBatch {
    /// About how many bytes of memory it holds.
    pub fn bytes(&self) -> usize {
        let name = |order: &Arc<Order>| order.client_order_id.as_ref().map_or(0, |id| id.as_str().len());
        let key = |entry: &LedgerEntry| match &entry.reference {
            Reference::Transfer(key) => key.as_str().len(),
            Reference::Order(_) | Reference::Amendment(_) | Reference::Trade(_) => 0,
        };
        size_of::<Self>()
            + self.orders.len() * (size_of::<Arc<Order>>() + size_of::<Order>())
            + self.orders.iter().map(name).sum::<usize>()
            + size_of_val(self.trades.as_slice())
            + size_of_val(self.entries.as_slice())
            + self.entries.iter().map(key).sum::<usize>()
    }
}
