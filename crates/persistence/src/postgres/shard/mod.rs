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
    Cursors, Lease, Taken, bound_session, end_blocker, give_up, keep, shard_numbers, take_over, trim_log,
};
pub use moves::{MovedMarket, move_market};
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

/// A length of time for SQL, in microseconds.
fn micros(time: std::time::Duration) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX)
}
