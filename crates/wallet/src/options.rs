//! How a wallet works, and what it has done.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use persistence::postgres::Pool;

/// Where a wallet has its connections from.
#[derive(Debug, Clone)]
pub struct Pools {
    /// For transactions: one for each worker, and one more to look beside them.
    pub transactions: Pool,
    /// For questions. However many of them wait, no transaction waits behind them.
    pub questions: Pool,
}

impl From<Pool> for Pools {
    /// One for everything, where there are never many questions.
    fn from(pool: Pool) -> Self {
        Self {
            transactions: pool.clone(),
            questions: pool,
        }
    }
}

/// How a wallet gathers and how long it waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WalletOptions {
    /// How many transactions may run at once in this process. Of two, one does settlements and one all else.
    pub workers: usize,
    /// At most so many instructions in one transaction, where a settlement counts as four.
    pub batch: usize,
    /// At most so many instructions wait or are worked on; further calls are not taken.
    pub waiting: usize,
    /// The longest that one transaction may take, the wait for a connection included.
    pub patience: Duration,
}

impl Default for WalletOptions {
    fn default() -> Self {
        Self {
            workers: 1,
            batch: 500,
            waiting: 20_000,
            patience: Duration::from_secs(10),
        }
    }
}

/// What a wallet has done since it was started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct WalletCounts {
    /// Transactions that were committed.
    pub transactions: u64,
    /// Instructions and transfers that were answered, repetitions included.
    pub answered: u64,
    /// Transactions that were begun again since another one had opened an account or taken a key first.
    pub conflicts: u64,
    /// Transactions that failed and were begun again, or given up.
    pub failures: u64,
}

/// The counts while they are counted.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub transactions: AtomicU64,
    pub answered: AtomicU64,
    pub conflicts: AtomicU64,
    pub failures: AtomicU64,
}

impl Counters {
    pub fn read(&self) -> WalletCounts {
        WalletCounts {
            transactions: self.transactions.load(Ordering::Relaxed),
            answered: self.answered.load(Ordering::Relaxed),
            conflicts: self.conflicts.load(Ordering::Relaxed),
            failures: self.failures.load(Ordering::Relaxed),
        }
    }
}

/// Counts some more.
pub(crate) fn count(counter: &AtomicU64, more: usize) {
    counter.fetch_add(more as u64, Ordering::Relaxed);
}
