//! The rules of the servers that the distributed exchange connects to.

use secrecy::{ExposeSecret, SecretString};

use super::Rules;
use crate::settings::{DatabaseSettings, Environment, RabbitmqSettings, RedisSettings, Settings, urls};

/// Passwords that stand in examples and images everywhere.
const DEFAULT_PASSWORDS: [&str; 8] = [
    "", "admin", "changeme", "guest", "password", "postgres", "rabbitmq", "redis",
];

/// One server that the distributed exchange connects to.
struct Service<'a> {
    section: &'static str,
    schemes: &'static [&'static str],
    host: (&'a str, u16),
    given_url: Option<&'a SecretString>,
    url: SecretString,
}

impl Rules {
    pub(super) fn services(&mut self, settings: &Settings) {
        let Settings {
            database,
            redis,
            rabbitmq,
            environment,
            ..
        } = settings;
        self.service(
            *environment,
            &Service {
                section: "database",
                schemes: &["postgres://", "postgresql://"],
                host: (&database.host, database.port),
                given_url: database.url.as_ref(),
                url: database.connection_url(),
            },
        );
        self.service(
            *environment,
            &Service {
                section: "redis",
                schemes: &["redis://", "rediss://"],
                host: (&redis.host, redis.port),
                given_url: redis.url.as_ref(),
                url: redis.connection_url(),
            },
        );
        self.service(
            *environment,
            &Service {
                section: "rabbitmq",
                schemes: &["amqp://", "amqps://"],
                host: (&rabbitmq.host, rabbitmq.port),
                given_url: rabbitmq.url.as_ref(),
                url: rabbitmq.connection_url(),
            },
        );
        self.pools(database, redis);
        self.rabbitmq(rabbitmq);
    }

    fn service(&mut self, environment: Environment, service: &Service) {
        let path = |field: &str| format!("{}.{field}", service.section);
        let (host, port) = service.host;
        if let Some(url) = service.given_url {
            let valid = service
                .schemes
                .iter()
                .any(|scheme| url.expose_secret().starts_with(scheme));
            self.need(
                valid,
                path("url"),
                format!("must begin with {}", service.schemes.join(" or ")),
            );
        } else {
            self.need(!host.is_empty(), path("host"), "must not be empty");
            self.need(port != 0, path("port"), "must be 1 to 65535");
        }
        self.need(
            environment == Environment::Development || !has_default_password(&service.url),
            path(if service.given_url.is_some() {
                "url"
            } else {
                "password"
            }),
            "a default or empty password is refused outside development",
        );
    }

    fn rabbitmq(&mut self, rabbitmq: &RabbitmqSettings) {
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

    fn pools(&mut self, database: &DatabaseSettings, redis: &RedisSettings) {
        self.need(
            database.max_open_conns > 0,
            "database.max_open_conns",
            "must be above 0",
        );
        self.need(
            database.max_idle_conns <= database.max_open_conns,
            "database.max_idle_conns",
            "must be at most database.max_open_conns",
        );
        self.wait(database.conn_max_lifetime, "database.conn_max_lifetime");
        self.need(redis.pool_size > 0, "redis.pool_size", "must be above 0");
        self.need(redis.max_retries <= 10, "redis.max_retries", "must be at most 10");
    }
}

fn has_default_password(url: &SecretString) -> bool {
    DEFAULT_PASSWORDS.contains(&urls::password(url).unwrap_or_default())
}
