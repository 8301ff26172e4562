//! The sections of the settings that bound what callers may ask for: rates and connections, and `/ws`.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::duration;

/// How much each caller may ask for. All of it may change while the program runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LimitsSettings {
    /// New orders of one user; cancellations have as many of their own.
    pub orders_per_second: u32,
    /// Requests from one address.
    pub address_requests_per_second: u32,
    /// Requests from one address that may come at once.
    pub address_burst: u32,
    /// Bad tokens, keys and signatures from one address.
    pub failed_logins_per_minute: u32,
    /// Open connections from one address.
    pub connections_per_address: usize,
    /// Open connections in all.
    pub connections: usize,
}

impl Default for LimitsSettings {
    fn default() -> Self {
        Self {
            orders_per_second: 10,
            address_requests_per_second: 200,
            address_burst: 400,
            failed_logins_per_minute: 20,
            connections_per_address: 200,
            connections: 10_000,
        }
    }
}

/// `/ws`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WebsocketSettings {
    /// The time between two pings.
    #[serde(with = "duration")]
    pub heartbeat: Duration,
    /// A connection from which nothing came for so long is closed.
    #[serde(with = "duration")]
    pub idle_timeout: Duration,
    /// The largest frame of a client, in bytes.
    pub max_frame_bytes: usize,
    /// Subscriptions of one connection.
    pub subscriptions: usize,
    /// Connections of one user.
    pub connections_per_user: usize,
    /// Requests of one connection.
    pub messages_per_second: u32,
    /// Requests of one connection that wait for their answers.
    pub requests_in_flight: usize,
    /// Frames that may wait for a slow reader.
    pub queue_frames: usize,
    /// The time between two changes of a book or candle that are sent.
    #[serde(with = "duration")]
    pub depth_interval: Duration,
}

impl Default for WebsocketSettings {
    fn default() -> Self {
        Self {
            heartbeat: Duration::from_secs(15),
            idle_timeout: Duration::from_secs(30),
            max_frame_bytes: 64 * 1024,
            subscriptions: 200,
            connections_per_user: 50,
            messages_per_second: 100,
            requests_in_flight: 20,
            queue_frames: 1_024,
            depth_interval: Duration::from_millis(100),
        }
    }
}
