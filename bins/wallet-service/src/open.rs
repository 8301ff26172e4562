//! The wallet on PostgreSQL that the settings describe, its figures, and the service in front of it.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use http::{Metrics, tell_ready};
use persistence::postgres::{Pool, PoolFigures, check_server, clock_difference, connect_directly};
use runtime::settings::DatabaseSettings;
use runtime::{Clock, Ids, Settings, Shutdown};
use wallet::{PgWallet, Pools, WalletCounts, WalletOptions};
use wallet_client::Wallet;

use crate::cli::check_mode;
use crate::server::{patience, start};

/// What PostgreSQL lists our connections under.
const PROGRAM: &str = "wallet-service";
/// How often figures are looked up for `/metrics`.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How often the database is asked whether it answers.
const ASK_EVERY: Duration = Duration::from_secs(5);
/// The longest wait for it.
const PATIENCE: Duration = Duration::from_secs(2);

/// Runs the service in front of the wallet of these settings until it is told to stop.
///
/// # Errors
/// The mode is another, the database is not as it must be, or an address is taken.
pub async fn run(settings: Settings, shutdown: Shutdown) -> anyhow::Result<()> {
    check_mode(&settings)?;
    check_database(&settings.database).await?;
    let options = WalletOptions {
        patience: patience(&settings.wallet),
        ..WalletOptions::default()
    };
    let pools = pools(&settings, options.workers)?;
    let ids = Ids::new(Clock::System);
    let wallet = Arc::new(PgWallet::start(pools.clone(), Clock::System, ids, options));
    let service = start(&settings, Arc::<PgWallet>::clone(&wallet) as Arc<dyn Wallet>)?;
    let figures = tokio::spawn(watch(Arc::clone(&wallet), pools, shutdown.clone()));
    let served = service.run(shutdown).await;
    figures.abort();
    if !wallet.stop(settings.server.shutdown_timeout).await {
        tracing::warn!("stopped before all was done: its callers ask again with the same keys");
    }
    served
}

/// A pool for transactions, with a connection for each worker and one to look beside them; and one for questions.
fn pools(settings: &Settings, workers: usize) -> anyhow::Result<Pools> {
    let pool = |max_open_conns| {
        let database = DatabaseSettings {
            max_open_conns,
            ..settings.database.clone()
        };
        Pool::of(&database, PROGRAM)
    };
    let own = u32::try_from(workers)?.saturating_add(1);
    let others = settings.wallet.database_connections.saturating_sub(own);
    Ok(Pools {
        transactions: pool(own)?,
        questions: pool(others.max(1))?,
    })
}

/// Whether the server may be trusted with money, and the schema is this program's.
async fn check_database(database: &DatabaseSettings) -> anyhow::Result<()> {
    let connection = connect_directly(database, PROGRAM).await;
    let mut connection = connection.context("the database cannot be reached")?;
    let server = check_server(&mut connection).await?;
    for warning in server.warnings {
        tracing::warn!(warning, "the database");
    }
    Ok(())
}

/// Looks the figures up until the program stops.
async fn watch(wallet: Arc<PgWallet>, pools: Pools, shutdown: Shutdown) {
    tokio::select! {
        () = shutdown.wait() => {}
        () = watch_counts(&wallet, &pools) => {}
        () = watch_database(&wallet, &pools) => {}
    }
}

async fn watch_counts(wallet: &PgWallet, pools: &Pools) {
    let (mut ticks, metrics) = (tokio::time::interval(LOOK_EVERY), Metrics::install());
    loop {
        ticks.tick().await;
        look(wallet.counts(), pools);
        metrics.tidy();
    }
}

/// Looks whether the database answers and has the same time, and whether the wallet works.
#[allow(
    clippy::cast_precision_loss,
    reason = "metrics are floats, and none of these passes 2^53"
)]
async fn watch_database(wallet: &PgWallet, pools: &Pools) {
    let mut ticks = tokio::time::interval(ASK_EVERY);
    loop {
        ticks.tick().await;
        let ask = async {
            let mut connection = pools.questions.get().await?;
            clock_difference(&mut connection, &Clock::System).await
        };
        let asked = tokio::time::timeout(PATIENCE, ask).await;
        let difference = asked.ok().and_then(Result::ok);
        let is_up = difference.is_some();
        metrics::gauge!("database_up").set(f64::from(u8::from(is_up)));
        if let Some(difference) = difference {
            metrics::gauge!("clock_difference_seconds").set(difference.micros as f64 / 1_000_000.0);
        }
        let works = matches!(tokio::time::timeout(PATIENCE, wallet.trouble()).await, Ok(None));
        tell_ready([("postgresql", is_up), ("wallet", works)]);
    }
}

#[allow(
    clippy::cast_precision_loss,
    reason = "metrics are floats, and none of these passes 2^53"
)]
fn look(counts: WalletCounts, pools: &Pools) {
    let WalletCounts {
        transactions,
        answered,
        conflicts,
        failures,
    } = counts;
    metrics::counter!("wallet_transactions_total").absolute(transactions);
    metrics::counter!("wallet_instructions_answered_total").absolute(answered);
    metrics::counter!("wallet_transaction_conflicts_total").absolute(conflicts);
    metrics::counter!("wallet_transaction_failures_total").absolute(failures);
    for (kind, pool) in [
        ("transactions", &pools.transactions),
        ("questions", &pools.questions),
    ] {
        let PoolFigures {
            max,
            open,
            idle,
            waiting,
        } = pool.figures();
        metrics::gauge!("database_connections_max", "pool" => kind).set(max as f64);
        metrics::gauge!("database_connections_open", "pool" => kind).set(open as f64);
        metrics::gauge!("database_connections_idle", "pool" => kind).set(idle as f64);
        metrics::gauge!("database_connections_waiting", "pool" => kind).set(waiting as f64);
    }
}
