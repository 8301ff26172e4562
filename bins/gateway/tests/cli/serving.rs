//! What a gateway that has started says of itself, and what each of its ports answers.

use crate::program::{Program, answer, free_ports, handshake, settings, until};

#[test]
fn operators_routes_can_be_off() {
    let dir = tempfile::tempdir().unwrap();
    let [public, websocket, _] = free_ports();
    let file = dir.path().join("off.yaml");
    std::fs::write(&file, settings(dir.path(), [public, websocket, 0])).unwrap();
    let served = Program::start_with(dir.path(), &file, [public, websocket, 0]).expect("no port stays free");
    assert!(served.out().contains("operators: nowhere"), "{}", served.out());
    assert!(!served.log().contains("\"admin\":"), "{}", served.log());
    assert!(
        answer(public, "/api/v1/admin/deposits")
            .unwrap()
            .starts_with("HTTP/1.1 404")
    );
}

#[test]
fn development_can_have_an_issuer_of_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let ports = free_ports();
    let file = dir.path().join("issuer.yaml");
    let key = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
    let auth = format!("auth: {{ algorithm: EdDSA, public_key: {key} }}\n");
    std::fs::write(&file, settings(dir.path(), ports) + &auth).unwrap();
    let served = Program::start_with(dir.path(), &file, ports).expect("no port stays free");
    assert!(served.out().contains("Bearer $TOKEN"), "{}", served.out());
}

#[test]
fn the_port_for_websocket_has_ws_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let served = Program::start(dir.path());
    for port in [served.websocket, served.public] {
        let (_open, head) = handshake(port);
        assert!(head.starts_with("HTTP/1.1 101"), "{port}: {head}");
    }
    for path in [
        "/api/v1/orders",
        "/api/v1/status",
        "/api/v1/admin/deposits",
        "/metrics",
        "/openapi.json",
    ] {
        let told = answer(served.websocket, path).unwrap();
        assert!(told.starts_with("HTTP/1.1 404"), "{path}: {told}");
    }
    let (_refused, head) = handshake(served.admin);
    assert!(head.starts_with("HTTP/1.1 404"), "{head}");
}

#[test]
fn a_demonstration_trades_and_says_that_it_is_one() {
    let dir = tempfile::tempdir().unwrap();
    let served = Program::start_as(dir.path(), &["--demo"]);
    let told = |path| answer(served.public, path).unwrap();
    until("the greeting is there", || served.out().contains("curl"));
    let demo = "DEMO: made-up users trade: 20 of them, 20 orders a second";
    assert!(served.out().contains(demo), "{}", served.out());
    let status = told("/api/v1/status");
    assert!(status.contains("\"demo\":true"), "{status}");
    until("somebody quotes", || {
        let depth = told("/api/v1/markets/BTC-USDT/depth");
        depth.starts_with("HTTP/1.1 200") && depth.contains("[[\"")
    });
    assert!(served.stop());
    let plain = Program::start(dir.path());
    assert!(!plain.out().contains("DEMO"), "{}", plain.out());
    let status = answer(plain.public, "/api/v1/status").unwrap();
    assert!(!status.contains("demo"), "{status}");
}

#[test]
fn the_greeting_shows_how_to_trade_and_a_stop_ends_well() {
    let dir = tempfile::tempdir().unwrap();
    let served = Program::start(dir.path());
    let (public, admin) = (served.public, served.admin);
    let out = served.out();
    for part in [
        format!("http://127.0.0.1:{public}/api/v1"),
        format!("http://127.0.0.1:{admin}/api/v1/admin"),
        dir.path().join("data").to_str().unwrap().to_owned(),
        "Authorization: Bearer eyJ".to_owned(),
    ] {
        assert!(out.contains(&part), "{part}: {out}");
    }
    for (port, path, status) in [
        (public, "/api/v1/status", "200"),
        (public, "/metrics", "404"),
        (admin, "/metrics", "200"),
        (public, "/api/v1/admin/deposits", "404"),
        (admin, "/api/v1/admin/deposits", "405"),
        (admin, "/api/v1/orders", "404"),
    ] {
        let told = answer(port, path).unwrap();
        assert!(
            told.starts_with(&format!("HTTP/1.1 {status}")),
            "{port}{path}: {told}"
        );
    }
    let log = dir.path().join("log");
    assert!(served.stop());
    let log = std::fs::read_to_string(log).unwrap();
    assert!(
        log.lines().last().unwrap().contains("\"message\":\"stopped\""),
        "{log}"
    );
}
