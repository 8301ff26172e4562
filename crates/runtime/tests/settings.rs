//! Settings as a whole: files, environment and defaults.
#![allow(clippy::unwrap_used, reason = "a test may fail so")]

mod support;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use runtime::Settings;
use runtime::settings::{Environment, LogFormat, Mode, Variables, find_file};
use secrecy::ExposeSecret;
use support::{fixture, load};

fn repository_file(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)).unwrap()
}

#[test]
fn the_plans_file_loads_word_for_word() {
    let settings = load(&fixture("plan.yaml"), &[]).unwrap();
    assert_eq!(settings.mode, Mode::Embedded);
    assert_eq!(settings.environment, Environment::Development);
    assert_eq!(
        (
            settings.server.http_port,
            settings.server.websocket_port,
            settings.server.metrics_port
        ),
        (8080, 8081, 9090)
    );
    assert_eq!(settings.server.read_timeout, Duration::from_secs(60));
    assert_eq!(settings.database.conn_max_lifetime, Duration::from_secs(3600));
    assert_eq!(
        settings.rabbitmq.connection_url().expose_secret(),
        "amqp://guest:guest@localhost:5672/"
    );
    assert_eq!(settings.matching.symbols, ["BTC/USDT", "ETH/USDT", "XRP/USDT"]);
    assert_eq!(settings.logging.format, LogFormat::Json);
    assert_eq!(
        settings.matching.markets(),
        Settings::default().matching.markets()
    );
}

#[test]
fn the_plans_environment_file_loads_and_its_addresses_win_over_their_parts() {
    let text = fixture("plan.env");
    let pairs: Vec<(&str, &str)> = text
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once('='))
        .collect();
    assert_eq!(pairs.len(), 9);
    for yaml in ["", &fixture("plan.yaml")] {
        let settings = load(yaml, &pairs).unwrap();
        let database = settings.database.connection_url();
        let (address, _) = database.expose_secret().split_once('?').unwrap();
        assert_eq!(address, "postgres://postgres:postgres@localhost:5433/mytrader");
        assert_eq!(
            settings.redis.connection_url().expose_secret(),
            "redis://:redis@localhost:6380/0"
        );
        assert_eq!(
            settings.rabbitmq.connection_url().expose_secret(),
            "amqp://admin:admin@localhost:5673/"
        );
        assert_eq!(
            (settings.logging.level.as_str(), settings.server.http_port),
            ("debug", 8080)
        );
    }
    let parts = [
        ("POSTGRES_PASSWORD", "p/1"),
        ("RABBITMQ_USER", "me"),
        ("RABBITMQ_PASSWORD", "0123"),
    ];
    let settings = load("", &parts).unwrap();
    let database = settings.database.connection_url();
    let (address, _) = database.expose_secret().split_once('?').unwrap();
    assert_eq!(address, "postgres://postgres:p%2F1@localhost:5432/mytrader");
    assert_eq!(
        settings.rabbitmq.connection_url().expose_secret(),
        "amqp://me:0123@localhost:5672/"
    );
}

#[test]
fn the_example_file_has_every_setting_with_its_default() {
    let text = repository_file("config/config.example.yaml");
    assert_eq!(load(&text, &[]).unwrap().show(), Settings::default().show());

    let keys: BTreeSet<&str> = text
        .lines()
        .filter(|line| !line.trim_start().starts_with('#'))
        .filter_map(|line| line.split_once(':').map(|(key, _)| key.trim()))
        .collect();
    for line in Settings::default().show().lines() {
        let (path, _) = line.split_once(" = ").unwrap();
        let key = path.rsplit('.').next().unwrap();
        assert!(
            keys.contains(key),
            "{path} is missing in config/config.example.yaml"
        );
    }
}

#[test]
fn the_file_that_cargo_run_uses_says_what_the_defaults_say() {
    let text = repository_file("config/config.yaml");
    let settings = load(&text, &[]).unwrap();
    assert_eq!(settings.show(), Settings::default().show());
}

#[test]
fn later_sources_win() {
    let yaml = "server: {http_port: 1001, websocket_port: 1002, metrics_port: 1003}\nlogging: {level: warn}";
    let plain = ("SERVER_PORT", "2001");
    let ours = ("TRADE_ENGINE_SERVER__HTTP_PORT", "3001");
    let port = |yaml, pairs: &[_]| load(yaml, pairs).unwrap().server.http_port;
    assert_eq!(port("", &[]), 8080);
    assert_eq!(port(yaml, &[]), 1001);
    assert_eq!(port(yaml, &[plain]), 2001);
    assert_eq!(port(yaml, &[ours, plain]), 3001);
    assert_eq!(
        port(yaml, &[("SERVER_PORT", "")]),
        1001,
        "an empty variable counts as unset"
    );
    assert_eq!(
        load(yaml, &[ours]).unwrap().logging.level,
        "warn",
        "other keys of the file stay"
    );
}

#[test]
fn every_kind_of_setting_can_come_from_the_environment() {
    let settings = load(
        "",
        &[
            ("TRADE_ENGINE_ENVIRONMENT", "staging"),
            ("TRADE_ENGINE_AUTH__SECRET", "12345678901234567890123456789012"),
            (
                "TRADE_ENGINE_AUTH__API_KEY_SECRET",
                "21098765432109876543210987654321",
            ),
            ("TRADE_ENGINE_AUTH__PREVIOUS_UNTIL", "2026-08-01T02:00:00+02:00"),
            (
                "TRADE_ENGINE_AUTH__PREVIOUS_SECRET",
                "11111111112222222222333333333344",
            ),
            (
                "TRADE_ENGINE_AUTH__ISSUERS",
                r#"[{"issuer": "id", "audience": "api", "algorithm": "EdDSA", "jwks_file": "/keys.json"}]"#,
            ),
            (
                "TRADE_ENGINE_SERVER__CORS_ORIGINS",
                r#"["https://app.example.com"]"#,
            ),
            ("TRADE_ENGINE_SERVER__DOCS_ENABLED", "false"),
            ("TRADE_ENGINE_LIMITS__ORDERS_PER_SECOND", "1000"),
            ("TRADE_ENGINE_WEBSOCKET__DEPTH_INTERVAL", "50ms"),
            ("TRADE_ENGINE_HISTORY__MAX_LAG", "1m"),
            ("TRADE_ENGINE_DEMO__ENABLED", "true"),
            ("TRADE_ENGINE_DATA_DIR", "/var/lib/trade-engine"),
            ("TRADE_ENGINE_SERVER__ADMIN_ON_PUBLIC", "true"),
            ("TRADE_ENGINE_SERVER__ANSWER_TIMEOUT", "1500ms"),
            ("TRADE_ENGINE_SERVER__TRUSTED_PROXIES", r#"["10.0.0.0/8", "::1"]"#),
            ("TRADE_ENGINE_EMBEDDED__ARCHIVE_KEEP_BYTES", "1073741824"),
            ("TRADE_ENGINE_CONFIG", "elsewhere.yaml"),
        ],
    )
    .unwrap();
    assert_eq!(settings.environment, Environment::Staging);
    assert_eq!(
        settings.auth.secret.expose_secret(),
        "12345678901234567890123456789012"
    );
    assert_eq!(settings.data_dir, PathBuf::from("/var/lib/trade-engine"));
    assert!(settings.server.admin_on_public);
    assert_eq!(settings.server.answer_timeout, Duration::from_millis(1500));
    assert_eq!(settings.server.trusted_proxies, ["10.0.0.0/8", "::1"]);
    assert_eq!(settings.embedded.archive_keep_bytes, 1 << 30);
    assert_eq!(settings.server.cors_origins, ["https://app.example.com"]);
    assert!(!settings.server.docs_enabled && settings.demo.enabled);
    assert_eq!(settings.limits.orders_per_second, 1_000);
    assert_eq!(settings.websocket.depth_interval, Duration::from_millis(50));
    assert_eq!(settings.history.max_lag, Duration::from_secs(60));
    assert_eq!(settings.auth.issuers[0].issuer, "id");
    assert!(
        settings
            .show()
            .contains("auth.previous_until = \"2026-08-01T00:00:00Z\"\n")
    );
}

#[test]
fn the_file_is_the_one_asked_for_then_the_one_named_by_the_environment() {
    let named = Variables::from_pairs([("TRADE_ENGINE_CONFIG", "b.yaml")]);
    assert_eq!(
        find_file(Some("a.yaml".into()), &named),
        Some(PathBuf::from("a.yaml"))
    );
    assert_eq!(find_file(None, &named), Some(PathBuf::from("b.yaml")));
    let missing = Settings::load(Some(Path::new("no/such/file.yaml")), &named).unwrap_err();
    assert_eq!(
        missing.to_string(),
        "cannot read the settings file no/such/file.yaml"
    );
}
