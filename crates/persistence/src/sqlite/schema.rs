//! The history's tables: made when missing, brought forward when older, refused when newer.

use std::path::Path;

use diesel::sql_types::BigInt;
use diesel::{QueryableByName, RunQueryDsl, SqliteConnection};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};
use domain::Stamp;

use super::HistoryError;

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("../../migrations/sqlite");

/// The version that the last migration writes into the table `projection`.
const SCHEMA_VERSION: i64 = 1;

#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = BigInt)]
    number: i64,
}

fn number(connection: &mut SqliteConnection, sql: &str) -> Result<i64, HistoryError> {
    let row: Number = diesel::sql_query(sql).get_result(connection)?;
    Ok(row.number)
}

/// Brings the tables to this program's schema.
pub(crate) fn prepare(connection: &mut SqliteConnection, path: &Path) -> Result<(), HistoryError> {
    let refused = |reason: String| HistoryError::Schema {
        path: path.to_owned(),
        reason,
    };
    let projections =
        "SELECT count(*) AS number FROM sqlite_master WHERE type = 'table' AND name = 'projection'";
    let others = "SELECT count(*) AS number FROM sqlite_master WHERE name NOT LIKE 'sqlite!_%' ESCAPE '!'
        AND name <> '__diesel_schema_migrations'";
    if number(connection, projections)? > 0 {
        check_version(connection, path)?;
    } else if number(connection, others)? > 0 {
        return Err(refused("it is the database of something else".to_owned()));
    }
    connection
        .run_pending_migrations(MIGRATIONS)
        .map_err(|error| refused(error.to_string()))?;
    Ok(())
}

/// Refuses tables that a later program has made.
pub(crate) fn check_version(connection: &mut SqliteConnection, path: &Path) -> Result<(), HistoryError> {
    let found = number(connection, "SELECT schema_version AS number FROM projection")?;
    if found > SCHEMA_VERSION {
        return Err(HistoryError::NewerSchema {
            path: path.to_owned(),
            found,
            known: SCHEMA_VERSION,
        });
    }
    Ok(())
}

/// The number of the last record in history.
pub(crate) fn seq(connection: &mut SqliteConnection) -> Result<u64, HistoryError> {
    Ok(number(connection, "SELECT seq AS number FROM projection")?.cast_unsigned())
}

/// The number and the stamp of the last record in history.
pub(crate) fn last(connection: &mut SqliteConnection) -> Result<(u64, Stamp), HistoryError> {
    let at = number(connection, "SELECT at AS number FROM projection")?;
    Ok((seq(connection)?, Stamp::from_micros(at.cast_unsigned())))
}
