//! What a worker looks up for `/metrics`: its shards, the broker, and whether the database answers and has the same time.

use std::sync::Arc;
use std::time::Duration;

use distributed::shard::{Connect, ShardState, Status};
use distributed::{measure_broker, measure_clock};
use http::{Metrics, tell_ready};
use messaging::Link;
use persistence::postgres::{ClockDifference, Connection, PgError, clock_difference};
use runtime::Clock;

/// How often figures are looked up.
const EVERY: Duration = Duration::from_secs(1);
/// How often the database is asked.
const ASK_EVERY: Duration = Duration::from_secs(5);
/// The longest wait for it.
const PATIENCE: Duration = Duration::from_secs(2);

/// What is looked at.
pub(super) struct Figures {
    pub metrics: Metrics,
    pub link: Arc<Link>,
    pub shards: Vec<Status>,
    pub connect: Connect,
}

impl Figures {
    /// Looks until it is dropped.
    pub async fn watch(self) {
        tokio::join!(self.watch_shards(), self.watch_database());
    }

    async fn watch_shards(&self) {
        let mut ticks = tokio::time::interval(EVERY);
        loop {
            ticks.tick().await;
            measure_broker(&self.link);
            self.shards.iter().for_each(Status::measure);
            tell_ready([
                ("shards", self.shards.iter().all(is_served)),
                ("rabbitmq", self.link.trouble().is_none()),
            ]);
            self.metrics.tidy();
        }
    }

    async fn watch_database(&self) {
        let mut ticks = tokio::time::interval(ASK_EVERY);
        let mut kept = None;
        loop {
            ticks.tick().await;
            let asked = tokio::time::timeout(PATIENCE, self.ask(kept.take())).await;
            let answer = asked.ok().and_then(Result::ok);
            let is_up = answer.is_some();
            metrics::gauge!("database_up").set(f64::from(u8::from(is_up)));
            tell_ready([("postgresql", is_up)]);
            if let Some((difference, connection)) = answer {
                measure_clock(&difference);
                kept = Some(connection);
            }
        }
    }

    async fn ask(&self, kept: Option<Connection>) -> Result<(ClockDifference, Connection), PgError> {
        let mut connection = match kept {
            Some(connection) => connection,
            None => (self.connect)().await?,
        };
        let difference = clock_difference(&mut connection, &Clock::System).await?;
        Ok((difference, connection))
    }
}

/// Whether the shard is served, here or by another.
fn is_served(status: &Status) -> bool {
    match status.now().state {
        ShardState::StandBy { trouble } => trouble.is_none(),
        ShardState::Loading | ShardState::Owned => true,
        ShardState::Halted(_) => false,
    }
}
