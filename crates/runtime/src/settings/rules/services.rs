//! The rules of the servers that the distributed exchange connects to.

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

use super::Rules;
use crate::settings::{
    DatabaseSettings, Environment, PartitionSettings, RedisSettings, Settings, SslMode, urls,
};

/// Passwords that stand in examples and images everywhere.
const DEFAULT_PASSWORDS: [&str; 8] = [
    "", "admin", "changeme", "guest", "password", "postgres", "rabbitmq", "redis",
];

const DAY: Duration = Duration::from_secs(86_400);

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
        self.database(database, *environment);
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

    fn database(&mut self, database: &DatabaseSettings, environment: Environment) {
        if let Some(url) = &database.direct_url {
            let valid = ["postgres://", "postgresql://"];
            let valid = valid.iter().any(|scheme| url.expose_secret().starts_with(scheme));
            self.need(
                valid,
                "database.direct_url",
                "must begin with postgres:// or postgresql://",
            );
            self.need(
                environment == Environment::Development || !has_default_password(url),
                "database.direct_url",
                "a default or empty password is refused outside development",
            );
        }
        self.need(
            database.sslmode != SslMode::VerifyFull || database.sslrootcert.is_some(),
            "database.sslrootcert",
            "is needed with database.sslmode verify-full",
        );
        self.need(
            !database.transaction_pooling || database.direct_url.is_some(),
            "database.direct_url",
            "is needed with database.transaction_pooling: migrations and matchers go past the pooler",
        );
        for (path, wait) in [
            ("database.conn_max_lifetime", database.conn_max_lifetime),
            ("database.pool_timeout", database.pool_timeout),
            ("database.connect_timeout", database.connect_timeout),
            ("database.statement_timeout", database.statement_timeout),
            ("database.lock_timeout", database.lock_timeout),
            (
                "database.idle_in_transaction_timeout",
                database.idle_in_transaction_timeout,
            ),
            ("database.tcp_user_timeout", database.tcp_user_timeout),
        ] {
            self.wait(wait, path);
        }
        self.need(
            database.connect_timeout >= Duration::from_secs(1),
            "database.connect_timeout",
            "must be at least 1s",
        );
        self.partitions(&database.partitions);
    }

    fn partitions(&mut self, partitions: &PartitionSettings) {
        self.need(
            (3..=24).contains(&partitions.months_ahead),
            "database.partitions.months_ahead",
            "must be 3 to 24",
        );
        self.need(
            (14..=366).contains(&partitions.days_ahead),
            "database.partitions.days_ahead",
            "must be 14 to 366",
        );
        for (path, kept) in [
            ("database.partitions.keep_trades", partitions.keep_trades),
            ("database.partitions.keep_orders", partitions.keep_orders),
        ] {
            self.need(
                kept.is_zero() || kept >= DAY,
                path,
                "must be 0s (for ever) or at least 1d",
            );
        }
        self.need(
            partitions.keep_orders.is_zero() || !partitions.keep_trades.is_zero(),
            "database.partitions.keep_trades",
            "is needed with database.partitions.keep_orders: an order stays as long as a trade of it",
        );
        self.need(
            partitions.grace >= DAY,
            "database.partitions.grace",
            "must be at least 1d",
        );
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
        self.redis_nodes(redis);
        self.need(redis.pool_size > 0, "redis.pool_size", "must be above 0");
        self.need(redis.max_retries <= 10, "redis.max_retries", "must be at most 10");
    }
}

impl Rules {
    fn redis_nodes(&mut self, redis: &RedisSettings) {
        for (path, nodes) in [
            ("redis.sentinels", &redis.sentinels),
            ("redis.cluster_nodes", &redis.cluster_nodes),
        ] {
            self.need(
                redis.urls_of(nodes).is_some(),
                path,
                "must be a list of host:port",
            );
        }
        self.need(
            redis.sentinels.is_empty() || redis.cluster_nodes.is_empty(),
            "redis.sentinels",
            "must be empty where redis.cluster_nodes is set",
        );
        self.need(
            redis.sentinels.is_empty() || !redis.sentinel_master.is_empty(),
            "redis.sentinel_master",
            "must be the name that the sentinels watch",
        );
    }
}

fn has_default_password(url: &SecretString) -> bool {
    DEFAULT_PASSWORDS.contains(&urls::password(url).unwrap_or_default())
}
