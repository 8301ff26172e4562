//! The rules of each section that bounds or opens something: server, limits, `/ws`, history, demo, issuers.
#![allow(clippy::unwrap_used, reason = "a test may fail so")]

mod support;

use runtime::settings::{Algorithm, KeySource};
use secrecy::ExposeSecret;
use support::{load, problems};

/// Each setting as `section: {fields}`, and the only problem it makes; an empty text = it is fine.
fn check(cases: &[(&str, &str)]) {
    for (yaml, expected) in cases {
        let found = problems(yaml, &[]);
        let as_expected = match *expected {
            "" => found.is_empty(),
            expected => found.len() == 1 && found[0].starts_with(expected),
        };
        assert!(as_expected, "{yaml} should make [{expected}]: {found:#?}");
    }
}

#[test]
fn what_the_server_opens_has_rules() {
    check(&[
        (
            "server: {cors_origins: [https://app.example.com, 'http://localhost:3000']}",
            "",
        ),
        (
            "server: {cors_origins: [https://app.example.com, '*']}",
            "server.cors_origins[1]: must be an origin",
        ),
        (
            "server: {cors_origins: [https://app.example.com/]}",
            "server.cors_origins[0]: must be an origin",
        ),
        (
            "server: {cors_origins: https://app.example.com}",
            "server.cors_origins: invalid type",
        ),
        ("server: {trusted_proxies: [10.0.0.1, 'fd00::/8']}", ""),
        (
            "server: {trusted_proxies: [10.0.0.0/33]}",
            "server.trusted_proxies[0]: must be an address",
        ),
        ("server: {max_batch_bytes: 1048576}", ""),
        (
            "server: {max_batch_bytes: 1048577}",
            "server.max_batch_bytes: must be 1024 to 1048576",
        ),
        (
            "server: {docs_enabled: maybe}",
            "server.docs_enabled: invalid type",
        ),
    ]);
}

#[test]
fn rates_and_connections_have_rules() {
    check(&[
        ("limits: {orders_per_second: 1000000}", ""),
        (
            "limits: {orders_per_second: 1000001}",
            "limits.orders_per_second: must be 1 to 1000000",
        ),
        (
            "limits: {orders_per_second: 0}",
            "limits.orders_per_second: must be 1 to 1000000",
        ),
        (
            "limits: {address_requests_per_second: 0}",
            "limits.address_requests_per_second: must be 1",
        ),
        ("limits: {address_burst: 0}", "limits.address_burst: must be 1"),
        (
            "limits: {failed_logins_per_minute: 0}",
            "limits.failed_logins_per_minute: must be 1",
        ),
        ("limits: {connections_per_address: 10000}", ""),
        (
            "limits: {connections_per_address: 10001}",
            "limits.connections_per_address: must be 1 to limits.connections",
        ),
        (
            "limits: {connections: 1000001}",
            "limits.connections: must be 1 to 1000000",
        ),
        (
            "limits: {orders_per_second: -1}",
            "limits.orders_per_second: invalid value",
        ),
        ("websocket: {heartbeat: 5s, idle_timeout: 6s}", ""),
        (
            "websocket: {heartbeat: 30s}",
            "websocket.idle_timeout: must be longer than websocket.heartbeat",
        ),
        (
            "websocket: {heartbeat: 0s}",
            "websocket.heartbeat: must be above 0s",
        ),
        (
            "websocket: {idle_timeout: 2d}",
            "websocket.idle_timeout: must be above 0s and at most 24h",
        ),
        (
            "websocket: {max_frame_bytes: 1023}",
            "websocket.max_frame_bytes: must be 1024 to",
        ),
        (
            "websocket: {subscriptions: 0}",
            "websocket.subscriptions: must be 1 to",
        ),
        (
            "websocket: {connections_per_user: 0}",
            "websocket.connections_per_user: must be 1 to",
        ),
        (
            "websocket: {messages_per_second: 0}",
            "websocket.messages_per_second: must be 1 to",
        ),
        (
            "websocket: {requests_in_flight: 0}",
            "websocket.requests_in_flight: must be 1 to",
        ),
        (
            "websocket: {queue_frames: 65537}",
            "websocket.queue_frames: must be 16 to 65536",
        ),
        (
            "websocket: {depth_interval: 9ms}",
            "websocket.depth_interval: must be 10ms to 10s",
        ),
        ("websocket: {depth_interval: 10ms}", ""),
    ]);
}

#[test]
fn history_and_demo_have_rules() {
    check(&[
        (
            "history: {max_lag_bytes: 1048575}",
            "history.max_lag_bytes: must be 1048576 to",
        ),
        (
            "history: {max_lag_orders: 99}",
            "history.max_lag_orders: must be 100 to",
        ),
        ("history: {max_lag: 0s}", "history.max_lag: must be above 0s"),
        (
            "history: {connections: 65}",
            "history.connections: must be 1 to 64",
        ),
        ("demo: {enabled: true, seed: 0}", ""),
        ("demo: {users: 1}", "demo.users: must be 2 to 10000"),
        (
            "demo: {orders_per_second: 0}",
            "demo.orders_per_second: must be 1 to 10000",
        ),
    ]);
    let secrets = "auth: {secret: a-secret-of-our-own-with-enough-bytes, api_key_secret: another-one-of-our-own-with-enough-bytes}";
    for (environment, expected) in [
        ("staging", ""),
        ("production", "demo.enabled: is refused in production"),
    ] {
        let yaml = format!("environment: {environment}\ndemo: {{enabled: true}}\n{secrets}");
        check(&[(&yaml, expected)]);
    }
}

const KEY: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
const UNTIL: &str = "previous_until: '2026-08-01T00:00:00Z'";
const LONG: &str = "a-secret-of-our-own-with-enough-bytes";

#[test]
fn each_issuer_has_one_key_source_that_fits_its_algorithm() {
    let eddsa = |rest: &str| format!("auth: {{algorithm: EdDSA, {rest}}}");
    let further = |rest: &str| format!("auth: {{issuers: [{{issuer: a, audience: b, {rest}}}]}}");
    let one = "EdDSA needs exactly one of public_key, jwks_url and jwks_file";
    for (yaml, expected) in [
        (eddsa(&format!("public_key: {KEY}")), String::new()),
        (eddsa("jwks_file: keys.json"), String::new()),
        (eddsa("jwks_url: 'https://id.example.com/keys'"), String::new()),
        (eddsa("jwks_url: 'http://127.0.0.1:9000/keys'"), String::new()),
        (
            eddsa("jwks_url: 'http://id.example.com/keys'"),
            "auth.jwks_url: must be an https://".to_owned(),
        ),
        (eddsa("leeway: 5s"), format!("auth.public_key: {one}")),
        (eddsa("public_key: ''"), format!("auth.public_key: {one}")),
        (
            eddsa(&format!("public_key: {KEY}, jwks_file: keys.json")),
            format!("auth.public_key: {one}"),
        ),
        (
            eddsa("public_key: short"),
            "auth.public_key: must be 32 bytes".to_owned(),
        ),
        (
            eddsa(&format!("public_key: {KEY}, secret: {LONG}")),
            "auth.secret: does not fit EdDSA".to_owned(),
        ),
        (
            format!("auth: {{public_key: {KEY}}}"),
            "auth.public_key: does not fit HS256".to_owned(),
        ),
        (
            "auth: {jwks_file: keys.json}".to_owned(),
            "auth.jwks_file: does not fit HS256".to_owned(),
        ),
        (
            further(&format!("algorithm: EdDSA, public_key: {KEY}")),
            String::new(),
        ),
        (
            further("algorithm: EdDSA"),
            format!("auth.issuers[0].public_key: {one}"),
        ),
        (
            further("algorithm: HS256"),
            "auth.issuers[0].secret_file: is needed for HS256".to_owned(),
        ),
        (
            further("algorithm: EdDSA, jwks_url: 'ftp://id'"),
            "auth.issuers[0].jwks_url: must be an https://".to_owned(),
        ),
        (
            further("algorithm: EdDSA, jwks_file: k, issuer: trade-engine").replace("issuer: a, ", ""),
            "auth.issuers[0].issuer: stands there already".to_owned(),
        ),
        (
            further("algorithm: EdDSA, jwks_file: k").replace("audience: b, ", ""),
            "auth.issuers[0].audience: is needed".to_owned(),
        ),
        (
            further(&format!("secret: {LONG}, algorithm: EdDSA, jwks_file: k")),
            "auth.issuers[0].secret: unknown field".to_owned(),
        ),
    ] {
        check(&[(&yaml, &expected)]);
    }
}

#[test]
fn a_previous_key_stands_beside_its_end_and_its_successor() {
    let other_key = KEY.replace("11q", "22q");
    let eddsa = |rest: &str| format!("auth: {{algorithm: EdDSA, public_key: {KEY}, {rest}}}");
    for (yaml, expected) in [
        (format!("auth: {{previous_secret: {LONG}, {UNTIL}}}"), ""),
        (eddsa(&format!("previous_public_key: {other_key}, {UNTIL}")), ""),
        (
            format!("auth: {{previous_secret: {LONG}}}"),
            "auth.previous_until: must stand beside",
        ),
        (
            format!("auth: {{{UNTIL}}}"),
            "auth.previous_until: must stand beside",
        ),
        (
            format!("auth: {{secret: {LONG}, previous_secret: {LONG}, {UNTIL}}}"),
            "auth.previous_secret: must differ from auth.secret",
        ),
        (
            format!("auth: {{previous_secret: short, {UNTIL}}}"),
            "auth.previous_secret: must have at least 32 bytes",
        ),
        (
            format!("auth: {{previous_secret: {LONG}, previous_until: tomorrow}}"),
            "auth.previous_until: must be a time with its zone",
        ),
        (
            format!("auth: {{previous_secret: {LONG}, previous_until: '2026-08-01T00:00:00'}}"),
            "auth.previous_until: must be a time with its zone",
        ),
        (
            eddsa(&format!("previous_secret: {LONG}, {UNTIL}")),
            "auth.previous_secret: does not fit EdDSA",
        ),
        (
            eddsa(&format!("previous_public_key: {KEY}, {UNTIL}")),
            "auth.previous_public_key: must differ from auth.public_key",
        ),
        (
            eddsa(&format!("previous_public_key: short, {UNTIL}")),
            "auth.previous_public_key: must be 32 bytes",
        ),
        (
            format!("auth: {{previous_public_key: {other_key}, {UNTIL}}}"),
            "auth.previous_public_key: belongs to auth.public_key",
        ),
        (
            eddsa(&format!("previous_public_key: {other_key}, {UNTIL}"))
                .replace(&format!("public_key: {KEY}"), "jwks_file: keys.json"),
            "auth.previous_public_key: belongs to auth.public_key",
        ),
    ] {
        check(&[(&yaml, expected)]);
    }
}

#[test]
fn issuers_are_given_with_their_keys_the_first_one_first() {
    let yaml = format!(
        "auth:\n  previous_secret: {LONG}\n  {UNTIL}\n  issuers:\n\
         \x20   - {{issuer: a, audience: b, algorithm: EdDSA, public_key: {KEY}}}\n\
         \x20   - {{issuer: c, audience: d, algorithm: EdDSA, jwks_file: keys.json}}\n\
         \x20   - {{issuer: e, audience: f, algorithm: EdDSA, jwks_url: 'https://id.example.com'}}\n"
    );
    let settings = load(&yaml, &[]).unwrap();
    assert_eq!(settings.auth.algorithm, Algorithm::Hs256);
    let issuers = settings.auth.all_issuers();
    let names: Vec<(&str, &str)> = issuers
        .iter()
        .map(|issuer| (issuer.issuer.as_str(), issuer.audience.as_str()))
        .collect();
    assert_eq!(
        names,
        [
            ("trade-engine", "trade-engine-api"),
            ("a", "b"),
            ("c", "d"),
            ("e", "f")
        ]
    );
    assert!(
        matches!(&issuers[0].key, KeySource::Secret(secret) if *secret.expose_secret() == *settings.auth.secret.expose_secret())
    );
    let previous = issuers[0].previous.as_ref().unwrap();
    assert!(matches!(&previous.key, KeySource::Secret(secret) if secret.expose_secret() == LONG));
    assert_eq!(previous.until.timestamp(), 1_785_542_400);
    assert!(matches!(&issuers[1].key, KeySource::PublicKey(key) if key == KEY));
    assert!(matches!(&issuers[2].key, KeySource::JwksFile(file) if file.ends_with("keys.json")));
    assert!(matches!(&issuers[3].key, KeySource::JwksUrl(url) if url == "https://id.example.com"));
    assert!(issuers[1..].iter().all(|issuer| issuer.previous.is_none()));
}

#[test]
fn the_database_has_rules() {
    check(&[
        (
            "mode: distributed\ndatabase: {sslmode: verify-full}",
            "database.sslrootcert: is needed with database.sslmode verify-full",
        ),
        (
            "mode: distributed\ndatabase: {sslmode: verify-full, sslrootcert: ca.pem}",
            "",
        ),
        (
            "database: {sslmode: prefer}",
            "database.sslmode: unknown variant `prefer`",
        ),
        (
            "mode: distributed\ndatabase: {transaction_pooling: true}",
            "database.direct_url: is needed with database.transaction_pooling",
        ),
        (
            "mode: distributed\ndatabase: {transaction_pooling: true, direct_url: 'postgres://a:b@c/d'}",
            "",
        ),
        (
            "mode: distributed\ndatabase: {direct_url: 'mysql://a:b@c/d'}",
            "database.direct_url: must begin with postgres://",
        ),
        (
            "mode: distributed\ndatabase: {connect_timeout: 500ms}",
            "database.connect_timeout: must be at least 1s",
        ),
        (
            "mode: distributed\ndatabase: {lock_timeout: 0s}",
            "database.lock_timeout: must be above 0s",
        ),
        (
            "mode: distributed\ndatabase: {max_idle_conns: 21}",
            "database.max_idle_conns: must be at most database.max_open_conns",
        ),
        (
            "mode: distributed\ndatabase: {partitions: {months_ahead: 2}}",
            "database.partitions.months_ahead: must be 3 to 24",
        ),
        (
            "mode: distributed\ndatabase: {partitions: {days_ahead: 13}}",
            "database.partitions.days_ahead: must be 14 to 366",
        ),
        (
            "mode: distributed\ndatabase: {partitions: {keep_trades: 1h}}",
            "database.partitions.keep_trades: must be 0s (for ever) or at least 1d",
        ),
        (
            "mode: distributed\ndatabase: {partitions: {keep_orders: 400d}}",
            "database.partitions.keep_trades: is needed with database.partitions.keep_orders",
        ),
        (
            "mode: distributed\ndatabase: {partitions: {keep_trades: 90d, keep_orders: 400d}}",
            "",
        ),
        (
            "mode: distributed\ndatabase: {partitions: {grace: 1h}}",
            "database.partitions.grace: must be at least 1d",
        ),
    ]);
}

#[test]
fn an_address_carries_what_a_connection_must_know_and_keeps_what_it_says_itself() {
    let url = |yaml: &str, direct: bool| {
        let database = load(yaml, &[]).unwrap().database;
        let url = if direct {
            database.direct_connection_url()
        } else {
            database.connection_url()
        };
        url.expose_secret().to_owned()
    };
    let waits = "connect_timeout=5&tcp_user_timeout=10000";
    let session = "options=-c%20statement_timeout%3D10000%20-c%20lock_timeout%3D5000%20\
                   -c%20idle_in_transaction_session_timeout%3D10000";
    let local = "postgres://postgres@localhost:5432/mytrader";
    for direct in [false, true] {
        assert_eq!(
            url("", direct),
            format!("{local}?sslmode=disable&{waits}&{session}")
        );
    }
    let tls = "database: {sslmode: verify-full, sslrootcert: /etc/ca.pem, url: 'postgres://a:b@c/d'}";
    let checked = "sslmode=verify-full&sslrootcert=%2Fetc%2Fca.pem";
    assert_eq!(
        url(tls, false),
        format!("postgres://a:b@c/d?{checked}&{waits}&{session}")
    );
    let own = "database: {url: 'postgres://a:b@c/d?sslmode=require&options=-c%20lock_timeout%3D1'}";
    let said = "postgres://a:b@c/d?sslmode=require&options=-c%20lock_timeout%3D1";
    assert_eq!(url(own, false), format!("{said}&{waits}"));
    let pooled = "database: {transaction_pooling: true, url: 'postgres://a:b@p/d', \
                  direct_url: 'postgres://a:b@c/d'}";
    assert_eq!(
        url(pooled, false),
        format!("postgres://a:b@p/d?sslmode=disable&{waits}")
    );
    assert_eq!(
        url(pooled, true),
        format!("postgres://a:b@c/d?sslmode=disable&{waits}&{session}")
    );
}
