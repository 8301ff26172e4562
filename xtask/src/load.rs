//! `cargo xtask load`: the load generator, in release.

use anyhow::Result;

use crate::shell;

/// What `cargo xtask load` can be told.
#[derive(clap::Args)]
#[command(disable_help_flag = true)]
pub struct Options {
    /// The load generator's own arguments: run, fanout, book, private, echo and theirs; `cargo xtask load --help` lists them
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

/// Builds the load generator with optimisation and runs it with these arguments.
pub fn run(options: &Options) -> Result<()> {
    let words = ["run", "--quiet", "--release", "--package", "load", "--"];
    shell::run(shell::cargo(&words).args(&options.arguments))
}
