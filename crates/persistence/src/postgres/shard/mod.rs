//! What the owner of a shard reads and writes: its lease, its to-do list, its state, and each batch in one transaction.

mod candles;
mod commit;
mod cutoffs;
mod ensure;
mod lease;
mod moves;
mod state;
mod todo;

pub use commit::{BatchWrite, MarketWrite, commit};
pub use cutoffs::{StoredCutoff, cutoffs_of_shard};
pub use ensure::ensure_shards;
pub use lease::{
    Cursors, Lease, Taken, bound_session, end_blocker, give_up, keep, seize, set_halted, shard_numbers,
    take_over, trim_log,
};
pub use moves::{MovedMarket, Waiting, market_home, move_market};
pub use state::{StoredMarket, markets_of_shard};
pub use todo::{
    Todo, count_attempt, drop_repeated, forward_strays, forward_to_market, open_commands, set_aside,
};

use super::PgError;

/// Why the owner of a shard could not do something.
#[derive(Debug, thiserror::Error)]
pub enum ShardError {
    /// Another owner has the shard by now; nothing was written.
    #[error("another owner has the shard")]
    Fenced,
    /// The database.
    #[error(transparent)]
    Database(#[from] PgError),
}

impl From<diesel::result::Error> for ShardError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Database(error.into())
    }
}

impl ShardError {
    /// Whether what was to be written is to blame, so that writing it again will fail again.
    pub fn blames_contents(&self) -> bool {
        match self {
            Self::Database(PgError::BadRow { table, .. }) => *table == "orders",
            Self::Database(error) => error.breaks_a_rule(),
            Self::Fenced => false,
        }
    }
}

/// A length of time for SQL, in microseconds.
fn micros(time: std::time::Duration) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX)
}
