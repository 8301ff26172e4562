//! `cargo xtask lint`: every check that needs no running program.

use anyhow::Result;

use crate::steps::Steps;
use crate::{layers, shell, tidy};

/// Runs all checks, then names those that failed.
pub fn run() -> Result<()> {
    let mut steps = Steps::default();
    steps.step("format", || cargo(&["fmt", "--all", "--check"]));
    steps.step("layers", layers::run);
    steps.step("tidy", tidy::run);
    steps.step("clippy", || {
        cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"])
    });
    if shell::succeeds(&mut shell::cargo(&["deny", "--version"])) {
        steps.step("deny", || {
            cargo(&["deny", "check", "bans", "licenses", "sources"])
        });
    } else {
        println!("\n== deny\nskipped: cargo-deny is not installed (cargo install --locked cargo-deny)");
    }
    steps.finish("lint")
}

fn cargo(arguments: &[&str]) -> Result<()> {
    shell::run(&mut shell::cargo(arguments))
}
