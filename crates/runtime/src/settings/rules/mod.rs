//! The rules that typed settings must keep, checked all together.

mod auditor;
mod auth;
mod rabbitmq;
mod services;
mod text;
mod traffic;
mod wallet;

use std::time::Duration;

use tracing_subscriber::EnvFilter;

use super::problem::Problem;
use super::{
    DistributedSettings, EmbeddedSettings, LoggingSettings, Market, Mode, MonitoringSettings, ServerSettings,
    Settings,
};
use text::{is_decimal, is_network, is_origin, is_symbol};

/// No wait is longer than a day.
const MAX_WAIT: Duration = Duration::from_secs(86_400);

/// Every rule that `settings` break.
pub(super) fn check(settings: &Settings) -> Vec<Problem> {
    let mut rules = Rules::default();
    rules.server(&settings.server);
    rules.limits(&settings.limits);
    rules.websocket(&settings.websocket);
    rules.embedded(&settings.embedded);
    rules.distributed(&settings.distributed);
    rules.auditor(&settings.auditor);
    rules.history(&settings.history);
    rules.auth(&settings.auth, settings.environment);
    rules.logging(&settings.logging);
    rules.monitoring(&settings.monitoring);
    rules.demo(&settings.demo, settings.environment);
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
        rules.wallet(&settings.wallet, &settings.auth, settings.environment);
    }
    rules.problems
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
        self.ports(server);
        self.wait(server.answer_timeout, "server.answer_timeout");
        self.wait(server.read_timeout, "server.read_timeout");
        self.wait(server.write_timeout, "server.write_timeout");
        self.wait(server.shutdown_timeout, "server.shutdown_timeout");
        self.need(
            server.answer_timeout < server.write_timeout,
            "server.answer_timeout",
            "must be shorter than server.write_timeout",
        );
        for (path, bytes) in [
            ("server.max_body_bytes", server.max_body_bytes),
            ("server.max_batch_bytes", server.max_batch_bytes),
        ] {
            self.need(
                (1_024..=1_048_576).contains(&bytes),
                path,
                "must be 1024 to 1048576",
            );
        }
        for (index, proxy) in server.trusted_proxies.iter().enumerate() {
            self.need(
                is_network(proxy),
                format!("server.trusted_proxies[{index}]"),
                "must be an address or a network: 10.0.0.1, 10.0.0.0/8, fd00::/8",
            );
        }
        for (index, origin) in server.cors_origins.iter().enumerate() {
            self.need(
                is_origin(origin),
                format!("server.cors_origins[{index}]"),
                "must be an origin as browsers send it: https://app.example.com, http://localhost:3000",
            );
        }
    }

    fn ports(&mut self, server: &ServerSettings) {
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

    fn distributed(&mut self, distributed: &DistributedSettings) {
        self.need(
            (1..=1_024).contains(&distributed.shards),
            "distributed.shards",
            "must be 1 to 1024",
        );
        self.need(
            (16..=1_048_576).contains(&distributed.in_flight),
            "distributed.in_flight",
            "must be 16 to 1048576",
        );
        self.need(
            distributed.keep_log >= Duration::from_secs(3_600),
            "distributed.keep_log",
            "must be at least 1h",
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
        self.need(
            (0.0..=1.0).contains(&monitoring.trace_ratio),
            "monitoring.trace_ratio",
            "must be from 0 to 1",
        );
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
