//! The rows of the shards that the settings name.

use diesel::sql_types::Integer;
use diesel_async::RunQueryDsl as _;

use crate::postgres::{Connection, PgError};

/// Makes the rows of the shards 0 to `count` less one that are missing. Any number of programs may do so at once.
///
/// # Errors
/// See [`PgError`].
pub async fn ensure_shards(connection: &mut Connection, count: u32) -> Result<(), PgError> {
    diesel::sql_query("INSERT INTO shards (shard) SELECT generate_series(0, $1) ON CONFLICT DO NOTHING")
        .bind::<Integer, _>(i32::try_from(count).unwrap_or(i32::MAX) - 1)
        .execute(connection)
        .await?;
    Ok(())
}
