//! What has become durable, as it happens: updates, and the snapshots that a follower starts from.

use std::sync::Arc;

use async_trait::async_trait;
use domain::{MarketEvent, MarketNumber, Order, UserId};
use tokio::sync::broadcast;

use crate::{AccountBalance, Caller, DepthView, QueryError};

/// A balance after a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BalanceChange {
    /// Whose.
    pub user_id: UserId,
    /// The balance as it is now; its version tells it from earlier ones.
    pub balance: AccountBalance,
}

/// Whom an update is for. Where money is settled after the trade, everybody hears of a batch before its owners do: there
/// are two updates of the batch then, with the same events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Audience {
    /// For everybody, and for the owners of what is in it.
    All,
    /// For everybody: book, trades, candles.
    Public,
    /// For the owners of what is in it: their orders, fills and balances.
    Owners,
}

impl Audience {
    /// Whether everybody hears of the events by it.
    pub const fn is_public(self) -> bool {
        matches!(self, Self::All | Self::Public)
    }

    /// Whether owners hear of what is theirs by it.
    pub const fn is_for_owners(self) -> bool {
        matches!(self, Self::All | Self::Owners)
    }
}

/// What one batch of commands has brought about, all of it durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Update {
    /// Whom it is for. Each audience hears of every event once, in its market's order.
    pub audience: Audience,
    /// The number of the batch's last record in the log.
    pub seq: u64,
    /// Its events, each in its market's sequence.
    pub events: Vec<MarketEvent>,
    /// Every balance that changed, once, as it stands after the batch; for owners only.
    pub balances: Vec<BalanceChange>,
}

/// What is a user's at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserSnapshot {
    /// The number of each market's last event at that moment: later events are news.
    pub markets: Vec<(MarketNumber, u64)>,
    /// The user's live orders, in order of entry.
    pub orders: Vec<Order>,
    /// The user's balances, by asset: higher versions are news.
    pub balances: Vec<AccountBalance>,
}

/// Following the exchange. Subscribe first, then ask for a snapshot, then pass over what the snapshot has already seen
/// (by market sequence and balance version): so nothing is lost and nothing counted twice.
#[async_trait]
pub trait Feeds: Send + Sync {
    /// Updates from now on, in order. A receiver that falls too far behind is told so and starts again from a snapshot.
    fn updates(&self) -> broadcast::Receiver<Arc<Update>>;
    /// Every market's whole book at one moment.
    async fn books(&self) -> Result<Vec<DepthView>, QueryError>;
    /// What is the caller's at one moment.
    async fn user_snapshot(&self, caller: Caller) -> Result<UserSnapshot, QueryError>;
}
