//! Entry point of the gateway.

use std::process::ExitCode;

use clap::Parser;
use gateway::Cli;

fn main() -> ExitCode {
    gateway::exit_code(Cli::parse().execute())
}
