//! The worker: owns shards of the distributed exchange, or stands by for them, until it is told to stop.

mod figures;
mod health;

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use clap::Args;
use distributed::shard::{Status, hear_while_owning, run as run_shard};
use persistence::postgres::partitions;
use runtime::{Clock, Settings, Shutdown, trace};
use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::listener;
use crate::setup::{self, PROGRAM};

/// How long the broker may take to say goodbye.
pub(crate) const FAREWELL: std::time::Duration = std::time::Duration::from_secs(2);

/// Which shards to serve.
#[derive(Debug, Args)]
pub struct RunArguments {
    /// The settings file; else config/config.yaml where there is one.
    #[arg(long)]
    config: Option<PathBuf>,
    /// The shards, such as `0,2`; all of them where none is named.
    #[arg(long, value_delimiter = ',')]
    shards: Vec<u32>,
}

/// Which matcher to ask.
#[derive(Debug, Args)]
pub struct HealthArguments {
    /// Its settings file; else config/config.yaml where there is one.
    #[arg(long)]
    config: Option<PathBuf>,
}

/// Asks the matcher on this machine whether it is ready.
///
/// # Errors
/// It is not, or has no listener that could be asked.
pub(crate) fn healthcheck(arguments: HealthArguments, out: &mut impl Write) -> anyhow::Result<()> {
    let server = setup::settings(arguments.config)?.server;
    if server.metrics_port == 0 {
        bail!("server.metrics_port: is 0, so nobody can be asked");
    }
    let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let tokio = tokio.context("the asynchronous runtime does not start")?;
    tokio.block_on(http::healthcheck(&server.host, server.metrics_port))?;
    writeln!(out, "ready")?;
    Ok(())
}

/// Works until a signal comes.
///
/// # Errors
/// The settings are not as they must be, the database is not, or an address is taken.
pub(crate) fn run(arguments: &RunArguments) -> anyhow::Result<()> {
    let settings = setup::settings(arguments.config.clone())?;
    let _level = setup::log(&settings)?;
    let _traces = trace::init(&settings.monitoring, "matcher").map_err(anyhow::Error::msg)?;
    setup::until_told(|shutdown| work(&settings, &arguments.shards, shutdown))
}

/// Which of the settings' shards this worker serves.
fn chosen(settings: &Settings, wanted: &[u32]) -> anyhow::Result<Vec<u32>> {
    let count = settings.distributed.shards;
    if let Some(unknown) = wanted.iter().find(|shard| **shard >= count) {
        bail!("--shards: there is no shard {unknown}: distributed.shards is {count}");
    }
    let mut shards = match wanted {
        [] => (0..count).collect(),
        some => some.to_vec(),
    };
    shards.sort_unstable();
    shards.dedup();
    Ok(shards)
}

async fn work(settings: &Settings, wanted: &[u32], shutdown: Shutdown) -> anyhow::Result<()> {
    let shards = chosen(settings, wanted)?;
    let metrics = http::Metrics::of(http::Program::Matcher, env!("CARGO_PKG_VERSION"));
    let listener = listener::bind(&settings.server)?;
    setup::check_database(settings).await.context("database")?;
    let clock = Clock::System;
    let link = Arc::new(setup::link(settings)?);
    let options = setup::options(settings, &link)?;
    let (mut tasks, mut statuses, mut ears) = (JoinSet::new(), Vec::new(), JoinSet::new());
    let keeper = setup::keeper(settings)?;
    for shard in shards {
        let (status, hint) = (Status::new(shard), Arc::new(Notify::new()));
        let (link, owning, heard) = (Arc::clone(&link), status.owning(), Arc::clone(&hint));
        let keeper = Arc::clone(&keeper);
        ears.spawn(async move { hear_while_owning(&link, shard, heard, owning, keeper).await });
        statuses.push((shard, status.clone()));
        tasks.spawn(run_shard(options.clone(), shard, hint, status, shutdown.clone()));
    }
    let figures = figures::Figures {
        metrics: metrics.clone(),
        link: Arc::clone(&link),
        shards: statuses.iter().map(|(_, status)| status.clone()).collect(),
        connect: Arc::clone(&options.connect),
    };
    let state = health::State::new(statuses, Arc::clone(&link));
    let served = listener::serve(listener, state, &metrics)?;
    tokio::spawn({
        let (database, shutdown, clock) = (settings.database.clone(), shutdown.clone(), clock.clone());
        async move { partitions::keep(&database, PROGRAM, &clock, &shutdown, tell_partitions).await }
    });
    let measuring = tokio::spawn(figures.watch());
    tracing::info!(shards = tasks.len(), "working");
    let mut fault = None;
    while let Some(ended) = tasks.join_next().await {
        if let Err(error) = ended {
            tracing::error!(%error, "a shard's task has ended: this worker stops, another takes over");
            fault = Some(error);
            shutdown.trigger();
        }
    }
    ears.shutdown().await;
    served.stop().await;
    measuring.abort();
    let _ = measuring.await;
    if let Some(link) = Arc::into_inner(link) {
        link.close(FAREWELL).await;
    }
    tracing::info!("stopped");
    fault.map_or(Ok(()), |error| Err(error.into()))
}

#[allow(
    clippy::cast_precision_loss,
    reason = "metrics are floats, and none of these passes 2^53"
)]
fn tell_partitions(ahead: &partitions::Ahead) {
    metrics::gauge!("partitions_ahead_seconds", "table" => "orders").set(ahead.orders.as_secs() as f64);
    metrics::gauge!("partitions_ahead_seconds", "table" => "trades").set(ahead.trades.as_secs() as f64);
}
