//! `cargo xtask alerts`: a real Prometheus watches real exchanges, one of each shape, by the rules of deploy/prometheus; each fault must make its
//! alert fire, and its mitigation must make it quiet again.

mod books;
mod cases;
mod disk;
mod door;
mod embedded;
mod faults;
mod flow;
mod jobs;
mod operator;
mod outside;
mod pages;
mod prometheus;
mod readers;
mod sql;
mod surroundings;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use testbed::{Exchange, ExchangeOptions, Role};
use tokio::runtime::Runtime;

use crate::{shell, up};
use cases::{CASES, Case};
use flow::Flow;
use pages::Places;
use prometheus::Prometheus;
use surroundings::Surroundings;

/// What `cargo xtask alerts` can be told.
#[derive(Debug, Default, clap::Args)]
pub struct Options {
    /// The programs lie here; nothing is built
    #[arg(long)]
    programs: Option<PathBuf>,
    /// Where logs and data stay [default: a folder that goes unless something is wrong]
    #[arg(long)]
    dir: Option<PathBuf>,
    /// Only the cases of these alerts
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Only type the first commands of the runbooks, while all is well
    #[arg(long)]
    runbooks: bool,
}

impl Options {
    fn wants(&self, alert: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only == alert)
    }
}

/// Causes one fault after the other.
///
/// # Errors
/// An alert does not fire, or does not go quiet; the rest is tried all the same.
pub fn run(options: &Options) -> Result<()> {
    let programs = match &options.programs {
        Some(programs) => shell::root().join(programs),
        None => up::build(true)?,
    };
    let dir = options.dir.as_ref().map_or_else(
        || std::env::temp_dir().join(format!("trade-engine-alerts-{}", std::process::id())),
        |dir| shell::root().join(dir),
    );
    std::fs::create_dir_all(&dir).with_context(|| dir.display().to_string())?;
    let pages = pages::all()?;
    let unknown = options.only.iter().find(|only| !pages.contains(only));
    ensure!(unknown.is_none(), "there is no alert {unknown:?}");
    let failed = Runtime::new()?.block_on(async {
        let mut failed = Vec::new();
        let (of_embedded, others): (Vec<&str>, Vec<&str>) = (pages.iter().map(String::as_str))
            .filter(|alert| options.wants(alert))
            .partition(|alert| embedded::ALERTS.contains(alert));
        if !of_embedded.is_empty() {
            let dir = dir.join("embedded");
            for (alert, outcome) in embedded::tried(&programs, &dir, &of_embedded, options.runbooks).await? {
                tell(alert, outcome, &mut failed);
            }
        }
        if !others.is_empty() {
            failed.extend(distributed(&programs, &dir, &others, options).await?);
        }
        anyhow::Ok(failed)
    })?;
    if !failed.is_empty() {
        bail!("{}; logs: {}", failed.join("; "), dir.display());
    }
    match options.dir {
        None => std::fs::remove_dir_all(&dir).with_context(|| dir.display().to_string()),
        Some(_) => Ok(()),
    }
}

fn tell(alerts: &str, outcome: Result<()>, failed: &mut Vec<String>) {
    match outcome {
        Ok(()) => println!("{alerts}: fired, and went quiet"),
        Err(error) => {
            println!("{alerts}: FAILED: {error:#}");
            failed.push(alerts.to_owned());
        }
    }
}

/// Types what the runbooks of these alerts say, and tries their cases, on a distributed exchange; what failed.
async fn distributed(programs: &Path, dir: &Path, alerts: &[&str], wanted: &Options) -> Result<Vec<String>> {
    let mut options = ExchangeOptions::new(programs)
        .dir(dir)
        .auditors(1)
        .broker_metrics(true);
    for (name, value) in faults::SETTINGS {
        options = options.setting(name, value);
    }
    let mut exchange = Exchange::start(options).await?;
    let mut around = Surroundings::around(&exchange, dir).await?;
    let mut prometheus = Prometheus::over(&exchange, &around, dir).await?;
    let flow = Flow::start(&exchange.of(Role::Gateway).collect::<Vec<_>>())?;
    prometheus.until_quiet(&[]).await.context("before any fault")?;
    let places = Places::of(&exchange, &around, dir)?;
    let mut failed = pages::typed(&places, alerts);
    let cases = (CASES.iter())
        .filter(|case| !wanted.runbooks && case.names().into_iter().any(|alert| wanted.wants(alert)));
    for case in cases {
        let outcome = tried(case, &mut exchange, &mut around, &prometheus, &places).await;
        if let Ok(others) = &outcome {
            for lasting in case.lasting {
                println!("{lasting}: fired; it looks back too far to wait for its end");
            }
            println!("(others that fired meanwhile: {others:?})");
        }
        tell(&case.alerts.join(", "), outcome.map(drop), &mut failed);
    }
    println!("{} orders were asked for meanwhile", flow.stop().await);
    prometheus.stop().await?;
    drop(around);
    exchange.stop().await?;
    Ok(failed)
}

/// One fault: caused, seen, mended, and seen to be gone; what else fired. It is mended whatever is seen.
async fn tried(
    case: &Case,
    exchange: &mut Exchange,
    around: &mut Surroundings,
    prometheus: &Prometheus,
    places: &Places,
) -> Result<BTreeSet<String>> {
    // What fires still, or already, would prove nothing.
    prometheus
        .until_quiet(case.alerts)
        .await
        .context("before the fault")?;
    let caused = faults::cause(case.fault, exchange, around, prometheus).await;
    let fired = match caused {
        Ok(mut tasks) => {
            let fired = prometheus.until_firing(&case.all()).await;
            let typed =
                (case.names().into_iter()).try_for_each(|alert| places.type_commands_of(alert, false));
            tasks.abort_all();
            fired.and_then(|fired| typed.map(|()| fired))
        }
        Err(error) => Err(error.context("the fault")),
    };
    let mended = faults::mend(case.fault, exchange, around)
        .await
        .context("the mitigation");
    let mut fired = fired?;
    mended?;
    prometheus.until_quiet(case.alerts).await?;
    fired.retain(|alert| !alert.contains(cases::OF_JOB) && !case.names().contains(&alert.as_str()));
    Ok(fired)
}
