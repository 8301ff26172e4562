//! What a gateway knows by following every shard's log: markets, books, and what its commands came to.

use crate::exchange::Options;

/// What a gateway knows by following every shard's log. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Views {}

impl Views {
    /// Nothing is known yet.
    pub fn new(_options: &Options) -> Self {
        Self {}
    }
}
