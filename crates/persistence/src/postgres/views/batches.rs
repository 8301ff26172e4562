//! The batches of a shard's log, a piece at a time.

use diesel::sql_types::{BigInt, Binary, Integer, Nullable, SmallInt};
use diesel::{QueryableByName, sql_query};
use diesel_async::RunQueryDsl as _;
use runtime::trace::TraceContext;

use crate::postgres::{Connection, PgError, prepared};

/// A row of `shard_log` as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedBatch {
    /// The shard.
    pub shard: u32,
    /// Its number in the shard's log.
    pub seq: u64,
    /// The epoch of the owner that wrote it.
    pub epoch: u64,
    /// The version of the rules that it was made by.
    pub rules_version: u16,
    /// The encoded commands.
    pub commands: Vec<u8>,
    /// The encoded events.
    pub events: Vec<u8>,
    /// The traces of its commands, as far as they are recorded.
    pub traces: Vec<TraceContext>,
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Integer)]
    shard: i32,
    #[diesel(sql_type = BigInt)]
    seq: i64,
    #[diesel(sql_type = BigInt)]
    epoch: i64,
    #[diesel(sql_type = SmallInt)]
    rules_version: i16,
    #[diesel(sql_type = Binary)]
    commands: Vec<u8>,
    #[diesel(sql_type = Binary)]
    events: Vec<u8>,
    #[diesel(sql_type = Nullable<Binary>)]
    traces: Option<Vec<u8>>,
}

const BATCHES: &str = "SELECT shard, seq, epoch, rules_version, commands, events, traces FROM shard_log \
    WHERE shard = $1 AND seq > $2 AND seq <= $3 ORDER BY seq LIMIT $4";

/// The batches of a shard after one number, up to another, in order; at most so many.
///
/// # Errors
/// See [`PgError`].
pub async fn batches_after(
    connection: &mut Connection,
    shard: u32,
    after: u64,
    up_to: u64,
    limit: usize,
) -> Result<Vec<LoggedBatch>, PgError> {
    let number = |seq: u64| i64::try_from(seq).unwrap_or(i64::MAX);
    let rows: Vec<Row> = prepared(
        sql_query(BATCHES)
            .bind::<Integer, _>(shard.cast_signed())
            .bind::<BigInt, _>(number(after))
            .bind::<BigInt, _>(number(up_to))
            .bind::<BigInt, _>(i64::try_from(limit).unwrap_or(i64::MAX)),
    )
    .load(connection)
    .await?;
    Ok(rows.into_iter().map(LoggedBatch::from).collect())
}

impl From<Row> for LoggedBatch {
    fn from(row: Row) -> Self {
        let Row {
            shard,
            seq,
            epoch,
            rules_version,
            commands,
            events,
            traces,
        } = row;
        let traces = traces.unwrap_or_default();
        Self {
            shard: shard.cast_unsigned(),
            seq: seq.cast_unsigned(),
            epoch: epoch.cast_unsigned(),
            rules_version: rules_version.cast_unsigned(),
            commands,
            events,
            traces: (traces.chunks(TraceContext::BYTES))
                .filter_map(TraceContext::from_bytes)
                .collect(),
        }
    }
}
