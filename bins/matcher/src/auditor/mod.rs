//! The auditor: looks again and again whether everything holds, shows it, and has markets of what does not taken back to
//! cancelling.

mod act;
mod health;
mod reason;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use distributed::audit::{Broken, Known, Look, Watch, watched};
use persistence::postgres::{Connection, PgError, check_server, connect_directly};
use runtime::settings::DatabaseSettings;
use runtime::{Clock, Settings, Shutdown};
use tokio::time::Instant;

use crate::{listener, setup};
use act::{Operator, Wanted};
use health::Health;

/// What servers list this program's connections under.
const PROGRAM: &str = "trade-engine-auditor";
/// After a look that has seen something new, the next one comes this soon.
const AGAIN: Duration = Duration::from_secs(2);
/// Looks at everything take at most one part in so many of the time.
const SHARE: u32 = 10;

/// How to look.
#[derive(Debug, Args)]
pub struct AuditorArguments {
    /// The settings file; else config/config.yaml where there is one.
    #[arg(long)]
    config: Option<PathBuf>,
}

/// Looks until a signal comes.
///
/// # Errors
/// The settings are not as they must be, the database is not, or an address is taken.
pub(crate) fn run(arguments: &AuditorArguments) -> anyhow::Result<()> {
    let settings = setup::settings(arguments.config.clone())?;
    let _level = setup::log(&settings)?;
    setup::until_told(|shutdown| work(&settings, shutdown))
}

async fn work(settings: &Settings, shutdown: Shutdown) -> anyhow::Result<()> {
    let metrics = http::Metrics::of(http::Program::Auditor, env!("CARGO_PKG_VERSION"));
    let listener = listener::bind(&settings.server)?;
    let operator = Operator::of(settings)?;
    let mut auditor = Auditor::new(settings, operator);
    let mut connection = auditor.connect().await.context("database")?;
    for warning in &check_server(&mut connection).await.context("database")?.warnings {
        tracing::warn!(%warning, "the database");
    }
    let health = Health::new();
    let served = listener::serve(listener, health.clone(), &metrics)?;
    tracing::info!("auditing");
    auditor.watch(connection, &health, &shutdown).await;
    served.stop().await;
    tracing::info!("stopped");
    Ok(())
}

/// What an auditor keeps from look to look.
struct Auditor {
    database: DatabaseSettings,
    interval: Duration,
    full_interval: Duration,
    known: Known,
    watch: Watch,
    wanted: Wanted,
    operator: Operator,
    /// When the next look at everything is due.
    full_at: Instant,
    /// Whether the last look at everything that was tried could be done.
    full_done: bool,
}

impl Auditor {
    fn new(settings: &Settings, operator: Operator) -> Self {
        show(&Watch::default());
        metrics::gauge!("audit_last_success_timestamp_seconds").set(0.0);
        Self {
            database: DatabaseSettings {
                statement_timeout: settings.auditor.statement_timeout,
                ..settings.database.clone()
            },
            interval: settings.auditor.interval,
            full_interval: settings.auditor.full_interval,
            known: Known::default(),
            watch: Watch::default(),
            wanted: Wanted::default(),
            operator,
            full_at: Instant::now(),
            full_done: false,
        }
    }

    async fn connect(&self) -> Result<Connection, PgError> {
        connect_directly(&self.database, PROGRAM).await
    }

    async fn watch(&mut self, connection: Connection, health: &Health, shutdown: &Shutdown) {
        let mut connection = Some(connection);
        loop {
            let begun = Instant::now();
            let outcome = tokio::select! {
                () = shutdown.wait() => return,
                outcome = self.once(&mut connection) => outcome,
            };
            if let Err(error) = &outcome {
                // What was in the middle of an answer cannot be asked again.
                connection = None;
                tracing::error!(%error, "nothing could be audited");
            }
            health.tell(outcome.err().map(|error| error.to_string()));
            // Under load something is always on its way: looking again must not take more than its share.
            let pause = if self.watch.is_suspicious() {
                self.interval.min(AGAIN).max(begun.elapsed() * SHARE)
            } else {
                self.interval
            };
            tokio::select! {
                () = shutdown.wait() => return,
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Looks once, at everything where that is due or something new was seen.
    async fn once(&mut self, connection: &mut Option<Connection>) -> Result<(), PgError> {
        let connection = match connection {
            Some(connection) => connection,
            None => connection.insert(self.connect().await?),
        };
        let begun = Instant::now();
        let is_full = begun >= self.full_at || self.watch.is_suspicious();
        if is_full {
            // Until it is done nothing is a success.
            self.full_done = false;
        }
        let look = watched(connection, is_full, &mut self.known).await?;
        if is_full {
            self.full_done = true;
            let took = begun.elapsed();
            self.full_at = begun + self.full_interval.max(took * SHARE);
            tracing::debug!(?took, "looked at everything");
        }
        self.take(look).await;
        if self.full_done {
            metrics::gauge!("audit_last_success_timestamp_seconds").set(seconds());
        }
        Ok(())
    }

    /// Tells what counts, and has the markets of it taken back to cancelling.
    async fn take(&mut self, look: Look) {
        for why in &look.found.states_unclear {
            tracing::warn!(why, "a shard's tables could not be compared with its log");
        }
        let news = self.watch.take(&look.found);
        let now = Instant::now();
        for broken in &news {
            let markets = self.wanted.add(broken, &look.found.markets, now);
            tell(broken, &markets);
        }
        show(&self.watch);
        self.wanted.forget(&self.watch, &look.found.markets);
        self.wanted.command(&self.operator, now).await;
    }
}

fn tell(broken: &Broken, markets: &[String]) {
    tracing::error!(
        invariant = broken.invariant,
        rule = broken.rule,
        what = broken.what,
        ?markets,
        "the books differ: these markets go to cancel_only"
    );
}

#[allow(
    clippy::cast_precision_loss,
    reason = "metrics are floats, and none of these passes 2^53"
)]
fn show(watch: &Watch) {
    for (invariant, count) in watch.standing() {
        metrics::gauge!("ledger_difference", "invariant" => invariant).set(count as f64);
    }
}

/// The time, as metrics have it.
#[allow(
    clippy::cast_precision_loss,
    reason = "metrics are floats, and a microsecond more or less does not matter"
)]
fn seconds() -> f64 {
    Clock::System.wall_us() as f64 / 1_000_000.0
}
