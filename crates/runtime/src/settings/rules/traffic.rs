//! The rules of rates, connections, `/ws`, the stored history and the demo.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::Rules;
use crate::settings::{DemoSettings, Environment, HistorySettings, LimitsSettings, WebsocketSettings};

/// No rate is higher than this.
const MAX_RATE: u32 = 1_000_000;

impl Rules {
    pub(super) fn limits(&mut self, limits: &LimitsSettings) {
        for (name, rate) in [
            ("orders_per_second", limits.orders_per_second),
            ("address_requests_per_second", limits.address_requests_per_second),
            ("address_burst", limits.address_burst),
            ("failed_logins_per_minute", limits.failed_logins_per_minute),
        ] {
            self.range(rate, 1..=MAX_RATE, format!("limits.{name}"));
        }
        self.range(limits.connections, 1..=1_000_000, "limits.connections");
        self.need(
            (1..=limits.connections).contains(&limits.connections_per_address),
            "limits.connections_per_address",
            "must be 1 to limits.connections",
        );
    }

    pub(super) fn websocket(&mut self, websocket: &WebsocketSettings) {
        self.wait(websocket.heartbeat, "websocket.heartbeat");
        self.wait(websocket.idle_timeout, "websocket.idle_timeout");
        self.need(
            websocket.heartbeat < websocket.idle_timeout,
            "websocket.idle_timeout",
            "must be longer than websocket.heartbeat",
        );
        self.range(
            websocket.max_frame_bytes,
            1_024..=1_048_576,
            "websocket.max_frame_bytes",
        );
        self.range(websocket.subscriptions, 1..=10_000, "websocket.subscriptions");
        self.range(
            websocket.connections_per_user,
            1..=10_000,
            "websocket.connections_per_user",
        );
        self.range(
            websocket.messages_per_second,
            1..=MAX_RATE,
            "websocket.messages_per_second",
        );
        self.range(
            websocket.requests_in_flight,
            1..=10_000,
            "websocket.requests_in_flight",
        );
        self.range(websocket.queue_frames, 16..=65_536, "websocket.queue_frames");
        let interval = Duration::from_millis(10)..=Duration::from_secs(10);
        self.need(
            interval.contains(&websocket.depth_interval),
            "websocket.depth_interval",
            "must be 10ms to 10s",
        );
    }

    pub(super) fn history(&mut self, history: &HistorySettings) {
        self.range(
            history.max_lag_bytes,
            (1 << 20)..=(1 << 40),
            "history.max_lag_bytes",
        );
        self.range(
            history.max_lag_orders,
            // The writer keeps the last 50,000; lists must not miss what neither has.
            100..=45_000,
            "history.max_lag_orders",
        );
        self.wait(history.max_lag, "history.max_lag");
        self.range(history.connections, 1..=64, "history.connections");
    }

    pub(super) fn demo(&mut self, demo: &DemoSettings, environment: Environment) {
        self.need(
            !demo.enabled || environment != Environment::Production,
            "demo.enabled",
            "is refused in production",
        );
        // One makes the market, another takes.
        self.range(demo.users, 2..=10_000, "demo.users");
        self.range(demo.orders_per_second, 1..=10_000, "demo.orders_per_second");
    }

    pub(super) fn range<T: PartialOrd + std::fmt::Display>(
        &mut self,
        number: T,
        range: RangeInclusive<T>,
        path: impl Into<String>,
    ) {
        let rule = format!("must be {} to {}", range.start(), range.end());
        self.need(range.contains(&number), path, rule);
    }
}
