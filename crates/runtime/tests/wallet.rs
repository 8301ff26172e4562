//! The section of the wallet service: its rules hold in the distributed exchange, and its keys are never shown.
#![allow(clippy::unwrap_used, reason = "a test may fail so")]

mod support;

use secrecy::ExposeSecret;
use support::{load, problems};

const KEY: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";

/// The problems of a distributed exchange with these wallet settings.
fn wallet(fields: &str) -> Vec<String> {
    problems(&format!("mode: distributed\nwallet: {{{fields}}}"), &[])
}

#[test]
fn the_usual_settings_are_right_and_each_rule_is_held() {
    assert_eq!(wallet(""), Vec::<String>::new());
    let secret = "'12345678901234567890123456789012'";
    for (fields, path) in [
        ("url: 'wallet:8090'", "wallet.url"),
        ("url: 'http://me:pw@wallet'", "wallet.url"),
        ("host: ' '", "wallet.host"),
        ("port: 0", "wallet.port"),
        ("metrics_port: 8090", "wallet.metrics_port"),
        ("issuer: trade-engine", "wallet.issuer"),
        ("audience: ''", "wallet.audience"),
        ("secret: short", "wallet.secret"),
        (&format!("public_key: {KEY}"), "wallet.public_key"),
        (&format!("private_key: {KEY}"), "wallet.private_key"),
        ("algorithm: EdDSA", "wallet.public_key"),
        ("algorithm: EdDSA, public_key: x", "wallet.public_key"),
        ("algorithm: EdDSA, private_key: x", "wallet.private_key"),
        (
            &format!("algorithm: EdDSA, public_key: {KEY}, secret: {secret}"),
            "wallet.secret",
        ),
        (
            &format!("secret: {secret}, previous_secret: {secret}, previous_until: '2026-08-01T00:00:00Z'"),
            "wallet.previous_secret",
        ),
        (&format!("previous_secret: {secret}"), "wallet.previous_until"),
        ("previous_until: '2026-08-01T00:00:00Z'", "wallet.previous_until"),
        (
            &format!("previous_public_key: {KEY}, previous_until: '2026-08-01T00:00:00Z'"),
            "wallet.previous_public_key",
        ),
        ("secret: development-secret-that-everybody-knows", "wallet.secret"),
        ("token_life: 1s", "wallet.token_life"),
        ("connect_timeout: 11s", "wallet.connect_timeout"),
        ("timeout: 0s, connect_timeout: 0s", "wallet.connect_timeout"),
        ("calls_in_flight: 0", "wallet.calls_in_flight"),
        ("calls_waiting: 100000", "wallet.calls_waiting"),
        ("requests_in_flight: 0", "wallet.requests_in_flight"),
        ("database_connections: 3", "wallet.database_connections"),
        ("drain: 6m", "wallet.drain"),
        ("drain: soon", "wallet.drain"),
    ] {
        let found = wallet(fields);
        assert!(
            found.first().is_some_and(|problem| problem.starts_with(path)),
            "{fields}: {found:?}"
        );
    }
    for fields in [
        format!("secret: {secret}"),
        format!("algorithm: EdDSA, public_key: {KEY}"),
        format!("algorithm: EdDSA, private_key: {KEY}"),
        format!("previous_secret: {secret}, previous_until: '2026-08-01T00:00:00Z'"),
        format!(
            "algorithm: EdDSA, public_key: {KEY}, previous_public_key: {}, previous_until: '2026-08-01T00:00:00Z'",
            "A".repeat(43)
        ),
    ] {
        assert_eq!(wallet(&fields), Vec::<String>::new(), "{fields}");
    }
}

#[test]
fn the_public_secret_is_refused_outside_development_and_keys_are_never_shown() {
    let found = problems("mode: distributed\nenvironment: staging", &[]);
    assert!(
        found
            .iter()
            .any(|problem| problem.starts_with("wallet.secret: the development secret")),
        "{found:?}"
    );
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    std::fs::write(&path, format!("{KEY}\n")).unwrap();
    let yaml = format!(
        "mode: distributed\nwallet: {{algorithm: EdDSA, private_key_file: {}}}",
        path.display()
    );
    let settings = load(&yaml, &[("TRADE_ENGINE_WALLET__URL", "https://wallet.internal/")]).unwrap();
    assert_eq!(settings.wallet.private_key.as_ref().unwrap().expose_secret(), KEY);
    assert_eq!(settings.wallet.url, "https://wallet.internal/");
    for text in [settings.show(), format!("{settings:?}")] {
        assert!(!text.contains(KEY), "{text}");
    }
    assert!(settings.show().contains("wallet.private_key = \"(redacted)\"\n"));
    for yaml in [
        "wallet: {private_key: [hunter2]}",
        "wallet: hunter2",
        "wallet: {secret: {a: hunter2}}",
    ] {
        let found = problems(yaml, &[]);
        assert!(
            !found.is_empty() && !found.concat().contains("hunter2"),
            "{yaml}: {found:?}"
        );
    }
}
