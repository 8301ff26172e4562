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
    /// Whether the database has the schema and takes an order, of which nothing stays; its address comes from DATABASE_URL
    Schema,
}

/// Runs the script.
pub fn run(options: &Options) -> Result<()> {
    let (script, checks) = match &options.what {
        What::Infrastructure { checks } => ("test/verify-infrastructure.sh", checks.as_slice()),
        What::Schema => ("test/verify-database-schema.sh", [].as_slice()),
    };
    let mut script = Command::new(shell::root().join(script));
    shell::run(script.current_dir(shell::root()).args(checks))
}
