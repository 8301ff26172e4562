//! What the database says of the exchange while it is broken: who owns the shard, how far it is, what waits.

use std::fmt;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};
use tokio_postgres::{Client, NoTls, Row};

/// The longest that one question may take.
const PATIENCE: Duration = Duration::from_secs(5);

const OWNER: &str = "SELECT owner FROM shards WHERE lease_until > clock_timestamp() ORDER BY shard LIMIT 1";
const PROGRESS: &str = "SELECT sum(epoch)::bigint, sum(last_seq)::bigint FROM shards";
const WAITING: &str = "SELECT (SELECT count(*) FROM commands),
    (SELECT count(*) FROM orders WHERE status = 'PENDING'),
    (SELECT count(*) FROM amendments),
    (SELECT coalesce(sum(last_seq - published_seq), 0)::bigint FROM shards),
    (SELECT coalesce(sum(last_seq - settled_seq), 0)::bigint FROM shards)";
const ENDING: &str =
    "SELECT count(*) FROM orders WHERE status IN ('OPEN', 'PARTIALLY_FILLED') AND time_in_force = 'GTD'";
const OLD: &str = "SELECT count(*) FROM orders WHERE status = 'PENDING' AND created_at < $1";

/// How far the shards are, all together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Grows with every takeover.
    pub epoch: i64,
    /// Grows with every batch.
    pub seq: i64,
}

/// What waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waiting {
    /// Rows in `commands`.
    pub commands: i64,
    /// Orders that are PENDING.
    pub pending: i64,
    /// Amendments on their way.
    pub amendments: i64,
    /// Batches that are not published.
    pub unpublished: i64,
    /// Batches that are not settled.
    pub unsettled: i64,
}

impl Waiting {
    /// Whether nothing waits.
    pub fn is_quiet(self) -> bool {
        let Self {
            commands,
            pending,
            amendments,
            unpublished,
            unsettled,
        } = self;
        commands + pending + amendments + unpublished + unsettled == 0
    }
}

impl fmt::Display for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            commands,
            pending,
            amendments,
            unpublished,
            unsettled,
        } = self;
        write!(
            f,
            "{commands} commands, {pending} PENDING orders, {amendments} amendments, {unpublished} batches to publish, \
             {unsettled} to settle"
        )
    }
}

/// A connection of its own past all proxies, made anew when it is lost.
pub struct Tables {
    url: String,
    client: Option<Client>,
}

impl Tables {
    /// For the database at this address; nothing is connected yet.
    pub fn new(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            client: None,
        }
    }

    /// Who owns the first shard; none: nobody.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn owner(&mut self) -> Result<Option<String>> {
        let rows = self.ask(OWNER, &[]).await?;
        Ok(rows.first().and_then(|row| row.get(0)))
    }

    /// How far the shards are.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn progress(&mut self) -> Result<Progress> {
        let rows = self.ask(PROGRESS, &[]).await?;
        let row = rows.first().context("no shards")?;
        Ok(Progress {
            epoch: row.try_get(0)?,
            seq: row.try_get(1)?,
        })
    }

    /// What waits.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn waiting(&mut self) -> Result<Waiting> {
        let rows = self.ask(WAITING, &[]).await?;
        let row = rows.first().context("no row")?;
        Ok(Waiting {
            commands: row.try_get(0)?,
            pending: row.try_get(1)?,
            amendments: row.try_get(2)?,
            unpublished: row.try_get(3)?,
            unsettled: row.try_get(4)?,
        })
    }

    /// How many orders that were received before this moment are PENDING.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn pending_before(&mut self, moment: SystemTime) -> Result<i64> {
        let rows = self.ask(OLD, &[&moment]).await?;
        Ok(rows.first().context("no row")?.try_get(0)?)
    }

    /// How many live orders end by themselves within seconds.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn ending(&mut self) -> Result<i64> {
        let rows = self.ask(ENDING, &[]).await?;
        Ok(rows.first().context("no row")?.try_get(0)?)
    }

    async fn ask(
        &mut self,
        question: &str,
        values: &[&(dyn tokio_postgres::types::ToSql + Sync)],
    ) -> Result<Vec<Row>> {
        let answered = tokio::time::timeout(PATIENCE, async {
            let client = match self.client.take().filter(|client| !client.is_closed()) {
                Some(client) => client,
                None => {
                    let (client, connection) = tokio_postgres::connect(&self.url, NoTls).await?;
                    tokio::spawn(connection);
                    client
                }
            };
            let rows = client.query(question, values).await?;
            anyhow::Ok((client, rows))
        });
        let (client, rows) = answered.await.context("the database does not answer")??;
        self.client = Some(client);
        Ok(rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_tables_are_asked_as_they_are() {
        let database = testbed::Database::create().await.unwrap();
        let mut tables = Tables::new(&database.url());
        let waiting = tables.waiting().await.unwrap();
        assert!(waiting.is_quiet(), "{waiting}");
        assert_eq!(tables.owner().await.unwrap(), None);
        assert_eq!(tables.ending().await.unwrap(), 0);
        assert_eq!(tables.pending_before(crate::chaos::wall::now()).await.unwrap(), 0);
    }

    #[tokio::test]
    async fn a_database_that_is_not_there_is_an_error() {
        let port = testbed::Port::free().unwrap();
        let url = format!("postgres://postgres@127.0.0.1:{}/none", port.number());
        assert!(Tables::new(&url).progress().await.is_err());
    }
}
