//! The project's chores, run as `cargo xtask <chore>`.
#![expect(clippy::print_stdout, reason = "a chore reports on standard output")]

mod alerts;
mod chaos;
mod chore;
mod coverage;
mod crash;
mod database;
mod http;
mod image;
mod layers;
mod lint;
mod load;
mod rules;
mod servers;
mod session;
mod shell;
mod steps;
mod test;
#[cfg(test)]
mod test_plans;
mod tidy;
mod up;
mod validate;
mod verify;

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    let outcome = chore::Chore::parse().run();
    outcome.map_or_else(steps::report, |()| ExitCode::SUCCESS)
}
