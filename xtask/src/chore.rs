//! The list of chores as the command line knows them.

use anyhow::Result;
use clap::Parser;

use crate::{
    alerts, chaos, coverage, crash, database, image, layers, lint, load, rules, session, test, tidy, up,
    validate, verify,
};

/// A chore.
#[derive(Parser)]
#[command(about = "The project's chores")]
pub enum Chore {
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
    /// Breaks the distributed exchange under load, piece by piece; nothing acknowledged may be lost or doubled
    Chaos(chaos::Options),
    /// Causes faults under the eyes of a real Prometheus: each alert must fire, and go quiet when its fault is mended
    Alerts(alerts::Options),
    /// Holds one session with the distributed exchange and with the embedded one; both must answer alike
    Session(session::Options),
    /// Takes one safety rule at a time out of a copy, and sees the test fail that guards it
    Rules(rules::Options),
    /// Puts load on a running gateway and checks what came of it: run, fanout, book, private (see bins/load/README.md)
    Load(load::Options),
    /// Starts the whole distributed exchange on this machine, on servers of its own or on given ones
    Up(up::Options),
    /// What is written for shells, GitHub, Kubernetes, Docker and Prometheus, held against the tools that know it
    Validate(validate::Options),
    /// Looks once whether the books of an exchange agree, and prints what does not
    Audit(database::Audit),
    /// The images of the programs, out of docker/Dockerfile
    Image(image::Options),
    /// Looks at a deployment from outside
    Verify(verify::Options),
    /// The database's schema, forwards and back
    #[command(subcommand)]
    Migrate(database::Migrate),
    /// The months of orders and the days of trades
    #[command(subcommand)]
    Partitions(database::Partitions),
    /// How many orders a second the database takes, beside what its disk and its COPY can do
    BenchInserts(database::BenchInserts),
}

impl Chore {
    /// Does it.
    pub fn run(&self) -> Result<()> {
        match self {
            Self::Lint => lint::run(),
            Self::Test => test::run(),
            Self::Layers => layers::run(),
            Self::Tidy => tidy::run(),
            Self::Coverage(options) => coverage::run(options),
            Self::Crash(options) => crash::run(options),
            Self::Chaos(options) => chaos::run(options),
            Self::Alerts(options) => alerts::run(options),
            Self::Session(options) => session::run(options),
            Self::Rules(options) => rules::run(options),
            Self::Load(options) => load::run(options),
            Self::Up(options) => up::run(options),
            Self::Validate(options) => validate::run(options),
            Self::Audit(options) => database::audit(options),
            Self::Image(options) => image::run(options),
            Self::Verify(options) => verify::run(options),
            Self::Migrate(command) => database::migrate(command),
            Self::Partitions(command) => database::partitions(command),
            Self::BenchInserts(options) => database::bench_inserts(options),
        }
    }
}
