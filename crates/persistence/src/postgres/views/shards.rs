//! How far each shard has come, as its owner has committed.

use diesel::sql_types::{BigInt, Bool, Integer, Nullable};
use diesel::{QueryableByName, sql_query};
use diesel_async::RunQueryDsl as _;

use crate::postgres::{Connection, PgError, prepared};

/// How far one shard has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShardRow {
    /// The shard.
    pub shard: u32,
    /// Its present owner's epoch.
    pub epoch: u64,
    /// The number of the last batch in its log.
    pub last_seq: u64,
    /// The number of the last batch that was published.
    pub published_seq: u64,
    /// The number of the last batch that was settled.
    pub settled_seq: u64,
    /// Whether its owner's lease holds.
    pub is_owned: bool,
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Integer)]
    shard: i32,
    #[diesel(sql_type = BigInt)]
    epoch: i64,
    #[diesel(sql_type = BigInt)]
    last_seq: i64,
    #[diesel(sql_type = BigInt)]
    published_seq: i64,
    #[diesel(sql_type = BigInt)]
    settled_seq: i64,
    #[diesel(sql_type = Nullable<Bool>)]
    is_owned: Option<bool>,
}

const SHARDS: &str = "SELECT shard, epoch, last_seq, published_seq, settled_seq, \
    lease_until > clock_timestamp() AS is_owned FROM shards ORDER BY shard";

/// How far each shard has come, by number.
///
/// # Errors
/// See [`PgError`].
pub async fn shards(connection: &mut Connection) -> Result<Vec<ShardRow>, PgError> {
    let rows: Vec<Row> = prepared(sql_query(SHARDS)).load(connection).await?;
    Ok(rows.into_iter().map(ShardRow::from).collect())
}

impl From<Row> for ShardRow {
    fn from(row: Row) -> Self {
        let Row {
            shard,
            epoch,
            last_seq,
            published_seq,
            settled_seq,
            is_owned,
        } = row;
        Self {
            shard: shard.cast_unsigned(),
            epoch: epoch.cast_unsigned(),
            last_seq: last_seq.cast_unsigned(),
            published_seq: published_seq.cast_unsigned(),
            settled_seq: settled_seq.cast_unsigned(),
            is_owned: is_owned.unwrap_or(false),
        }
    }
}
