//! One fault under load, from the first order to the last check.

use std::process::Command;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, bail};
use serde_json::Value;
use testbed::Role;
use tokio::time::Instant;

use super::arena::Arena;
use super::check::check;
use super::dice::Dice;
use super::plan::{self, Fault};
use super::pulse::{Beat, Pulse};
use super::tables::{Tables, Waiting};
use super::traffic::{Counts, Running, Traffic};
use super::wall;

/// How long after healing an order may be PENDING, and anything else wait.
const HEALED: Duration = Duration::from_secs(30);
/// How long the load goes on after healing.
const AFTER: Duration = Duration::from_secs(2);
/// How long gateways may show what is not so any more.
const LAG: Duration = Duration::from_secs(10);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(50);
/// How many differences are told.
const TOLD: usize = 20;

/// The measure of a round.
#[derive(Debug, Clone, Copy)]
pub struct Measure {
    /// Orders a second.
    pub rate: u32,
    /// Whether it is the short form.
    pub short: bool,
}

/// What a round came to.
#[derive(Debug, Default)]
pub struct Outcome {
    /// What was done to the exchange.
    pub done: Vec<String>,
    /// What came of the load.
    pub counts: Counts,
    /// Standstill and takeover.
    pub beat: Beat,
    /// From healing until no order received before it was PENDING.
    pub caught_up: Duration,
    /// Orders that had to be asked for again.
    pub resolved: usize,
    /// Batches and commands that the audit replayed.
    pub replayed: String,
    /// What is wrong; nothing: the round has passed.
    pub differences: Vec<String>,
}

/// An exchange under load.
pub struct Session {
    arena: Arena,
    // Taken while the load runs.
    traffic: Option<Traffic>,
}

impl Session {
    /// An exchange and its clients.
    pub fn new(arena: Arena, traffic: Traffic) -> Self {
        Self {
            arena,
            traffic: Some(traffic),
        }
    }

    /// Breaks and heals the exchange under load, and checks everything.
    ///
    /// # Errors
    /// The exchange could not be broken or healed: what follows would say nothing.
    pub async fn round(&mut self, fault: Fault, measure: Measure, mut dice: Dice) -> Result<Outcome> {
        let mut outcome = Outcome::default();
        let mut tables = Tables::new(self.arena.exchange.postgres_url());
        let running = self
            .traffic
            .take()
            .context("the load has broken down")?
            .start(measure.rate);
        tokio::time::sleep(dice.millis(1_000, if measure.short { 2_000 } else { 4_000 })).await;
        let pulse = Pulse::start(self.arena.exchange.postgres_url());
        // Something to compare with.
        tokio::time::sleep(LOOK * 4).await;
        let broken = self.break_and_heal(fault, measure, &mut dice, &mut outcome).await;
        let healed = (Instant::now(), wall::now());
        let caught_up = match &broken {
            Ok(()) => caught_up(&mut tables, healed).await,
            Err(_) => Ok(Duration::ZERO),
        };
        if caught_up.is_ok() {
            tokio::time::sleep_until(healed.0 + AFTER).await;
        }
        outcome.beat = pulse.beat();
        drop(pulse);
        self.stop(running).await?;
        broken?;
        outcome.caught_up = told(caught_up, &mut outcome);
        if let Some(fallen) = self.arena.exchange.fallen() {
            outcome.differences.push(fallen);
        }
        self.verify(&mut tables, healed.0 + HEALED, &mut outcome).await;
        Ok(outcome)
    }

    /// Stops everything in good order.
    ///
    /// # Errors
    /// What did not stop in good order.
    pub async fn end(mut self) -> Result<()> {
        self.arena.exchange.stop().await
    }

    async fn break_and_heal(
        &mut self,
        fault: Fault,
        measure: Measure,
        dice: &mut Dice,
        outcome: &mut Outcome,
    ) -> Result<()> {
        let blows = plan::blows(
            fault,
            &self.arena.gateways(),
            &self.arena.ways(),
            measure.short,
            dice,
        );
        for blow in blows {
            let (done, cure) = self.arena.hit(&blow.hit).await?;
            outcome.done.push(done);
            tokio::time::sleep(blow.lasts).await;
            self.arena.cure(cure).await?;
            tokio::time::sleep(blow.pause).await;
        }
        Ok(())
    }

    async fn stop(&mut self, running: Running) -> Result<()> {
        let traffic = running.stop().await?;
        self.traffic = Some(traffic);
        Ok(())
    }

    /// Waits until nothing is on its way, finds out what nobody was told, and checks everything.
    async fn verify(&mut self, tables: &mut Tables, deadline: Instant, outcome: &mut Outcome) {
        let quiet = quiet(tables, deadline).await;
        told(quiet, outcome);
        let Some(traffic) = self.traffic.as_mut() else {
            return;
        };
        outcome.resolved = traffic.resolve().await;
        outcome.counts = traffic.shared.take_counts();
        if outcome.resolved > 0 {
            let quiet = self::quiet(tables, Instant::now() + HEALED).await;
            told(quiet, outcome);
        }
        // What ends by itself in the middle of a check would look as if gateways differed.
        let ended = until_nothing_ends(tables).await;
        told(ended, outcome);
        let deadline = Instant::now() + LAG;
        let found = loop {
            let found = check(&traffic.shared).await;
            let fits = found.as_ref().is_ok_and(Vec::is_empty);
            if fits || Instant::now() >= deadline {
                break found;
            }
            tokio::time::sleep(LOOK * 10).await;
        };
        let found = told(found, outcome);
        outcome.differences.extend(found.into_iter().take(TOLD));
        let audited = self.audit(outcome).await;
        told(audited, outcome);
    }

    /// The invariants of all tables, and the proofs of equality over every shard's log.
    async fn audit(&self, outcome: &mut Outcome) -> Result<()> {
        let exchange = &self.arena.exchange;
        let matcher = exchange.of(Role::Matcher).next().context("there is no matcher")?;
        let mut command: Command =
            matcher.command(&["audit", "--replay", "--database", exchange.postgres_url()]);
        let output = tokio::task::spawn_blocking(move || command.output()).await?;
        let output = output.context("the audit cannot be started")?;
        let said = String::from_utf8_lossy(&output.stderr);
        let report: Value = serde_json::from_slice(&output.stdout)
            .with_context(|| format!("the audit says nothing ({}): {}", output.status, said.trim_end()))?;
        for broken in report["broken"].as_array().into_iter().flatten().take(TOLD) {
            let text = |field: &str| broken[field].as_str().unwrap_or_default();
            outcome
                .differences
                .push(format!("audit: {}: {}", text("rule"), text("what")));
        }
        if report["is_quiet"] != true {
            bail!(
                "the audit finds that something is on its way: {} outstanding",
                report["outstanding"]
            );
        }
        if report["replayed"]["balances_compared"] != true && outcome.differences.is_empty() {
            bail!("the audit has not compared the balances with those of a replay");
        }
        if !output.status.success() && outcome.differences.is_empty() {
            bail!("the audit failed ({}): {}", output.status, said.trim_end());
        }
        outcome.replayed = format!(
            "{} in {}",
            report["replayed"]["commands"], report["replayed"]["batches"]
        );
        Ok(())
    }
}

/// An error is one more difference.
fn told<T: Default>(result: Result<T>, outcome: &mut Outcome) -> T {
    result.unwrap_or_else(|error| {
        outcome.differences.push(format!("{error:#}"));
        T::default()
    })
}

/// Waits until no order that was received before healing is PENDING; how long that took.
async fn caught_up(tables: &mut Tables, (healed, moment): (Instant, SystemTime)) -> Result<Duration> {
    loop {
        let pending = tables.pending_before(moment).await;
        match pending {
            Ok(0) => return Ok(healed.elapsed()),
            _ if healed.elapsed() < HEALED => tokio::time::sleep(LOOK).await,
            Ok(count) => bail!("{count} orders are PENDING {HEALED:?} after healing"),
            Err(error) => return Err(error),
        }
    }
}

/// Waits until nothing waits.
async fn quiet(tables: &mut Tables, deadline: Instant) -> Result<()> {
    let mut last: Option<Waiting> = None;
    loop {
        match tables.waiting().await {
            Ok(waiting) if waiting.is_quiet() => return Ok(()),
            Ok(waiting) => last = Some(waiting),
            Err(error) if Instant::now() >= deadline => return Err(error),
            Err(_) => {}
        }
        if Instant::now() >= deadline
            && let Some(waiting) = last
        {
            bail!("it does not come to rest: {waiting}");
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Waits until no order is left that ends by itself within seconds, and until that has settled.
async fn until_nothing_ends(tables: &mut Tables) -> Result<()> {
    let deadline = Instant::now() + HEALED;
    loop {
        match tables.ending().await {
            Ok(0) => return quiet(tables, deadline).await,
            Err(error) if Instant::now() >= deadline => return Err(error),
            Ok(left) if Instant::now() >= deadline => bail!("{left} orders do not expire in time"),
            Ok(_) | Err(_) => tokio::time::sleep(LOOK).await,
        }
    }
}
