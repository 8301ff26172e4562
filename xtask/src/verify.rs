//! `cargo xtask verify`: the scripts that look at a deployment from outside.

use std::process::Command;

use anyhow::Result;

use crate::shell;

/// What `cargo xtask verify` can be told.
#[derive(clap::Args)]
pub struct Options {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand)]
enum What {
    /// Whether PostgreSQL, Redis, RabbitMQ and the gateway answer; addresses come from the environment (see the script)
    Infrastructure {
        /// Some of: compose postgresql redis rabbitmq gateway; else all of them
        checks: Vec<String>,
    },
}

/// Runs the script.
pub fn run(options: &Options) -> Result<()> {
    let What::Infrastructure { checks } = &options.what;
    let mut script = Command::new(shell::root().join("test/verify-infrastructure.sh"));
    shell::run(script.current_dir(shell::root()).args(checks))
}
