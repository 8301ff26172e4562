//! `cargo xtask test`: every test of the workspace.

use anyhow::Result;

use crate::shell;
use crate::steps::Steps;

/// Runs unit and integration tests with cargo-nextest when it is installed, else with cargo's own runner, then the
/// examples in the documentation.
pub fn run() -> Result<()> {
    let mut steps = Steps::default();
    steps.step("tests", || {
        if shell::succeeds(&mut shell::cargo(&["nextest", "--version"])) {
            return cargo(&[
                "nextest",
                "run",
                "--workspace",
                "--no-fail-fast",
                "--no-tests",
                "warn",
            ]);
        }
        println!("cargo-nextest is not installed: cargo test takes its place");
        cargo(&[
            "test",
            "--workspace",
            "--lib",
            "--bins",
            "--tests",
            "--examples",
            "--no-fail-fast",
        ])
    });
    steps.step("documentation tests", || {
        cargo(&["test", "--workspace", "--doc", "--no-fail-fast"])
    });
    steps.finish("test")
}

fn cargo(arguments: &[&str]) -> Result<()> {
    shell::run(&mut shell::cargo(arguments))
}
