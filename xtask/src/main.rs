//! The project's chores, run as `cargo xtask <chore>`.
#![expect(clippy::print_stdout, reason = "a chore reports on standard output")]

mod coverage;
mod crash;
mod layers;
mod lint;
mod shell;
mod steps;
mod test;
mod tidy;

use clap::Parser;
use std::process::ExitCode;

#[derive(Parser)]
#[command(about = "The project's chores")]
enum Chore {
    /// Every check that needs no running program: format, clippy, layers, tidy, licences
    Lint,
    /// Every test of the workspace
    Test,
    /// Who may depend on whom
    Layers,
    /// The habits that no other tool checks
    Tidy,
    /// The share of lines that tests run; fails under 70 %
    Coverage(coverage::Options),
    /// Kills a gateway under load again and again; nothing acknowledged may be lost or doubled
    Crash(crash::Options),
}

fn main() -> ExitCode {
    let outcome = match Chore::parse() {
        Chore::Lint => lint::run(),
        Chore::Test => test::run(),
        Chore::Layers => layers::run(),
        Chore::Tidy => tidy::run(),
        Chore::Coverage(options) => coverage::run(&options),
        Chore::Crash(options) => crash::run(&options),
    };
    outcome.map_or_else(steps::report, |()| ExitCode::SUCCESS)
}
