//! What the handlers share.

use std::fmt;
use std::sync::Arc;

use domain::Stamp;
use http::TokenVerifier;
use trading::{Accounts, Feeds, Operations, OrderEntry, Queries};

/// All that the API asks of an exchange, in whatever shape it runs.
pub trait Exchange: OrderEntry + Queries + Feeds + Operations + Accounts {}

impl<T: OrderEntry + Queries + Feeds + Operations + Accounts + ?Sized> Exchange for T {}

/// What the handlers share. Cheap to clone.
#[derive(Clone)]
pub struct ApiState {
    /// The exchange.
    pub exchange: Arc<dyn Exchange>,
    /// Checks tokens.
    pub verifier: Arc<TokenVerifier>,
    /// The time, for callers to compare their clocks with.
    pub now: Arc<dyn Fn() -> Stamp + Send + Sync>,
    /// The version of the program.
    pub version: &'static str,
}

impl fmt::Debug for ApiState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiState")
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}
