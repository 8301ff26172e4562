//! The rules of RabbitMQ beyond its address.

use super::Rules;
use crate::settings::RabbitmqSettings;

impl Rules {
    pub(super) fn rabbitmq(&mut self, rabbitmq: &RabbitmqSettings) {
        self.need(
            rabbitmq.publisher_confirms,
            "rabbitmq.publisher_confirms",
            "must be true: events would get lost",
        );
        for (path, name) in [
            ("rabbitmq.exchange_trade_events", &rabbitmq.exchange_trade_events),
            ("rabbitmq.exchange_order_events", &rabbitmq.exchange_order_events),
        ] {
            self.need(
                (1..=127).contains(&name.len()) && !name.starts_with("amq."),
                path,
                "must have 1 to 127 letters and not begin with amq.",
            );
        }
        self.need(
            rabbitmq.exchange_trade_events != rabbitmq.exchange_order_events,
            "rabbitmq.exchange_order_events",
            "must not be rabbitmq.exchange_trade_events",
        );
        let heartbeat = rabbitmq.heartbeat;
        self.need(
            (2..=600).contains(&heartbeat.as_secs()) && heartbeat.subsec_nanos() == 0,
            "rabbitmq.heartbeat",
            "must be 2s to 600s, in whole seconds",
        );
        self.wait(rabbitmq.connect_timeout, "rabbitmq.connect_timeout");
        self.wait(rabbitmq.confirm_timeout, "rabbitmq.confirm_timeout");
        self.need(
            (1..=65_535).contains(&rabbitmq.max_in_flight),
            "rabbitmq.max_in_flight",
            "must be 1 to 65535",
        );
        self.need(rabbitmq.prefetch > 0, "rabbitmq.prefetch", "must be above 0");
    }
}
