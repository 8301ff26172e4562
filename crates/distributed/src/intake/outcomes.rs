//! What intake needs of those who follow the shards and of those who carry messages.

use std::sync::Arc;

use domain::{MarketNumber, Place, Stamp};
use tokio::sync::oneshot;
use trading::Markets;
use uuid::Uuid;

use crate::{News, Told};

/// What became of a command, told once its batch is settled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutcomeNews {
    /// What it came to.
    pub told: Told,
}

/// Whoever follows the shards' logs and tells what commands came to.
pub trait Outcomes: Send + Sync {
    /// Tells what a command came to when its batch is settled. It is called before the command can reach its shard, so
    /// that nothing is missed. Several may wait for one command; a placement's command has its order's id.
    fn expect(&self, command: Uuid) -> oneshot::Receiver<OutcomeNews>;
    /// Tells once a placement has come to [`crate::ToldRefusal::Unfunded`], as soon as that is applied. To those who wait for
    /// its outcome that is none: it comes again.
    fn unfunded(&self, command: Uuid) -> oneshot::Receiver<()>;
    /// What an expected command came to, if its batch was applied, settled or not; none: it was not seen yet.
    fn applied(&self, command: Uuid) -> Option<Told>;
    /// Somebody who waited for this command has dropped a receiver: such waiters are forgotten, others stay.
    fn forget(&self, command: Uuid);
}

/// The markets and the shards that they live in, as this gateway knows them.
pub trait MarketTable: Send + Sync {
    /// The markets that the shards' folds have; cheap, from memory.
    fn markets(&self) -> Arc<Markets>;
    /// The shard of a market; a hint, for a market may have moved.
    fn shard_of(&self, market: MarketNumber) -> Option<u32>;
    /// The shard of a new order's market, if it will turn the order away before its funds matter; none: it will not, or
    /// nobody can tell. A guess, for the shard may be ahead.
    fn turns_away(&self, order: &Place, at: Stamp) -> Option<u32>;
    /// The table may be old: it is to be read again soon.
    fn reload_soon(&self);
}

/// Whoever carries messages to the shards' owners and to the other gateways. Nothing waits for it, and what it carries may
/// be lost.
pub trait Notices: Send + Sync {
    /// A shard has work.
    fn hint(&self, shard: u32);
    /// Something that every gateway should hear.
    fn news(&self, news: News);
}
