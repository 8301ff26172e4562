//! `cargo xtask chaos`: the distributed exchange under load, broken piece by piece; nothing acknowledged may be lost or doubled.

mod arena;
mod check;
mod clients;
pub mod decimal;
mod dice;
mod flow;
mod plan;
mod promise;
mod pulse;
mod report;
mod round;
mod shown;
mod tables;
mod traffic;
mod wall;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::ValueEnum as _;
use tokio::runtime::Runtime;

use crate::{shell, up};
use arena::Arena;
use clients::Clients;
use dice::Dice;
use plan::Fault;
use report::Report;
use round::{Measure, Session};
use traffic::Traffic;

/// How many users trade.
const USERS: u16 = 12;
/// The short form's rate.
const SHORT_RATE: u32 = 100;

/// What `cargo xtask chaos` can be told.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// How often each fault is tried
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    rounds: u32,
    /// The dice of an earlier run, which it prints first; else new ones
    #[arg(long)]
    seed: Option<u64>,
    /// Only these faults
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Fault>,
    /// Requests a second
    #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(u32).range(1..=5_000))]
    rate: u32,
    /// Over how many shards the markets are spread
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=16))]
    shards: u32,
    /// One round of the cheap faults at a low rate, with what `cargo test` has built
    #[arg(long)]
    short: bool,
    /// Builds without optimisation
    #[arg(long)]
    debug: bool,
    /// The programs lie here; nothing is built
    #[arg(long)]
    programs: Option<PathBuf>,
    /// Where logs and data of failed rounds stay [default: a folder for temporary files]
    #[arg(long)]
    dir: Option<PathBuf>,
}

/// A run as it was asked for.
struct Run {
    programs: PathBuf,
    dir: PathBuf,
    seed: u64,
    rounds: u32,
    shards: u32,
    faults: Vec<Fault>,
    measure: Measure,
}

/// Breaks the exchange in each way again and again.
///
/// # Errors
/// Something was lost, doubled, or does not hold; or the exchange cannot be started.
pub fn run(options: &Options) -> Result<()> {
    let programs = match (&options.programs, options.short) {
        (Some(programs), _) => shell::root().join(programs),
        (None, true) => up::build_for_tests()?,
        (None, false) => up::build(options.debug)?,
    };
    let seed = options
        .seed
        .unwrap_or_else(|| u64::from(wall::since_1970().subsec_nanos()));
    let dir = options.dir.as_ref().map_or_else(
        || std::env::temp_dir().join(format!("trade-engine-chaos-{}", std::process::id())),
        |dir| shell::root().join(dir),
    );
    let run = Run {
        programs,
        dir,
        seed,
        rounds: if options.short { 1 } else { options.rounds },
        shards: options.shards,
        faults: faults(&options.only, options.short),
        measure: Measure {
            rate: if options.short {
                options.rate.min(SHORT_RATE)
            } else {
                options.rate
            },
            short: options.short,
        },
    };
    println!("chaos: seed {seed}, {} requests a second", run.measure.rate);
    Runtime::new()?.block_on(run.all())
}

/// The short form, as every test run does it.
///
/// # Errors
/// See [`run`].
pub fn short() -> Result<()> {
    run(&Options {
        rounds: 1,
        seed: None,
        only: Vec::new(),
        rate: SHORT_RATE,
        shards: 1,
        short: true,
        debug: true,
        programs: None,
        dir: None,
    })
}

fn faults(only: &[Fault], short: bool) -> Vec<Fault> {
    match (only, short) {
        ([], true) => Fault::CHEAP.to_vec(),
        ([], false) => Fault::value_variants().to_vec(),
        (only, _) => only.to_vec(),
    }
}

impl Run {
    /// One exchange for each round, which gets all faults in an order of its own.
    async fn all(&self) -> Result<()> {
        let mut report = Report::default();
        for round in 1..=self.rounds {
            let mut faults = self.faults.clone();
            Dice::new(self.seed).fork(u64::from(round)).shuffle(&mut faults);
            let mut left = faults.into_iter().peekable();
            let mut life = 0;
            while left.peek().is_some() {
                life += 1;
                let dir = self.dir.join(format!("round-{round}-{life}"));
                if self.life(round, &mut left, &dir, &mut report).await? {
                    std::fs::remove_dir_all(&dir).with_context(|| dir.display().to_string())?;
                } else {
                    println!("  logs and data: {}", dir.display());
                }
            }
        }
        // Only what failed is left in it.
        let _ = std::fs::remove_dir(&self.dir);
        println!("\n{}", report.table());
        match report.failed() {
            0 => Ok(()),
            failed => bail!("chaos: {failed} rounds failed; the seed is {}", self.seed),
        }
    }

    /// One exchange, as long as no round fails; whether all went well.
    async fn life(
        &self,
        round: u32,
        left: &mut impl Iterator<Item = Fault>,
        dir: &Path,
        report: &mut Report,
    ) -> Result<bool> {
        let arena = Arena::start(self.programs.clone(), dir.to_owned(), self.shards).await?;
        let clients = Clients::open(&arena, USERS).await?;
        let dice = Dice::new(self.seed).fork(u64::from(round)).fork(u64::MAX);
        let mut session = Session::new(arena, Traffic::new(clients, dice));
        for fault in left {
            match session
                .round(fault, self.measure, fault.dice(self.seed, round))
                .await
            {
                Ok(outcome) => {
                    println!("{}", report.round(self.seed, round, fault, &outcome));
                    if !outcome.differences.is_empty() {
                        outcome
                            .differences
                            .iter()
                            .for_each(|difference| println!("  {difference}"));
                        return Ok(false);
                    }
                }
                Err(error) => {
                    report.broke(fault);
                    println!(
                        "seed {} round {round} {}: FAILED. {error:#}",
                        self.seed,
                        fault.name()
                    );
                    return Ok(false);
                }
            }
        }
        match session.end().await {
            Ok(()) => Ok(true),
            Err(error) => {
                println!("  the exchange did not stop in good order: {error:#}");
                Ok(false)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::chore::Chore;

    fn options(words: &[&str]) -> Options {
        match Chore::try_parse_from(["xtask", "chaos"].iter().chain(words)) {
            Ok(Chore::Chaos(options)) => options,
            _ => panic!("{words:?} are not understood"),
        }
    }

    #[test]
    fn all_faults_are_tried_unless_some_are_named() {
        let chosen = |words: &[&str]| {
            let options = options(words);
            faults(&options.only, options.short)
        };
        assert_eq!(chosen(&[]), Fault::value_variants());
        assert_eq!(chosen(&["--short"]), Fault::CHEAP);
        let named = chosen(&["--only", "kill-gateway,silent-wallet"]);
        assert_eq!(named, [Fault::KillGateway, Fault::SilentWallet]);
    }
}
