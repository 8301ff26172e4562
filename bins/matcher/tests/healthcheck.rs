//! `matcher healthcheck` where nobody answers; one that works is asked by the images' health check (docs/deployment.md).
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::net::TcpListener;
use std::process::Command;

/// What the command says, and whether it has found a matcher that is ready.
fn asks(metrics_port: u16) -> (bool, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_matcher"))
        .env_clear()
        .current_dir(std::env::temp_dir())
        .env("TRADE_ENGINE_MODE", "distributed")
        .env("TRADE_ENGINE_DATABASE__URL", "postgres://nobody@127.0.0.1:1/none")
        .env("TRADE_ENGINE_SERVER__METRICS_PORT", metrics_port.to_string())
        .arg("healthcheck")
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    (
        output.status.success(),
        String::from_utf8_lossy(&said).into_owned(),
    )
}

#[test]
fn one_that_does_not_answer_or_cannot_be_asked_is_not_healthy() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let (healthy, said) = asks(port);
    assert!(!healthy && said.contains("does not answer"), "{said}");
    let (healthy, said) = asks(0);
    assert!(!healthy && said.contains("server.metrics_port"), "{said}");
}
