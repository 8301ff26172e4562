//! Entry point of the load generator.

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    load::exit_code(load::Cli::parse().execute())
}
