//! Mistakes in settings: all are told at once, each with its field and rule.
#![allow(clippy::unwrap_used, reason = "a test may fail so")]

mod support;

use support::problems;

#[test]
fn all_mistakes_are_reported_at_once() {
    let yaml = r#"
servr: {http_port: 1}
environment: prod
server:
  http_prt: 1
  http_port: 70000
  metrics_port: 8081
  read_timeout: 60
  write_timeout: 0s
  trusted_proxies: [10.0.0.0/33, example.org]
database: {password: 12345, port: abc}
matching:
  markets:
    - {symbol: BTC/USDT, tick: 0.01, lott: "1"}
    - {symbol: SOL/USDT, tick: "1e-2"}
    - {}
embedded: {queue_capacity: -1, batch_max: 0}
limits: {orders_per_second: 0, adress_burst: 1}
websocket: {heartbeat: 30s, queue_frames: 1}
history: {connections: 0}
demo: {users: 1}
auth: {secret: short, algorithm: none, issuers: [{issuer: a, algorithm: RS256, secret: x}], previous_until: soon}
logging: {level: "a=b=c"}
monitoring: {jaeger_enabled: true}
"#;
    let pairs = [
        ("TRADE_ENGINE_SERVER__PORT", "1"),
        ("TRADE_ENGINE_SERVER__HOST__NAME", "x"),
    ];
    let found = problems(yaml, &pairs);
    let paths: Vec<&str> = found
        .iter()
        .map(|line| line.split(": ").next().unwrap())
        .collect();
    assert_eq!(
        paths,
        [
            "TRADE_ENGINE_SERVER__HOST__NAME",
            "TRADE_ENGINE_SERVER__PORT",
            "auth.algorithm",
            "auth.issuers[0].algorithm",
            "auth.issuers[0].audience",
            "auth.issuers[0].secret",
            "auth.issuers[0].secret_file",
            "auth.previous_until",
            "auth.secret",
            "database.password",
            "database.port",
            "demo.users",
            "embedded.batch_max",
            "embedded.queue_capacity",
            "environment",
            "history.connections",
            "limits.adress_burst",
            "limits.orders_per_second",
            "logging.level",
            "matching.markets[0].lott",
            "matching.markets[0].tick",
            "matching.markets[1].lot",
            "matching.markets[1].max_price",
            "matching.markets[1].max_quantity",
            "matching.markets[1].min_quantity",
            "matching.markets[2].lot",
            "matching.markets[2].max_price",
            "matching.markets[2].max_quantity",
            "matching.markets[2].min_quantity",
            "matching.markets[2].symbol",
            "matching.markets[2].tick",
            "monitoring.jaeger_endpoint",
            "server.answer_timeout",
            "server.http_port",
            "server.http_prt",
            "server.metrics_port",
            "server.read_timeout",
            "server.trusted_proxies[0]",
            "server.trusted_proxies[1]",
            "server.write_timeout",
            "servr",
            "websocket.idle_timeout",
            "websocket.queue_frames",
        ],
        "{found:#?}"
    );
}

#[test]
fn each_mistake_names_its_field_and_rule() {
    for (yaml, expected) in [
        ("server: {http_port: 0}", "server.http_port: must be 1 to 65535"),
        (
            "server: {http_port: 8081}",
            "server.websocket_port: must differ from server.http_port",
        ),
        (
            "server: {answer_timeout: 60s}",
            "server.answer_timeout: must be shorter than server.write_timeout",
        ),
        (
            "server: {max_body_bytes: 10}",
            "server.max_body_bytes: must be 1024 to 1048576",
        ),
        (
            "server: {shutdown_timeout: soon}",
            "server.shutdown_timeout: must be a whole number with a unit",
        ),
        (
            "server: 8080",
            "server: invalid type: integer `8080`, expected struct ServerSettings",
        ),
        (
            "server: {http_port: 70000}",
            "server.http_port: invalid value: integer `70000`, expected u16",
        ),
        ("nonsense: 1", "nonsense: unknown field `nonsense`"),
        (
            "database: {password: 0123}",
            "database.password: must be text: put it in quotes",
        ),
        ("auth: {secret: ''}", "auth.secret: must have at least 32 bytes"),
        (
            "matching: {symbols: []}",
            "matching.symbols: at least one market is needed",
        ),
        (
            "matching: {symbols: [BTC/USDT, BTC/USDT]}",
            "matching.symbols[1]: BTC/USDT is listed twice",
        ),
        (
            "matching: {tick_sizes: {BTC/USD: '1'}}",
            "matching.tick_sizes.BTC/USD: is not among matching.symbols",
        ),
        (
            "matching: {tick_sizes: {BTC/USDT: '0'}}",
            "market BTC/USDT: tick: must be a decimal above 0",
        ),
        (
            "matching: {tick_sizes: {BTC/USDT: '1.123456789'}}",
            "market BTC/USDT: tick: must be a decimal above 0",
        ),
        (
            "matching: {tick_sizes: {BTC/USDT: '-1'}}",
            "market BTC/USDT: tick: must be a decimal above 0",
        ),
        (
            "matching: {symbols: [SOL/USDT], tick_sizes: {SOL/USDT: '1'}}",
            "matching.symbols[0].lot: is needed",
        ),
        (
            "embedded: {batch_max: 9000}",
            "embedded.batch_max: must be 1 to embedded.queue_capacity",
        ),
        (
            "distributed: {shards: 0}",
            "distributed.shards: must be 1 to 1024",
        ),
        (
            "distributed: {in_flight: 15}",
            "distributed.in_flight: must be 16 to 1048576",
        ),
        (
            "auditor: {interval: 999ms}",
            "auditor.interval: must be 1s to 10m",
        ),
        (
            "auditor: {full_interval: 14s}",
            "auditor.full_interval: must be auditor.interval to 24h",
        ),
        (
            "auditor: {statement_timeout: 2h}",
            "auditor.statement_timeout: must be 1s to 1h",
        ),
        ("auditor: {gateways: []}", "auditor.gateways: must not be empty"),
        (
            "auditor: {gateways: ['http://me:secret@gateway']}",
            "auditor.gateways[0]: must be an address",
        ),
        (
            "distributed: {keep_log: 59m}",
            "distributed.keep_log: must be at least 1h",
        ),
        (
            "embedded: {segment_bytes: 5}",
            "embedded.segment_bytes: must be 1048576 (1 MiB)",
        ),
        ("data_dir: ''", "data_dir: must not be empty"),
        ("logging: {level: ${LEVEL", "line 1: `${` without its `}`"),
        ("server: [", "settings file: "),
        (
            "mode: distributed\ndatabase: {url: 'mysql://x'}",
            "database.url: must begin with postgres://",
        ),
        (
            "mode: distributed\nrabbitmq: {publisher_confirms: false}",
            "rabbitmq.publisher_confirms: must be true",
        ),
    ] {
        let found = problems(yaml, &[]);
        assert!(
            found.iter().any(|line| line.starts_with(expected)),
            "{yaml}: {found:#?}"
        );
    }
}
