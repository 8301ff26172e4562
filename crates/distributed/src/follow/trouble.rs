//! Why a gateway cannot follow the shards at present.

use persistence::postgres::PgError;

use super::BadOutset;
use crate::encoding::Undecodable;

/// Why following has to begin again, or to wait.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    /// The database did not answer: worth another try.
    #[error(transparent)]
    Database(#[from] PgError),
    /// The database took too long: worth another try.
    #[error("the database did not answer in time")]
    TooLate,
    /// The log does not lead on from what is known: everything is read anew.
    #[error("the log of shard {shard} does not lead on from batch {after}")]
    Broken {
        /// The shard.
        shard: u32,
        /// The last batch that is known.
        after: u64,
    },
    /// A batch cannot be read by this program: everything is read anew.
    #[error("a batch in the log cannot be read: {0}")]
    Undecodable(#[from] Undecodable),
    /// What was read at the beginning makes no sense.
    #[error(transparent)]
    BadOutset(#[from] BadOutset),
}

impl Trouble {
    /// Whether everything has to be read anew.
    pub const fn is_lasting(&self) -> bool {
        match self {
            Self::Database(_) | Self::TooLate | Self::BadOutset(_) => false,
            Self::Broken { .. } | Self::Undecodable(_) => true,
        }
    }
}
