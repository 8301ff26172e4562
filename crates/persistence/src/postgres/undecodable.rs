//! Messages that nobody could read.

use diesel::sql_query;
use diesel::sql_types::{Binary, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl as _;
use uuid::Uuid;

use super::{Connection, PgError};

/// Keeps a message that nobody could read. `source` says where it came from, in at most 200 characters.
///
/// # Errors
/// See [`PgError`].
pub async fn keep_undecodable(
    connection: &mut Connection,
    id: Uuid,
    source: &str,
    error: &str,
    body: &[u8],
) -> Result<(), PgError> {
    sql_query("INSERT INTO undecodable (id, source, error, body) VALUES ($1, $2, $3, $4)")
        .bind::<SqlUuid, _>(id)
        .bind::<Text, _>(source)
        .bind::<Text, _>(error)
        .bind::<Binary, _>(body)
        .execute(connection)
        .await?;
    Ok(())
}
