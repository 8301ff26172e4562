//! Where an owner's news and messages go.

use async_trait::async_trait;
use domain::MarketEvent;
use persistence::postgres::orders::MarketGrids;

use crate::News;

/// Events whose messages are not known to be stored; they are to be published again, and no others.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{} of the messages are not known to be stored: {why}", left.len())]
pub struct NotPublished {
    /// Their places among the events, in order.
    pub left: Vec<usize>,
    /// Why, of one of them.
    pub why: String,
}

/// An event and the number of the one before it that the world hears of, in its market.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announced {
    /// The event.
    pub event: MarketEvent,
    /// The number of the market's event before it that went the same way; 0: none, or not known.
    pub prev_seq: u64,
}

/// Carries what an owner tells.
#[async_trait]
pub trait Outlet: Send + Sync {
    /// Tells all gateways. Nothing waits for it, and it may be lost.
    fn news(&self, news: News);
    /// Publishes what the world hears of these events, in their order, and waits until it is stored.
    ///
    /// # Errors
    /// Some of it is not known to be stored: that is to be published again.
    async fn publish(&self, events: &[Announced], markets: &MarketGrids) -> Result<(), NotPublished>;
}
