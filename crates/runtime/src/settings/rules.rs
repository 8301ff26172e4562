//! The rules that typed settings must keep, checked all together.

use std::net::IpAddr;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use tracing_subscriber::EnvFilter;

use super::problem::Problem;
use super::{
    Algorithm, AuthSettings, DatabaseSettings, EmbeddedSettings, Environment, LoggingSettings, Market, Mode,
    MonitoringSettings, RedisSettings, ServerSettings, Settings, urls,
};

/// Passwords that stand in examples and images everywhere.
const DEFAULT_PASSWORDS: [&str; 8] = [
    "", "admin", "changeme", "guest", "password", "postgres", "rabbitmq", "redis",
];

/// HMAC wants a key as long as its digest.
const MIN_SECRET_BYTES: usize = 32;

/// No wait is longer than a day.
const MAX_WAIT: Duration = Duration::from_secs(86_400);

/// Every rule that `settings` break.
pub(super) fn check(settings: &Settings) -> Vec<Problem> {
    let mut rules = Rules::default();
    rules.server(&settings.server);
    rules.embedded(&settings.embedded);
    rules.auth(&settings.auth, settings.environment);
    rules.logging(&settings.logging);
    rules.monitoring(&settings.monitoring);
    rules.need(
        !settings.data_dir.as_os_str().is_empty(),
        "data_dir",
        "must not be empty",
    );
    for market in settings.matching.resolve(&mut rules.problems) {
        rules.market(&market);
    }
    if settings.mode == Mode::Distributed {
        rules.services(settings);
    }
    rules.problems
}

/// One server that the distributed exchange connects to.
struct Service<'a> {
    section: &'static str,
    schemes: &'static [&'static str],
    host: (&'a str, u16),
    given_url: Option<&'a SecretString>,
    url: SecretString,
}

#[derive(Default)]
struct Rules {
    problems: Vec<Problem>,
}

impl Rules {
    fn need(&mut self, holds: bool, path: impl Into<String>, rule: impl Into<String>) {
        if !holds {
            self.problems.push(Problem::new(path, rule));
        }
    }

    fn wait(&mut self, duration: Duration, path: &str) {
        self.need(
            duration > Duration::ZERO && duration <= MAX_WAIT,
            path,
            "must be above 0s and at most 24h",
        );
    }

    fn server(&mut self, server: &ServerSettings) {
        self.need(!server.host.trim().is_empty(), "server.host", "must not be empty");
        self.need(server.http_port != 0, "server.http_port", "must be 1 to 65535");
        let ports = [
            ("server.http_port", server.http_port),
            ("server.websocket_port", server.websocket_port),
            ("server.metrics_port", server.metrics_port),
        ];
        for (index, (path, port)) in ports.iter().enumerate().skip(1) {
            let taken = ports[..index]
                .iter()
                .find(|(_, other)| other == port && *port != 0);
            if let Some((other, _)) = taken {
                self.problems
                    .push(Problem::new(*path, format!("must differ from {other}")));
            }
        }
        self.wait(server.answer_timeout, "server.answer_timeout");
        self.wait(server.read_timeout, "server.read_timeout");
        self.wait(server.write_timeout, "server.write_timeout");
        self.wait(server.shutdown_timeout, "server.shutdown_timeout");
        self.need(
            server.answer_timeout < server.write_timeout,
            "server.answer_timeout",
            "must be shorter than server.write_timeout",
        );
        let body_range = 1_024..=1_048_576;
        self.need(
            body_range.contains(&server.max_body_bytes),
            "server.max_body_bytes",
            "must be 1024 to 1048576",
        );
        for (index, proxy) in server.trusted_proxies.iter().enumerate() {
            let path = format!("server.trusted_proxies[{index}]");
            self.need(
                is_network(proxy),
                path,
                "must be an address or a network: 10.0.0.1, 10.0.0.0/8, fd00::/8",
            );
        }
    }

    fn embedded(&mut self, embedded: &EmbeddedSettings) {
        let queue_range = 16..=1_048_576;
        self.need(
            queue_range.contains(&embedded.queue_capacity),
            "embedded.queue_capacity",
            "must be 16 to 1048576",
        );
        let batch_range = 1..=embedded.queue_capacity;
        self.need(
            batch_range.contains(&embedded.batch_max),
            "embedded.batch_max",
            "must be 1 to embedded.queue_capacity",
        );
        self.need(
            embedded.snapshot_every_commands >= 1_000,
            "embedded.snapshot_every_commands",
            "must be at least 1000",
        );
        let segment_range = (1 << 20)..=(1 << 32);
        self.need(
            segment_range.contains(&embedded.segment_bytes),
            "embedded.segment_bytes",
            "must be 1048576 (1 MiB) to 4294967296 (4 GiB)",
        );
        self.need(
            embedded.min_free_bytes >= 16 << 20,
            "embedded.min_free_bytes",
            "must be at least 16777216 (16 MiB)",
        );
    }

    fn auth(&mut self, auth: &AuthSettings, environment: Environment) {
        self.need(!auth.issuer.is_empty(), "auth.issuer", "must not be empty");
        self.need(!auth.audience.is_empty(), "auth.audience", "must not be empty");
        self.need(
            auth.leeway <= Duration::from_secs(5),
            "auth.leeway",
            "must be at most 5s",
        );
        if auth.algorithm == Algorithm::EdDsa {
            let given = auth.public_key.as_deref().is_some_and(|key| !key.is_empty());
            self.need(given, "auth.public_key", "must be given for EdDSA");
            return;
        }
        let secret = auth.secret.expose_secret();
        self.need(
            secret.len() >= MIN_SECRET_BYTES,
            "auth.secret",
            format!("must have at least {MIN_SECRET_BYTES} bytes"),
        );
        self.need(
            environment == Environment::Development || secret != AuthSettings::DEVELOPMENT_SECRET,
            "auth.secret",
            "the development secret is refused outside development: set TRADE_ENGINE_AUTH__SECRET or auth.secret_file",
        );
    }

    fn logging(&mut self, logging: &LoggingSettings) {
        let valid = !logging.level.trim().is_empty() && EnvFilter::try_new(&logging.level).is_ok();
        self.need(
            valid,
            "logging.level",
            "must be a level or a filter: info, debug, info,embedded=debug",
        );
    }

    fn monitoring(&mut self, monitoring: &MonitoringSettings) {
        let endpoint = monitoring.jaeger_endpoint.as_deref().unwrap_or_default();
        let valid = endpoint.starts_with("http://") || endpoint.starts_with("https://");
        self.need(
            valid || (endpoint.is_empty() && !monitoring.jaeger_enabled),
            "monitoring.jaeger_endpoint",
            "must be an http:// or https:// address when monitoring.jaeger_enabled is true",
        );
    }

    fn services(&mut self, settings: &Settings) {
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
                (1..=127).contains(&name.len()),
                path,
                "must have 1 to 127 letters",
            );
        }
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

    fn market(&mut self, market: &Market) {
        let path = |field: &str| format!("market {}: {field}", market.symbol);
        self.need(
            is_symbol(&market.symbol),
            path("symbol"),
            "must be BASE/QUOTE, each 1 to 12 of A-Z and 0-9",
        );
        for (field, text) in [
            ("tick", Some(&market.tick)),
            ("lot", Some(&market.lot)),
            ("min_quantity", Some(&market.min_quantity)),
            ("max_quantity", Some(&market.max_quantity)),
            ("max_price", Some(&market.max_price)),
            ("initial_price", market.initial_price.as_ref()),
        ] {
            let positive = text
                .is_none_or(|text| is_decimal(text) && text.contains(|digit| ('1'..='9').contains(&digit)));
            self.need(
                positive,
                path(field),
                "must be a decimal above 0 with at most 8 decimals, in quotes",
            );
        }
        for (field, text) in [
            ("min_notional", &market.min_notional),
            ("market_band", &market.market_band),
            ("limit_band", &market.limit_band),
            ("maker_fee", &market.maker_fee),
            ("taker_fee", &market.taker_fee),
        ] {
            self.need(
                is_decimal(text),
                path(field),
                "must be a decimal with at most 8 decimals, in quotes",
            );
        }
    }
}

/// Digits, then perhaps a point and 1 to 8 digits; at most 12 digits before the point.
fn is_decimal(text: &str) -> bool {
    let digits = |part: &str, most: usize| {
        (1..=most).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit())
    };
    match text.split_once('.') {
        None => digits(text, 12),
        Some((whole, fraction)) => digits(whole, 12) && digits(fraction, 8),
    }
}

fn is_symbol(text: &str) -> bool {
    let asset = |part: &str| {
        (1..=12).contains(&part.len())
            && part
                .bytes()
                .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
    };
    text.split_once('/')
        .is_some_and(|(base, quote)| asset(base) && asset(quote) && base != quote)
}

fn is_network(text: &str) -> bool {
    let (address, prefix) = text
        .split_once('/')
        .map_or((text, None), |(address, prefix)| (address, Some(prefix)));
    let Ok(address) = address.parse::<IpAddr>() else {
        return false;
    };
    let most_bits = if address.is_ipv4() { 32 } else { 128 };
    prefix.is_none_or(|prefix| prefix.parse::<u8>().is_ok_and(|bits| bits <= most_bits))
}

fn has_default_password(url: &SecretString) -> bool {
    DEFAULT_PASSWORDS.contains(&urls::password(url).unwrap_or_default())
}
