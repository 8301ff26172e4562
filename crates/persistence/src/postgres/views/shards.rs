//! How far each shard has come, as its owner has committed.

use diesel::sql_types::{BigInt, Bool, Integer, Nullable, Text};
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

#[derive(QueryableByName)]
struct HaltedRow {
    #[diesel(sql_type = Integer)]
    shard: i32,
    #[diesel(sql_type = Text)]
    halted: String,
}

/// The shards whose owners take no commands, each with the reason.
///
/// # Errors
/// See [`PgError`].
pub async fn halted_shards(connection: &mut Connection) -> Result<Vec<(u32, String)>, PgError> {
    let halted = "SELECT shard, halted FROM shards WHERE halted IS NOT NULL ORDER BY shard";
    let rows: Vec<HaltedRow> = prepared(sql_query(halted)).load(connection).await?;
    Ok(rows
        .into_iter()
        .map(|row| (row.shard.cast_unsigned(), row.halted))
        .collect())
}

#[derive(QueryableByName)]
struct SpanRow {
    #[diesel(sql_type = Nullable<BigInt>)]
    first_seq: Option<i64>,
    #[diesel(sql_type = Nullable<BigInt>)]
    moved_after: Option<i64>,
}

/// Which part of a shard's log explains itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogSpan {
    /// The first batch that the log still has; none: it has none.
    pub first_seq: Option<u64>,
    /// The last batch before a market came from another shard or went to one; none: none did.
    pub moved_after: Option<u64>,
}

/// Which part of a shard's log explains itself.
///
/// # Errors
/// See [`PgError`].
pub async fn log_span(connection: &mut Connection, shard: u32) -> Result<LogSpan, PgError> {
    let span = "SELECT (SELECT min(seq) FROM shard_log l WHERE l.shard = s.shard) AS first_seq, moved_after \
        FROM shards s WHERE shard = $1";
    let row: SpanRow = sql_query(span)
        .bind::<Integer, _>(shard.cast_signed())
        .get_result(connection)
        .await?;
    Ok(LogSpan {
        first_seq: row.first_seq.map(i64::cast_unsigned),
        moved_after: row.moved_after.map(i64::cast_unsigned),
    })
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
