//! What the handlers share.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use domain::Stamp;
use http::{AddressLimits, AuditLog, Origins, RateLimits, SecretBox, Tickets, TokenVerifier};
use runtime::{Clock, Ids};
use serde::Serialize;
use trading::{Accounts, Feeds, Operations, OrderEntry, Queries};

use crate::{Streams, WsLimits};

/// All that the API asks of an exchange, in whatever shape it runs.
pub trait Exchange: OrderEntry + Queries + Feeds + Operations + Accounts {}

impl<T: OrderEntry + Queries + Feeds + Operations + Accounts + ?Sized> Exchange for T {}

/// What reading the settings again came to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Reloaded {
    /// What has changed at once.
    pub applied: Vec<String>,
    /// What differs and needs a restart.
    pub needs_restart: Vec<String>,
}

/// Reads the settings again, while the exchange runs.
#[async_trait]
pub trait Reload: Send + Sync {
    /// Reads them and applies what can be applied.
    ///
    /// # Errors
    /// Everything that is wrong with them; nothing has changed then but the markets that are named as changed already.
    async fn reload(&self) -> Result<Reloaded, Vec<String>>;
}

/// What the handlers share. Cheap to clone.
#[derive(Clone)]
pub struct ApiState {
    /// The exchange.
    pub exchange: Arc<dyn Exchange>,
    /// Checks tokens.
    pub verifier: Arc<TokenVerifier>,
    /// What callers may ask in a second.
    pub limits: Arc<RateLimits>,
    /// Where operators' acts are written down.
    pub audit: Arc<AuditLog>,
    /// Seals the secrets of API keys.
    pub secrets: Arc<SecretBox>,
    /// Tickets for WebSocket connections.
    pub tickets: Arc<Tickets>,
    /// What addresses may do: logins over WebSocket count there.
    pub addresses: Arc<AddressLimits>,
    /// Whose web pages may connect.
    pub origins: Arc<Origins>,
    /// Market data and users' news.
    pub streams: Arc<Streams>,
    /// The largest body of a batch of orders, in bytes. Over WebSocket only the limit of a frame holds.
    pub batch_bytes: usize,
    /// What WebSocket connections may do.
    pub ws: WsLimits,
    /// Reads the settings again.
    pub reload: Arc<dyn Reload>,
    /// Where random ids come from.
    pub ids: Ids,
    /// Where time comes from.
    pub clock: Clock,
    /// Whether made-up users trade, as `/api/v1/status` tells.
    pub demo: bool,
    /// The version of the program.
    pub version: &'static str,
}

impl ApiState {
    /// The time.
    pub fn now(&self) -> Stamp {
        Stamp::from_micros(self.clock.wall_us())
    }
}

impl fmt::Debug for ApiState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiState")
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}
