//! Migrations: numbered steps of the schema, run forwards and backwards, one program at a time.

use std::fmt;

use diesel::sql_types::{Integer, Text};
use diesel::{QueryableByName, sql_query};
use diesel_async::{AsyncConnection, RunQueryDsl, SimpleAsyncConnection};

use super::{Connection, PgError};

/// One step of the schema.
#[derive(Clone, Copy)]
pub struct Migration {
    /// Its number, as text: `0001`.
    pub version: &'static str,
    /// Its folder in `migrations/postgres`.
    pub name: &'static str,
    up: &'static str,
    down: &'static str,
}

impl fmt::Debug for Migration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Migration").field(&self.name).finish()
    }
}

/// Every migration that this program knows, the first one first.
pub const MIGRATIONS: &[Migration] = include!(concat!(env!("OUT_DIR"), "/postgres_migrations.rs"));

/// Only one program at a time migrates a database.
const LOCK: i32 = 0x6d69_6772;

/// The same table as diesel's own tools keep.
const TABLE: &str = "CREATE TABLE IF NOT EXISTS __diesel_schema_migrations (
    version VARCHAR(50) PRIMARY KEY NOT NULL,
    run_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP
)";

/// A step may take its time, but nobody shall queue for long behind a lock that it waits for.
const LIMITS: &str = "SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = '60s'";
const LOCK_LIMIT: &str = "SET LOCAL lock_timeout = '10s'";

/// Why a migration did not happen.
#[derive(Debug, thiserror::Error)]
pub enum MigrationError {
    /// PostgreSQL could not be asked, or did not answer.
    #[error(transparent)]
    Postgres(#[from] PgError),
    /// A step failed; the database is as it was before it.
    #[error("migration {name}: {source}")]
    Failed {
        /// Its folder.
        name: &'static str,
        /// Why.
        source: PgError,
    },
    /// The database has a step that this program does not know, so it cannot take it back.
    #[error("the database has migration {0}, which this program does not know")]
    Unknown(String),
}

impl From<diesel::result::Error> for MigrationError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Postgres(error.into())
    }
}

/// How a database stands to this program's migrations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// Those that the database has, and when it got them (UTC), the first one first.
    pub applied: Vec<(String, String)>,
    /// Those that it lacks, the first one first.
    pub pending: Vec<&'static str>,
    /// The versions of those that only the database knows: a later program has migrated it.
    pub unknown: Vec<String>,
}

#[derive(QueryableByName)]
struct Applied {
    #[diesel(sql_type = Text)]
    version: String,
    #[diesel(sql_type = Text)]
    run_on: String,
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = Integer)]
    count: i32,
}

/// Runs what the database lacks, each step in a transaction of its own. The names of those that were run.
///
/// # Errors
/// A step failed; those before it stay.
pub async fn up(connection: &mut Connection) -> Result<Vec<&'static str>, MigrationError> {
    up_by(connection, usize::MAX).await
}

/// Runs at most so many of those that the database lacks, as [`up`].
///
/// # Errors
/// As [`up`].
pub async fn up_by(connection: &mut Connection, steps: usize) -> Result<Vec<&'static str>, MigrationError> {
    let mut done = Vec::new();
    while done.len() < steps
        && let Some(name) = next_up(connection).await?
    {
        tracing::info!(migration = name, "the schema went forward");
        done.push(name);
    }
    Ok(done)
}

/// Takes back the last steps, each in a transaction of its own. Tables that a step made are dropped with their rows! The
/// names of those that were taken back.
///
/// # Errors
/// A step failed; those taken back before it stay so.
pub async fn down(connection: &mut Connection, steps: usize) -> Result<Vec<&'static str>, MigrationError> {
    let mut done = Vec::new();
    while done.len() < steps
        && let Some(name) = next_down(connection).await?
    {
        tracing::warn!(migration = name, "the schema went back");
        done.push(name);
    }
    Ok(done)
}

/// How the database stands.
///
/// # Errors
/// PostgreSQL did not answer.
pub async fn status(connection: &mut Connection) -> Result<Status, PgError> {
    let table = "SELECT count(*)::int AS count FROM pg_class
                  WHERE oid = to_regclass('__diesel_schema_migrations')";
    let tables: Count = sql_query(table).get_result(connection).await?;
    let applied: Vec<Applied> = if tables.count == 0 {
        Vec::new()
    } else {
        let list = "SELECT version::text AS version, to_char(run_on, 'YYYY-MM-DD HH24:MI:SS') AS run_on
                      FROM __diesel_schema_migrations ORDER BY version";
        sql_query(list).load(connection).await?
    };
    let has = |version: &str| applied.iter().any(|one| one.version == version);
    let known = |version: &str| MIGRATIONS.iter().find(|one| one.version == version);
    let pending = MIGRATIONS.iter().filter(|one| !has(one.version));
    let unknown = applied.iter().filter(|one| known(&one.version).is_none());
    Ok(Status {
        pending: pending.map(|one| one.name).collect(),
        unknown: unknown.map(|one| one.version.clone()).collect(),
        applied: applied
            .iter()
            .map(|one| {
                let name = known(&one.version).map_or(one.version.as_str(), |known| known.name);
                (name.to_owned(), one.run_on.clone())
            })
            .collect(),
    })
}

async fn next_up(connection: &mut Connection) -> Result<Option<&'static str>, MigrationError> {
    let stepped = connection.transaction::<_, MigrationError, _>(async |connection| {
        begin(connection).await?;
        let status = status(connection).await?;
        let next = MIGRATIONS.iter().find(|one| status.pending.contains(&one.name));
        let Some(next) = next else { return Ok(None) };
        let failed = |error: diesel::result::Error| MigrationError::Failed {
            name: next.name,
            source: error.into(),
        };
        connection.batch_execute(next.up).await.map_err(failed)?;
        let remember = sql_query("INSERT INTO __diesel_schema_migrations (version) VALUES ($1)");
        remember.bind::<Text, _>(next.version).execute(connection).await?;
        Ok(Some(next.name))
    });
    stepped.await
}

async fn next_down(connection: &mut Connection) -> Result<Option<&'static str>, MigrationError> {
    let stepped = connection.transaction::<_, MigrationError, _>(async |connection| {
        begin(connection).await?;
        let status = status(connection).await?;
        if let Some(version) = status.unknown.last() {
            return Err(MigrationError::Unknown(version.clone()));
        }
        let has = |name: &str| status.applied.iter().any(|(applied, _)| applied == name);
        let Some(last) = MIGRATIONS.iter().rev().find(|one| has(one.name)) else {
            return Ok(None);
        };
        let failed = |error: diesel::result::Error| MigrationError::Failed {
            name: last.name,
            source: error.into(),
        };
        connection.batch_execute(last.down).await.map_err(failed)?;
        let forget = sql_query("DELETE FROM __diesel_schema_migrations WHERE version = $1");
        forget.bind::<Text, _>(last.version).execute(connection).await?;
        Ok(Some(last.name))
    });
    stepped.await
}

/// Waits until nobody else migrates, for as long as the transaction lives.
async fn begin(connection: &mut Connection) -> Result<(), MigrationError> {
    let lock = format!(
        "{LIMITS}; SELECT pg_advisory_xact_lock({LOCK}, 0); {LOCK_LIMIT}; SET LOCAL client_min_messages = warning; {TABLE}"
    );
    Ok(connection.batch_execute(&lock).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn migrations_are_numbered_without_a_gap_and_go_both_ways() {
        for (index, migration) in MIGRATIONS.iter().enumerate() {
            assert_eq!(migration.version, format!("{:04}", index + 1));
            assert!(migration.name.starts_with(&format!("{}_", migration.version)));
            for sql in [migration.up, migration.down] {
                assert!(!sql.trim().is_empty(), "{migration:?}");
                let begins = sql.lines().any(|line| line.trim_start().starts_with("BEGIN;"));
                assert!(
                    !begins,
                    "{migration:?} runs in a transaction, it must not begin one"
                );
            }
        }
        assert_eq!(MIGRATIONS[0].name, "0001_create_enums_and_base_tables");
    }
}
