//! The alerts of an embedded exchange: somebody else holds its history, more comes than one writer can do, its disk fills or hangs.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use testbed::{Member, Process, Signal};
use tokio::task::JoinSet;

use super::disk::Disk;
use super::flow::Flow;
use super::jobs::Job;
use super::operator::Caller;
use super::pages::Places;
use super::prometheus::{Prometheus, address};

/// What can be caused here.
pub const ALERTS: [&str; 4] = [
    "HistoryBehind",
    "WriterQueueFilling",
    "DataDiskFilling",
    "WriterStalled",
];

/// Settings that keep limits out of the way, and a queue that a flow of this machine can fill.
const SETTINGS: [(&str, &str); 5] = [
    ("TRADE_ENGINE_LIMITS__ADDRESS_REQUESTS_PER_SECOND", "100000"),
    ("TRADE_ENGINE_LIMITS__ADDRESS_BURST", "100000"),
    ("TRADE_ENGINE_LIMITS__ORDERS_PER_SECOND", "100000"),
    ("TRADE_ENGINE_EMBEDDED__QUEUE_CAPACITY", "16"),
    ("TRADE_ENGINE_EMBEDDED__BATCH_MAX", "1"),
];
/// Holds the file of history as a person with a database browser does who began something and went away.
const HOLD: &str = "import sqlite3, sys, time
history = sqlite3.connect(sys.argv[1], isolation_level=None)
history.execute('BEGIN IMMEDIATE')
print('held', flush=True)
time.sleep(3600)";
/// How many callers place one order after the other.
const CALLERS: usize = 96;
const PATIENCE: Duration = Duration::from_secs(20);
/// The disk of its data, and what is left of it: enough to take orders, and less than there should be.
const DISK_MIB: u64 = 3_072;
const LEFT_MIB: u64 = 700;

/// Types what the runbooks of these alerts say, and causes them, one after the other; what went wrong with which.
///
/// # Errors
/// The exchange or Prometheus cannot be started or stopped.
pub async fn tried<'a>(
    programs: &Path,
    dir: &Path,
    alerts: &[&'a str],
    only_type: bool,
) -> Result<Vec<(&'a str, Result<()>)>> {
    let mut gateway = Member::embedded(programs, dir)?;
    for (name, value) in SETTINGS {
        gateway.set(name, value);
    }
    let disk = Disk::mount(&dir.join(gateway.name()), DISK_MIB)?;
    gateway.start().await?;
    let rules = |name: &str| ["gateway", "slo", "embedded", "auditor"].contains(&name);
    let mut prometheus =
        Prometheus::start(&[Job::new("gateway", vec![address(&gateway)])], rules, dir).await?;
    let flow = Flow::start(&[&gateway])?;
    prometheus.until_quiet(&[]).await.context("before any fault")?;
    let places = Places::of_embedded(&gateway, dir)?;
    let mut outcomes = Vec::new();
    for alert in alerts {
        if let Err(error) = places.type_commands_of(alert, true) {
            outcomes.push((*alert, Err(error)));
        }
        if only_type {
            continue;
        }
        let outcome = match *alert {
            "HistoryBehind" => held(dir, &gateway, &prometheus, &places).await,
            "DataDiskFilling" => full(&disk, &prometheus, &places).await,
            "WriterStalled" => frozen(&disk, &prometheus, &places).await,
            _ => flooded(&gateway, &prometheus, &places).await,
        };
        outcomes.push((*alert, outcome));
    }
    flow.stop().await;
    prometheus.stop().await?;
    gateway.stop().await?;
    Ok(outcomes)
}

/// Waits until it fires, and types what its page says.
async fn fired(prometheus: &Prometheus, places: &Places, alert: &str) -> Result<()> {
    prometheus.until_firing(&[alert]).await?;
    places.type_commands_of(alert, false)
}

async fn held(dir: &Path, gateway: &Member, prometheus: &Prometheus, places: &Places) -> Result<()> {
    let history: PathBuf = dir.join(gateway.name()).join("history.sqlite");
    let mut command = Command::new("python3");
    command.args(["-c", HOLD]).arg(&history);
    let mut holder = Process::spawn("holder", command, &dir.join("holder.log"))?;
    holder.until_said("held", PATIENCE).await?;
    let fired = fired(prometheus, places, "HistoryBehind").await;
    holder.stop(Signal::KILL, PATIENCE).await?;
    fired?;
    prometheus.until_quiet(&["HistoryBehind"]).await
}

async fn full(disk: &Disk, prometheus: &Prometheus, places: &Places) -> Result<()> {
    disk.fill(LEFT_MIB)?;
    let fired = fired(prometheus, places, "DataDiskFilling").await;
    disk.clear()?;
    fired?;
    prometheus.until_quiet(&["DataDiskFilling"]).await
}

/// Its journal waits for the disk, as where one hangs that lies behind a network.
async fn frozen(disk: &Disk, prometheus: &Prometheus, places: &Places) -> Result<()> {
    disk.freeze()?;
    let fired = fired(prometheus, places, "WriterStalled").await;
    disk.thaw()?;
    fired?;
    prometheus.until_quiet(&["WriterStalled"]).await
}

async fn flooded(gateway: &Member, prometheus: &Prometheus, places: &Places) -> Result<()> {
    let mut callers = JoinSet::new();
    for _ in 0..CALLERS {
        let alice = Caller::at(gateway, "alice")?;
        callers.spawn(async move {
            loop {
                // Far from every other order; what is refused for want of room was asked for all the same.
                drop(alice.place("BTC/USDT", "BUY", "1", "0.001").await);
            }
        });
    }
    let fired = fired(prometheus, places, "WriterQueueFilling").await;
    callers.abort_all();
    fired?;
    prometheus.until_quiet(&["WriterQueueFilling"]).await
}
