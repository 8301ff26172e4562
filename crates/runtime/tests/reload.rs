//! What a change of the settings means for a program that runs.
#![allow(clippy::unwrap_used, reason = "a test may fail so")]

mod support;

use runtime::Settings;
use runtime::settings::{ReloadPlan, reloadable};
use serde_json::Value;
use support::load;

const LONG: &str = "a-secret-of-our-own-with-enough-bytes";

fn plan(old: &str, new: &str) -> ReloadPlan {
    reloadable(&load(old, &[]).unwrap(), &load(new, &[]).unwrap())
}

#[test]
fn each_path_takes_effect_at_once_or_needs_a_restart() {
    let auth = "auth: {algorithm: EdDSA, jwks_file: a.json";
    let entry = "auth: {issuers: [{issuer: a, audience: b, algorithm: EdDSA, jwks_file: a.json}";
    let previous = format!("auth: {{previous_secret: {LONG}, previous_until: '2026-08-01T00:00:00Z'");
    for (old, new, at_once, needs_restart) in [
        ("", "", vec![], vec![]),
        ("", "logging: {level: debug}", vec!["logging.level"], vec![]),
        ("", "logging: {format: text}", vec![], vec!["logging.format"]),
        (
            "",
            "limits: {orders_per_second: 5, address_burst: 9}",
            vec!["limits.address_burst", "limits.orders_per_second"],
            vec![],
        ),
        (
            "",
            "limits: {connections: 500}\nwebsocket: {queue_frames: 64}",
            vec!["limits.connections"],
            vec!["websocket.queue_frames"],
        ),
        (
            "",
            "server: {cors_origins: ['https://a.b'], http_port: 9000}",
            vec![],
            vec!["server.cors_origins", "server.http_port"],
        ),
        (
            "matching: {tick_sizes: {BTC/USDT: '0.01'}}",
            "matching: {tick_sizes: {BTC/USDT: '0.1'}}",
            vec!["matching.tick_sizes.BTC/USDT"],
            vec![],
        ),
        (
            "",
            &format!("{previous}}}"),
            vec![],
            vec!["auth.previous_secret", "auth.previous_until"],
        ),
        (
            &format!("{previous}}}"),
            "",
            vec![],
            vec!["auth.previous_secret", "auth.previous_until"],
        ),
        (
            &format!("{previous}}}"),
            &format!("{previous}}}").replace("a-secret", "b-secret"),
            vec![],
            vec!["auth.previous_secret"],
        ),
        (
            "",
            &format!("{previous}, leeway: 1s}}"),
            vec![],
            vec!["auth.leeway", "auth.previous_secret", "auth.previous_until"],
        ),
        (
            "",
            &format!("auth: {{secret: {LONG}}}"),
            vec![],
            vec!["auth.secret"],
        ),
        (
            "",
            &format!("auth: {{api_key_secret: {LONG}}}"),
            vec![],
            vec!["auth.api_key_secret"],
        ),
        (
            &format!("{auth}}}"),
            &format!("{auth}}}").replace("a.json", "b.json"),
            vec![],
            vec!["auth.jwks_file"],
        ),
        (
            &format!("{auth}}}"),
            &format!("{auth}}}").replace("jwks_file: a.json", "jwks_url: 'https://a.b'"),
            vec![],
            vec!["auth.jwks_file", "auth.jwks_url"],
        ),
        (
            &format!("{entry}]}}"),
            &format!("{entry}]}}").replace("a.json", "b.json"),
            vec![],
            vec!["auth.issuers[0].jwks_file"],
        ),
        (
            &format!("{entry}]}}"),
            &format!("{entry}]}}").replace("audience: b", "audience: c"),
            vec![],
            vec!["auth.issuers[0].audience"],
        ),
        ("", &format!("{entry}]}}"), vec![], vec!["auth.issuers"]),
        (
            "",
            "database: {url: 'postgres://a:b@c/d'}\nredis: {password: x}",
            vec![],
            vec!["database.url", "redis.password"],
        ),
    ] {
        let plan = plan(old, new);
        assert_eq!(
            (&plan.at_once, &plan.needs_restart),
            (
                &at_once.iter().map(ToString::to_string).collect(),
                &needs_restart.iter().map(ToString::to_string).collect()
            ),
            "{old} -> {new}"
        );
        assert_eq!(plan.is_empty(), old == new);
        assert!(!format!("{plan:?}").contains("of-our-own"), "{plan:?}");
    }
}

#[test]
fn what_changes_comes_with_its_new_value() {
    let plan = plan(
        "",
        "logging: {level: warn}\nlimits: {orders_per_second: 77}\nmatching: {symbols: [XRP/USDT, BTC/USDT], tick_sizes: {XRP/USDT: '0.001'}}",
    );
    assert_eq!(plan.log_level.as_deref(), Some("warn"));
    assert_eq!(plan.limits.unwrap().orders_per_second, 77);
    let markets: Vec<(&str, &str)> = plan
        .markets
        .iter()
        .map(|market| (market.symbol.as_str(), market.tick.as_str()))
        .collect();
    assert_eq!(markets, [("XRP/USDT", "0.001")], "unchanged markets stay out");
    assert_eq!(plan.dropped_markets, ["ETH/USDT"]);
}

#[test]
fn the_same_markets_in_another_form_are_no_change() {
    let full = "matching: {markets: [{symbol: BTC/USDT}, {symbol: ETH/USDT}, {symbol: XRP/USDT}]}";
    assert!(plan("", full).is_empty());
    let more =
        "matching: {markets: [{symbol: BTC/USDT}, {symbol: ETH/USDT, taker_fee: '0'}, {symbol: XRP/USDT}]}";
    let plan = plan(full, more);
    assert_eq!(plan.at_once, ["matching.markets[1].taker_fee"]);
    assert_eq!(plan.markets.len(), 1);
}

#[test]
fn secrets_differ_even_where_only_a_file_holds_another_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret");
    let file = path.display();
    for (yaml, expected) in [
        (format!("auth: {{secret_file: {file}}}"), "auth.secret"),
        (
            format!("auth: {{api_key_secret_file: {file}}}"),
            "auth.api_key_secret",
        ),
        (
            format!("auth: {{issuers: [{{issuer: a, audience: b, secret_file: {file}}}]}}"),
            "auth.issuers[0].secret_file",
        ),
        (
            format!("rabbitmq: {{password_file: {file}}}"),
            "rabbitmq.password",
        ),
    ] {
        std::fs::write(&path, LONG).unwrap();
        let old = load(&yaml, &[]).unwrap();
        assert!(reloadable(&old, &load(&yaml, &[]).unwrap()).is_empty());
        std::fs::write(&path, LONG.replace("a-secret", "b-secret")).unwrap();
        let plan = reloadable(&old, &load(&yaml, &[]).unwrap());
        assert_eq!(
            (plan.needs_restart, plan.at_once),
            (vec![expected.to_owned()], vec![]),
            "{yaml}"
        );
    }
}

#[test]
fn no_secret_is_forgotten() {
    let given = [
        ("auth.api_key_secret", LONG),
        ("auth.previous_secret", "the-secret-before-with-enough-bytes"),
        ("auth.secret", LONG),
        ("database.direct_url", "postgres://a:b@c/d"),
        ("database.password", LONG),
        ("database.url", "postgres://a:b@c/d"),
        ("rabbitmq.password", LONG),
        ("rabbitmq.url", "amqp://a:b@c/"),
        ("redis.password", LONG),
        ("redis.url", "redis://:a@b/"),
        ("wallet.previous_secret", LONG),
        ("wallet.private_key", LONG),
        ("wallet.secret", LONG),
    ];
    let with = |changed: &str| {
        let until = ("auth.previous_until", "2026-08-01T00:00:00Z");
        let named = given.iter().chain([&until]).map(|(path, value)| {
            let name = format!("TRADE_ENGINE_{}", path.to_ascii_uppercase().replace('.', "__"));
            let end = if *path == changed { "x" } else { "" };
            (name, format!("{value}{end}"))
        });
        let pairs: Vec<(String, String)> = named.collect();
        let pairs: Vec<(&str, &str)> = pairs
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        load("", &pairs).unwrap()
    };
    let old = with("");
    let shown = old.show();
    let secrets: Vec<&str> = shown
        .lines()
        .filter_map(|line| line.strip_suffix(" = \"(redacted)\""))
        .collect();
    assert_eq!(secrets, given.map(|(path, _)| path));
    for path in secrets {
        let plan = reloadable(&old, &with(path));
        let all: Vec<String> = plan.at_once.into_iter().chain(plan.needs_restart).collect();
        assert_eq!(all, [path]);
    }
}

/// Another value of the same kind.
fn other(value: &Value) -> Value {
    match value {
        Value::Bool(value) => Value::from(!value),
        Value::Number(number) => match number.as_u64() {
            Some(number) => Value::from(number ^ 1),
            None => Value::from(0.5),
        },
        Value::String(text) if text.ends_with("ms") => Value::from(text.replace("100ms", "101ms")),
        _ => Value::Null,
    }
}

#[test]
fn no_flag_and_no_number_is_forgotten() {
    let tree = serde_json::to_value(Settings::default()).unwrap();
    let mut seen = 0;
    for (section, fields) in tree.as_object().unwrap() {
        for (field, value) in fields.as_object().into_iter().flatten() {
            let value = other(value);
            if value.is_null()
                || (section, field) == (&"rabbitmq".to_owned(), &"publisher_confirms".to_owned())
            {
                continue;
            }
            let mut changed = tree.clone();
            changed[section][field] = value;
            let changed: Settings = serde_json::from_value(changed).unwrap();
            let untouched: Settings = serde_json::from_value(tree.clone()).unwrap();
            let plan = reloadable(&untouched, &changed);
            let path = format!("{section}.{field}");
            let expected = if section == "limits" {
                (vec![path], vec![])
            } else {
                (vec![], vec![path])
            };
            assert_eq!((plan.at_once, plan.needs_restart), expected);
            seen += 1;
        }
    }
    assert!(seen > 30, "{seen}");
}
