//! The program's commands as a person or a script meets them: tokens, settings, journal, and starts that are refused.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

mod commands;
mod journal;
#[path = "../program/mod.rs"]
mod program;
mod refused;
mod serving;
mod tokens;

use std::path::Path;

use program::{gateway, output};

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
