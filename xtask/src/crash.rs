//! `cargo xtask crash`: the long form of the crash test, in release.

use anyhow::Result;

use crate::shell;

/// What `cargo xtask crash` can be told.
#[derive(clap::Args)]
pub struct Options {
    /// How often the gateway is killed
    #[arg(long, default_value_t = 20)]
    rounds: u32,
    /// The dice of an earlier run, which it prints first; else new ones
    #[arg(long)]
    seed: Option<u64>,
}

/// Kills a gateway under load again and again, and holds its log and its answers against what clients were told.
pub fn run(options: &Options) -> Result<()> {
    let words = [
        "test",
        "--release",
        "--package",
        "gateway",
        "--test",
        "crash",
        "--",
        "--nocapture",
    ];
    let mut command = shell::cargo(&words);
    command
        .arg("--test-threads=1")
        .env("CRASH_ROUNDS", options.rounds.to_string());
    if let Some(seed) = options.seed {
        command.env("CRASH_SEED", seed.to_string());
    }
    shell::run(&mut command)
}
