//! The program's commands as a person or a script meets them: tokens, settings, journal, and starts that are refused.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

mod program;

use std::fs::OpenOptions;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::Stdio;

use program::{Program, answer, free_ports, gateway, handshake, output, settings, until};
use serde_json::Value;

/// A secret as an operator would set one.
const SECRET: &str = "a-secret-of-forty-characters-for-testing";

/// What seals the secrets of API keys, as an operator would set it.
const API_KEY_SECRET: &str = "another-secret-of-forty-characters-or-so";

/// Runs a gateway that must refuse to start; what it says.
fn refusal(dir: &Path, yaml: &str) -> String {
    let file = dir.join("refused.yaml");
    std::fs::write(&file, yaml).unwrap();
    let (succeeded, out, log) = output(&mut gateway(&["--config", file.to_str().unwrap()]));
    assert!(!succeeded, "it started: {out}{log}");
    let told = log.lines().any(|line| line.starts_with("gateway: "));
    assert!(told, "it does not say why: {log}");
    log
}

#[test]
fn tokens_are_made_for_names_and_ids() {
    let id = "3a2f1c9e-0000-4000-8000-000000000001";
    for arguments in [
        &["token"][..],
        &["token", "alice"],
        &["token", "bob", "--hours", "1"],
        &["token", "operator"],
        &["token", id, "--scope", "trade admin:funds", "--institution", id],
        &["token", id, "--scope", ""],
    ] {
        let (succeeded, out, errors) = output(&mut gateway(arguments));
        assert!(succeeded && errors.is_empty(), "{arguments:?}: {errors}");
        let token = out.strip_suffix('\n').unwrap();
        assert_eq!(token.split('.').count(), 3, "{arguments:?}: {token}");
        assert!(!token.contains(char::is_whitespace), "{arguments:?}: {token}");
    }
}

#[test]
fn its_own_healthcheck_tells_whether_a_gateway_is_ready() {
    let dir = tempfile::tempdir().unwrap();
    let served = Program::start(dir.path());
    let file = served.settings_file();
    let asks = || output(&mut gateway(&["--config", file.to_str().unwrap(), "healthcheck"]));
    let (succeeded, out, errors) = asks();
    assert!(succeeded && out == "ready\n", "{out}{errors}");
    assert!(served.stop());
    let (succeeded, _, errors) = asks();
    assert!(!succeeded && errors.contains("does not answer"), "{errors}");
}

#[test]
fn a_token_that_would_be_worth_nothing_is_not_made() {
    for (arguments, why) in [
        (&["token", "mallory"][..], "the user must be a name or a UUID"),
        (
            &["token", "alice", "--scope", "admin"],
            "there is no scope `admin`",
        ),
        (&["token", "alice", "--scope", "trade,read"], "there is no scope"),
        (&["token", "alice", "--institution", "acme"], "--institution"),
        (&["token", "alice", "--hours", "many"], "--hours"),
    ] {
        let (succeeded, out, errors) = output(&mut gateway(arguments));
        assert!(!succeeded && out.is_empty(), "{arguments:?}: {out}");
        assert!(errors.contains(why), "{arguments:?}: {errors}");
    }
    let (succeeded, out, errors) = output(
        gateway(&["token"])
            .env("TRADE_ENGINE_ENVIRONMENT", "production")
            .env("TRADE_ENGINE_AUTH__SECRET", SECRET)
            .env("TRADE_ENGINE_AUTH__API_KEY_SECRET", API_KEY_SECRET)
            .env("DATABASE_URL", "postgres://gateway:a-real-password@db/engine"),
    );
    assert!(!succeeded && out.is_empty(), "{out}");
    assert!(errors.contains("production"), "{errors}");
}

#[test]
fn settings_are_checked_all_at_once() {
    let (succeeded, out, errors) = output(&mut gateway(&["config", "check"]));
    assert!(succeeded, "{errors}");
    assert_eq!(out, "the settings are right\n");
    let (succeeded, out, errors) = output(
        gateway(&["config", "check"])
            .env("TRADE_ENGINE_SERVER__HTTP_PORT", "0")
            .env("TRADE_ENGINE_AUTH__SECRET", "short")
            .env("TRADE_ENGINE_SERVER__HTTP_PROT", "1"),
    );
    assert!(!succeeded && out.is_empty(), "{out}");
    let unknown = errors.to_lowercase();
    assert!(unknown.contains("http_prot"), "{errors}");
    let (succeeded, _, errors) = output(
        gateway(&["config", "check"])
            .env("TRADE_ENGINE_SERVER__HTTP_PORT", "0")
            .env("TRADE_ENGINE_AUTH__SECRET", "short"),
    );
    assert!(!succeeded);
    for path in ["server.http_port", "auth.secret"] {
        assert!(errors.contains(path), "{path}: {errors}");
    }
    let (succeeded, _, errors) = output(&mut gateway(&[
        "--config",
        "/no/such/file.yaml",
        "config",
        "check",
    ]));
    assert!(!succeeded && errors.contains("/no/such/file.yaml"), "{errors}");
}

#[test]
fn settings_are_shown_without_secrets() {
    let secrets = [
        ("TRADE_ENGINE_AUTH__SECRET", SECRET),
        ("TRADE_ENGINE_AUTH__API_KEY_SECRET", API_KEY_SECRET),
        ("TRADE_ENGINE_DATABASE__PASSWORD", "password-of-the-database"),
        ("TRADE_ENGINE_REDIS__PASSWORD", "password-of-the-cache"),
        ("TRADE_ENGINE_RABBITMQ__PASSWORD", "password-of-the-broker"),
        ("DATABASE_URL", "postgres://user:password-in-an-address@db/engine"),
    ];
    let (succeeded, out, errors) = output(gateway(&["config", "show"]).envs(secrets));
    assert!(succeeded, "{errors}");
    for (name, secret) in secrets {
        assert!(
            !out.contains(secret) && !errors.contains(secret),
            "{name}: {out}{errors}"
        );
    }
    assert!(!out.contains("password-in-an-address"), "{out}");
    assert!(out.contains("auth.secret = \"(redacted)\""), "{out}");
    assert!(out.contains("server.http_port = 8080"), "{out}");
    let (_, defaults, _) = output(&mut gateway(&["config", "show"]));
    assert!(!defaults.contains("everybody-knows"), "{defaults}");
}

#[test]
fn a_reader_that_has_gone_is_no_error() {
    let dir = tempfile::tempdir().unwrap();
    let served = Program::start(dir.path());
    let file = served.settings_file();
    let file = file.to_str().unwrap();
    for arguments in [
        &["journal", "dump"][..],
        &["journal", "verify"],
        &["config", "show"],
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = gateway(arguments);
        let told = command
            .args(["--config", file])
            .stdout(writer)
            .stderr(Stdio::piped());
        let ended = told.spawn().unwrap().wait_with_output().unwrap();
        let errors = String::from_utf8(ended.stderr).unwrap();
        assert!(
            ended.status.success() && errors.is_empty(),
            "{arguments:?}: {errors}"
        );
    }
}

#[test]
fn the_journal_of_a_stopped_gateway_is_sound_and_readable() {
    let dir = tempfile::tempdir().unwrap();
    let served = Program::start(dir.path());
    let file = served.settings_file();
    assert!(served.stop());
    let config = ["--config", file.to_str().unwrap()];
    let (succeeded, out, errors) = output(gateway(&["journal", "verify"]).args(config));
    assert!(succeeded && out.contains("\"state\":\"sound\""), "{out}{errors}");
    let (succeeded, out, errors) = output(gateway(&["journal", "dump"]).args(config));
    assert!(succeeded, "{errors}");
    let records: Vec<Value> = out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    for (index, record) in records.iter().enumerate() {
        assert_eq!(record["seq"], index as u64 + 1, "{record}");
        assert!(
            record["command"].is_object() || record["command"].is_string(),
            "{record}"
        );
    }
    let deposits = records
        .iter()
        .filter(|record| !record["command"]["transfer"].is_null());
    assert_eq!(
        deposits.count(),
        8,
        "the development deposits are not in the journal: {out}"
    );
    let (_, some, _) = output(gateway(&["journal", "dump", "--from", "2", "--to", "3"]).args(config));
    assert_eq!(
        some,
        out.lines()
            .skip(1)
            .take(2)
            .map(|line| format!("{line}\n"))
            .collect::<String>()
    );
    // The directory can be named too, and a misspelt one is not sound.
    let data = dir.path().join("data");
    let (succeeded, ..) = output(&mut gateway(&["journal", "verify", data.to_str().unwrap()]));
    assert!(succeeded);
    for command in ["verify", "dump"] {
        let (succeeded, _, errors) = output(&mut gateway(&["journal", command, "/no/such/directory"]));
        assert!(
            !succeeded && errors.contains("there is no journal in /no/such/directory"),
            "{errors}"
        );
    }
}

#[test]
fn a_damaged_journal_is_told_of_and_refused() {
    let dir = tempfile::tempdir().unwrap();
    let served = Program::start(dir.path());
    let ports = [served.public, served.websocket, served.admin];
    drop(served);
    let segments = std::fs::read_dir(dir.path().join("data/journal")).unwrap();
    let segment = segments
        .map(|entry| entry.unwrap().path())
        .find(|path| path.extension().is_some_and(|ending| ending == "log"))
        .unwrap();
    let bytes = std::fs::read(&segment).unwrap();
    let middle = bytes.len() / 3;
    let file = OpenOptions::new().write(true).open(&segment).unwrap();
    file.write_at(&[bytes[middle] ^ 1], middle as u64).unwrap();
    let name = segment.file_name().unwrap().to_str().unwrap();
    let config = ["--config", dir.path().join("settings.yaml").to_str().unwrap()].map(str::to_owned);
    let (succeeded, out, errors) = output(gateway(&["journal", "verify"]).args(&config));
    assert!(!succeeded, "{out}");
    assert!(
        errors.contains("the journal is damaged") && out.contains(name),
        "{out}{errors}"
    );
    let told = refusal(dir.path(), &settings(dir.path(), ports));
    assert!(told.contains(name) && told.contains("at byte"), "{told}");
    assert_eq!(
        std::fs::read(&segment).unwrap().len(),
        bytes.len(),
        "the refused start changed the segment"
    );
}

#[test]
fn a_second_gateway_on_the_same_files_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let first = Program::start(dir.path());
    let told = refusal(dir.path(), &settings(dir.path(), free_ports()));
    let data = dir.path().join("data");
    assert!(told.contains(data.to_str().unwrap()), "{told}");
    assert!(told.contains("another process"), "{told}");
    assert!(first.is_ready());
}

#[test]
fn a_taken_port_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let held = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let taken = held.local_addr().unwrap().port();
    let [one, two, _] = free_ports();
    for ports in [[taken, one, two], [one, taken, two], [one, two, taken]] {
        let told = refusal(dir.path(), &settings(dir.path(), ports));
        assert!(
            told.contains(&format!("cannot listen on 127.0.0.1:{taken}")),
            "{told}"
        );
    }
}

#[test]
fn production_wants_its_own_secret() {
    let dir = tempfile::tempdir().unwrap();
    for environment in ["staging", "production"] {
        let yaml = settings(dir.path(), free_ports()).replace("development", environment);
        let told = refusal(dir.path(), &yaml);
        for path in ["auth.secret", "auth.api_key_secret"] {
            assert!(told.contains(path), "{path}: {told}");
        }
        assert!(!told.contains("everybody-knows"), "{told}");
        assert!(!dir.path().join("data").exists(), "a refused start left files");
    }
}

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
fn a_distributed_exchange_needs_its_database_at_the_start() {
    let dir = tempfile::tempdir().unwrap();
    let [nowhere, _, _] = free_ports();
    let database = format!("database: {{ url: 'postgres://nobody@127.0.0.1:{nowhere}/none' }}\n");
    let yaml = settings(dir.path(), free_ports()) + "mode: distributed\n" + &database;
    let told = refusal(dir.path(), &yaml);
    assert!(
        told.contains("database") && told.contains("no connection"),
        "{told}"
    );
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
fn a_demonstration_in_production_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let yaml = settings(dir.path(), free_ports()).replace("development", "production");
    let yaml = yaml + &format!("auth: {{ secret: {SECRET}, api_key_secret: {API_KEY_SECRET} }}\n");
    let file = dir.path().join("production.yaml");
    std::fs::write(&file, &yaml).unwrap();
    let config = ["--config", file.to_str().unwrap()];
    let (succeeded, _, errors) = output(gateway(&["--demo"]).args(config));
    assert!(!succeeded && errors.contains("--demo"), "{errors}");
    let told = refusal(dir.path(), &(yaml + "demo: { enabled: true }\n"));
    assert!(told.contains("demo.enabled"), "{told}");
    assert!(!dir.path().join("data").exists(), "a refused start left files");
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
