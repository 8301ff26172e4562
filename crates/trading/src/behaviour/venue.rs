//! What the suite needs of the exchange under test.

use std::time::Duration;

use async_trait::async_trait;
use domain::Stamp;

use crate::{Accounts, Feeds, Operations, OrderEntry, Queries};

/// An exchange under test, with a way to let time pass.
#[async_trait]
pub trait Venue: Send + Sync {
    /// The exchange.
    type Exchange: OrderEntry + Queries + Feeds + Operations + Accounts;

    /// The exchange.
    fn exchange(&self) -> &Self::Exchange;

    /// A number that this exchange has not seen, from 1 and below 2^20: markets, assets and users are named by it.
    fn fresh(&self) -> u32;

    /// The present time of the exchange's clock.
    fn now(&self) -> Stamp;

    /// Lets so much time pass for the exchange.
    async fn pass(&self, time: Duration);
}
