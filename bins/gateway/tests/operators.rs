//! What operators rely on while the gateway runs: settings read again, and an audit file that shows every tampering.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

mod program;

use std::path::Path;

use program::{Program, answer, ask, gateway, handshake, output, until};
use serde_json::Value;

/// A user whom nobody has put into a tier.
const USER: &str = "3a2f1c9e-0000-4000-8000-000000000001";

fn token(served: &Program, arguments: &[&str]) -> String {
    let file = served.settings_file();
    let mut command = gateway(&["token"]);
    let (succeeded, out, errors) = output(command.args(arguments).arg("--config").arg(file));
    assert!(succeeded, "{errors}");
    format!("Authorization: Bearer {}\r\n", out.trim())
}

/// How many orders a second a user may place, as an answer says.
fn limit(served: &Program, token: &str) -> String {
    let answer = ask(served.public, "GET", "/api/v1/balances", token).unwrap();
    let header = answer.lines().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("ratelimit-limit").then_some(value)
    });
    header
        .unwrap_or_else(|| panic!("no limit is told: {answer}"))
        .to_owned()
}

fn change(served: &Program, from: &str, to: &str) {
    let file = served.settings_file();
    let settings = std::fs::read_to_string(&file).unwrap();
    assert!(settings.contains(from), "{settings}");
    std::fs::write(file, settings.replace(from, to)).unwrap();
}

/// The body of an answer.
fn body(answer: &str) -> Value {
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {answer}"))
}

fn reload(served: &Program, token: &str) -> (String, Value) {
    let answer = ask(served.admin, "POST", "/api/v1/admin/reload", token).unwrap();
    let status = answer.split(' ').nth(1).unwrap().to_owned();
    (status, body(&answer))
}

#[test]
fn a_hangup_reads_the_settings_again_and_a_broken_file_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let served = Program::start(dir.path());
    let user = token(&served, &[USER]);
    let before = limit(&served, &user);
    change(&served, "limits: { ", "limits: { orders_per_second: 77, ");
    change(&served, "level: info", "level: debug");
    assert_eq!(limit(&served, &user), before, "a file alone changes nothing");
    served.signal("HUP");
    until("the new limit holds", || limit(&served, &user) == "77");
    until("it is told", || served.log().contains("read the settings again"));
    let told = served.log();
    let line = told.lines().find(|line| line.contains("read the settings again"));
    let line = line.unwrap_or_else(|| panic!("{told}"));
    assert!(
        line.contains("limits.orders_per_second") && line.contains("logging.level"),
        "{line}"
    );

    change(&served, "orders_per_second: 77", "orders_per_second: none");
    served.signal("HUP");
    until("the fault is told", || {
        served.log().contains("the settings cannot be used")
    });
    let told = served.log();
    let line = told
        .lines()
        .find(|line| line.contains("the settings cannot be used"))
        .unwrap();
    assert!(
        line.contains("ERROR") && line.contains("orders_per_second"),
        "{line}"
    );
    assert_eq!(limit(&served, &user), "77");
    change(&served, "orders_per_second: none", "orders_per_second: 78");
    served.signal("HUP");
    until("the limit after the mistake holds", || {
        limit(&served, &user) == "78"
    });
    assert!(served.is_ready());
    assert!(served.stop());
}

#[test]
fn an_operator_is_told_what_was_applied_and_what_needs_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let served = Program::start(dir.path());
    let operator = token(&served, &["operator"]);
    let user = token(&served, &[USER]);
    let (status, told) = reload(&served, &user);
    assert_eq!((status.as_str(), &told["code"]), ("403", &"forbidden".into()));
    let nothing: Value = serde_json::json!({ "applied": [], "needs_restart": [] });
    assert_eq!(reload(&served, &operator), ("200".to_owned(), nothing));
    change(&served, "limits: { ", "limits: { orders_per_second: 63, ");
    change(&served, "answer_timeout: 30s", "answer_timeout: 29s");
    let (status, told) = reload(&served, &operator);
    assert_eq!(status, "200", "{told}");
    assert_eq!(told["applied"], serde_json::json!(["limits.orders_per_second"]));
    assert_eq!(
        told["needs_restart"],
        serde_json::json!(["server.answer_timeout"])
    );
    assert_eq!(limit(&served, &user), "63");
    let (_, again) = reload(&served, &operator);
    let still: Value = serde_json::json!({ "applied": [], "needs_restart": ["server.answer_timeout"] });
    assert_eq!(again, still, "what needs a restart needs it until there is one");
    change(&served, "orders_per_second: 63", "orders_per_minute: 63");
    let (status, told) = reload(&served, &operator);
    assert_eq!(
        (status.as_str(), &told["code"]),
        ("422", &"settings_refused".into())
    );
    assert!(told["errors"].to_string().contains("orders_per_minute"), "{told}");
    assert_eq!(limit(&served, &user), "63");
}

#[test]
fn a_market_that_is_refused_leaves_limits_as_they_were_and_what_was_changed_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let served = Program::start(dir.path());
    let operator = token(&served, &["operator"]);
    let user = token(&served, &[USER]);
    let before = limit(&served, &user);
    let markets =
        "{ symbol: BTC/USDT, taker_fee: '0.002' }, { symbol: ETH/USDT, tick: '0.1' }, { symbol: XRP/USDT }";
    change(
        &served,
        "limits: { ",
        &format!("matching: {{ markets: [{markets}] }}\nlimits: {{ orders_per_second: 77, "),
    );
    let (status, told) = reload(&served, &operator);
    let errors = told["errors"].to_string();
    assert_eq!(
        (status.as_str(), &told["code"]),
        ("422", &"settings_refused".into())
    );
    assert!(
        errors.contains("matching: ETH/USDT") && errors.contains("changed already: BTC/USDT\""),
        "{told}"
    );
    assert_eq!(limit(&served, &user), before);
    let btc = body(&answer(served.public, "/api/v1/markets/BTC-USDT").unwrap());
    assert_eq!(btc["taker_fee"], "0.002");

    change(&served, "tick: '0.1'", "maker_fee: '0'");
    let (status, told) = reload(&served, &operator);
    assert_eq!(
        (status.as_str(), limit(&served, &user).as_str()),
        ("200", "77"),
        "{told}"
    );
    let eth = body(&answer(served.public, "/api/v1/markets/ETH-USDT").unwrap());
    assert_eq!(eth["maker_fee"], "0");
    change(&served, ", { symbol: XRP/USDT }", "");
    for _ in 0..2 {
        let (_, told) = reload(&served, &operator);
        let dropped = serde_json::json!(["matching: XRP/USDT is no longer named"]);
        assert_eq!(told["needs_restart"], dropped, "{told}");
    }
}

#[test]
fn fewer_connections_are_taken_from_the_next_reload_on_and_websockets_count() {
    let dir = tempfile::tempdir().unwrap();
    let served = Program::start(dir.path());
    let (open, head) = handshake(served.websocket);
    assert!(head.starts_with("HTTP/1.1 101"), "{head}");
    assert!(served.is_ready());
    change(&served, "limits: { ", "limits: { connections_per_address: 1, ");
    served.signal("HUP");
    until("a second connection is refused", || {
        answer(served.public, "/api/v1/markets").is_some_and(|answer| answer.contains("too_many_connections"))
    });
    assert!(
        served.is_ready(),
        "who asks for its health is answered all the same"
    );
    drop(open);
    until("there is room again", || {
        answer(served.public, "/api/v1/markets").is_some_and(|answer| answer.starts_with("HTTP/1.1 200"))
    });
    assert!(served.stop());
}

fn verify(arguments: &[&str]) -> (bool, String, String) {
    output(gateway(&["audit", "verify"]).args(arguments))
}

#[test]
fn the_audit_file_shows_every_tampering() {
    let dir = tempfile::tempdir().unwrap();
    let served = Program::start(dir.path());
    let operator = token(&served, &["operator"]);
    for _ in 0..3 {
        assert_eq!(reload(&served, &operator).0, "200");
    }
    let file = served.settings_file();
    let config = ["--config", file.to_str().unwrap()];
    let (succeeded, out, errors) = verify(&config);
    assert!(succeeded, "{errors}");
    let audit = dir.path().join("data/audit.log");
    let whole = std::fs::read_to_string(&audit).unwrap();
    let lines: Vec<&str> = whole.lines().collect();
    assert!(lines.len() >= 3, "{whole}");
    assert_eq!(
        out,
        format!("{} lines, none altered, removed or moved\n", lines.len())
    );
    assert!(served.stop());
    let name = audit.to_str().unwrap();
    assert!(verify(&[name]).0, "a file can be named");
    let altered = whole.replacen("settings.reload", "settings.relaod", 1);
    let removed = whole.replacen(&format!("{}\n", lines[1]), "", 1);
    let moved = [lines[1], lines[0]].join("\n") + "\n";
    for (what, contents) in [("altered", altered), ("removed", removed), ("moved", moved)] {
        std::fs::write(&audit, contents).unwrap();
        let (succeeded, out, errors) = verify(&[name]);
        assert!(!succeeded && out.is_empty(), "{what}: {out}");
        assert!(
            errors.contains(name) && errors.contains("line"),
            "{what}: {errors}"
        );
    }
    let missing = Path::new("/no/such/audit.log");
    let (succeeded, _, errors) = verify(&[missing.to_str().unwrap()]);
    assert!(
        !succeeded && errors.contains("there is no audit file"),
        "{errors}"
    );
}
