//! The program itself: its commands, a database of its own, its stop.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::net::TcpListener;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use persistence::postgres::{connect, migrate};
use tokio_postgres::NoTls;

const PROGRAM: &str = env!("CARGO_BIN_EXE_wallet-service");

/// The program with an environment of its own.
fn program(settings: &[(&str, &str)]) -> Command {
    let mut command = Command::new(PROGRAM);
    command.env_clear().current_dir(std::env::temp_dir());
    for (name, value) in settings {
        command.env(format!("TRADE_ENGINE_{name}"), value);
    }
    command
}

fn said(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    format!("{}{}", text(&output.stdout), text(&output.stderr))
}

#[test]
fn the_settings_are_checked_and_shown_without_secrets() {
    let secret = ("WALLET__SECRET", "hunter2-hunter2-hunter2-hunter2-hunter2");
    let distributed = ("MODE", "distributed");
    let run = |settings: &[_], words: &[&str]| program(settings).args(words).output().unwrap();
    let output = run(&[distributed, secret], &["config", "check"]);
    assert!(output.status.success(), "{}", said(&output));
    assert!(said(&output).contains("the settings are right"));
    let output = run(&[distributed, secret], &["config", "show"]);
    assert!(said(&output).contains("wallet.secret = \"(redacted)\"") && !said(&output).contains("hunter2"));
    let output = run(&[secret], &["config", "check"]);
    assert!(!output.status.success() && said(&output).contains("mode: must be distributed"));
    for words in [&["serve"][..], &[]] {
        let output = run(&[("MODE", "embedded")], words);
        assert!(!output.status.success(), "{words:?}");
        assert!(
            said(&output).contains("wallet-service: mode: must be distributed"),
            "{}",
            said(&output)
        );
    }
    let output = run(&[distributed, ("WALLET__PORT", "0")], &["config", "check"]);
    assert!(
        said(&output).contains("wallet.port: must be 1 to 65535"),
        "{}",
        said(&output)
    );
}

#[test]
fn the_description_of_the_api_needs_no_settings() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("broken.yaml");
    std::fs::write(&file, "server: [").unwrap();
    let run = |words: &[&str]| program(&[]).args(words).arg("--config").arg(&file).output();
    let output = run(&["config", "check"]).unwrap();
    assert!(
        !output.status.success() && said(&output).contains("settings file"),
        "{}",
        said(&output)
    );
    let output = run(&["openapi"]).unwrap();
    assert!(output.status.success(), "{}", said(&output));
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(
        document["paths"]["/api/v1/wallets/reserve"].is_object(),
        "{document}"
    );
}

#[test]
fn a_service_that_does_not_answer_is_not_healthy() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    drop(listener);
    let output = program(&[("WALLET__PORT", &port)])
        .arg("healthcheck")
        .output()
        .unwrap();
    assert!(
        !output.status.success() && said(&output).contains("does not answer"),
        "{}",
        said(&output)
    );
}

/// A database with this program's schema; dropped at the end.
struct Own {
    name: String,
    server: String,
}

impl Own {
    async fn create() -> Self {
        let server = std::env::var("TEST_POSTGRES_URL")
            .unwrap_or_else(|_| "postgres://postgres@127.0.0.1:5432/postgres".to_owned());
        let own = Self {
            name: format!("te_wallet_service_{}", std::process::id()),
            server,
        };
        own.tell(&format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", own.name))
            .await;
        own.tell(&format!("CREATE DATABASE {}", own.name)).await;
        own
    }

    async fn tell(&self, statement: &str) {
        let (client, connection) = tokio_postgres::connect(&self.server, NoTls).await.unwrap();
        let driver = tokio::spawn(connection);
        client.batch_execute(statement).await.unwrap();
        drop(client);
        driver.await.unwrap().unwrap();
    }

    fn url(&self) -> String {
        let (address, _) = self.server.rsplit_once('/').unwrap();
        format!("{address}/{}", self.name)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_refuses_a_database_without_its_tables_and_serves_one_that_has_them_until_it_is_told_to_stop() {
    let own = Own::create().await;
    let ports: Vec<TcpListener> = (0..2)
        .map(|_| TcpListener::bind("127.0.0.1:0").unwrap())
        .collect();
    let [port, metrics]: [String; 2] = ports
        .iter()
        .map(|listener| listener.local_addr().unwrap().port().to_string())
        .collect::<Vec<_>>()
        .try_into()
        .unwrap();
    drop(ports);
    let url = own.url();
    let settings = [
        ("MODE", "distributed"),
        ("DATABASE__URL", url.as_str()),
        ("WALLET__PORT", port.as_str()),
        ("WALLET__METRICS_PORT", metrics.as_str()),
        ("LOGGING__OUTPUT", "stderr"),
    ];
    let output = program(&settings).output().unwrap();
    assert!(
        !output.status.success() && said(&output).contains("the schema lacks"),
        "{}",
        said(&output)
    );
    migrate::up(&mut connect(&url.clone().into()).await.unwrap())
        .await
        .unwrap();
    let mut running = program(&settings).stderr(Stdio::null()).spawn().unwrap();
    let mut healthy = false;
    for _ in 0..600 {
        healthy = program(&settings)
            .arg("healthcheck")
            .output()
            .unwrap()
            .status
            .success();
        if healthy {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(healthy, "it became ready");
    let text = reqwest::get(format!("http://127.0.0.1:{metrics}/metrics"))
        .await
        .unwrap();
    let text = text.text().await.unwrap();
    for pool in [
        r#"database_connections_max{pool="transactions"} 2"#,
        r#"database_connections_max{pool="questions"} 18"#,
    ] {
        assert!(text.contains(pool), "{text}");
    }
    let stopped = Command::new("kill")
        .arg(running.id().to_string())
        .status()
        .unwrap();
    assert!(stopped.success());
    let status = tokio::task::spawn_blocking(move || running.wait())
        .await
        .unwrap()
        .unwrap();
    assert!(status.success(), "{status}");
    own.tell(&format!("DROP DATABASE {} WITH (FORCE)", own.name))
        .await;
}
