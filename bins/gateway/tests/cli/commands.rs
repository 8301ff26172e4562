//! Commands that look at something and end: settings, health, and readers that do not wait.

use std::process::Stdio;

use serde_json::Value;

use crate::program::{Program, gateway, output};
use crate::{API_KEY_SECRET, SECRET};

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
fn the_description_of_the_api_needs_no_settings() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("broken.yaml");
    std::fs::write(&file, "server: [").unwrap();
    let config = ["--config", file.to_str().unwrap()];
    let (succeeded, _, errors) = output(gateway(&["config", "check"]).args(config));
    assert!(!succeeded && errors.contains("settings file"), "{errors}");
    let (succeeded, out, errors) = output(gateway(&["openapi"]).args(config));
    assert!(succeeded && errors.is_empty(), "{errors}");
    let document: Value = serde_json::from_str(&out).unwrap();
    assert!(document["paths"]["/api/v1/orders"].is_object(), "{document}");
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
