//! The section of RabbitMQ: its address from parts, and its rules.
#![allow(clippy::unwrap_used, reason = "a test may fail so")]

mod support;

use secrecy::ExposeSecret;
use support::{load, problems};

#[test]
fn an_encrypted_address_is_made_of_parts_when_asked_for() {
    let yaml =
        "rabbitmq: {tls: true, host: mq.example.com, port: 5671, user: me, password: 'p/w', vhost: trade}";
    let settings = load(yaml, &[]).unwrap();
    assert_eq!(
        settings.rabbitmq.connection_url().expose_secret(),
        "amqps://me:p%2Fw@mq.example.com:5671/trade"
    );
}

#[test]
fn waits_limits_and_names_have_bounds() {
    for (section, path) in [
        ("heartbeat: 1s", "heartbeat"),
        ("heartbeat: 2500ms", "heartbeat"),
        ("heartbeat: 1h", "heartbeat"),
        ("connect_timeout: 0s", "connect_timeout"),
        ("confirm_timeout: 2d", "confirm_timeout"),
        ("max_in_flight: 0", "max_in_flight"),
        ("max_in_flight: 65536", "max_in_flight"),
        ("prefetch: 0", "prefetch"),
        ("exchange_trade_events: amq.topic", "exchange_trade_events"),
        ("exchange_order_events: trade.events", "exchange_order_events"),
    ] {
        let found = problems(&format!("mode: distributed\nrabbitmq: {{{section}}}"), &[]);
        let expected = format!("rabbitmq.{path}: ");
        assert!(
            found.len() == 1 && found[0].starts_with(&expected),
            "{section}: {found:?}"
        );
    }
}
