//! Owning a shard: taking it over under a new epoch, keeping it, giving it up, and the cursors that follow its log.

use std::time::Duration;

use diesel::QueryableByName;
use diesel::sql_query;
use diesel::sql_types::{BigInt, Bool, Integer, Nullable, Text, Timestamptz};
use diesel_async::{RunQueryDsl as _, SimpleAsyncConnection as _};
use domain::Stamp;

use super::{ShardError, micros};
use crate::postgres::orders::value::{count, time};
use crate::postgres::{Connection, PgError, prepared};

/// How far the outside has followed a shard's log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cursors {
    /// The last batch that was published.
    pub published: u64,
    /// The last batch that was settled.
    pub settled: u64,
}

/// A shard that is owned under an epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    /// The shard.
    pub shard: u32,
    /// The owner's epoch.
    pub epoch: u64,
    /// The number of the last batch in the log.
    pub last_seq: u64,
    /// How far it was followed.
    pub cursors: Cursors,
}

/// What came of taking a shard over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// It is owned now.
    Owned(Lease),
    /// Another owner's lease holds.
    Held,
    /// There is no such shard.
    NoShard,
}

/// Bounds what a session of an owner may wait for, so that one that hangs does not keep its successor out. A statement
/// may take sixty times as long, since loading a large shard takes a while. Everything that an owner joins, it joins by
/// keys: tables that were empty when a statement was planned, or were never analysed, must not lead to plans that read all
/// of them. Its statements are planned once: the server would find each batch's own plan cheaper, and spend more on finding
/// it than on running it.
///
/// # Errors
/// See [`PgError`].
pub async fn bound_session(connection: &mut Connection, wait: Duration) -> Result<(), PgError> {
    let ms = wait.as_millis().max(1);
    let statements = format!(
        "SET lock_timeout = {ms}; SET statement_timeout = {}; SET idle_in_transaction_session_timeout = {ms};
         SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; \
         SET plan_cache_mode = force_generic_plan",
        ms.saturating_mul(60)
    );
    Ok(connection.batch_execute(&statements).await?)
}

#[derive(QueryableByName)]
struct LeaseRow {
    #[diesel(sql_type = BigInt)]
    epoch: i64,
    #[diesel(sql_type = BigInt)]
    last_seq: i64,
    #[diesel(sql_type = BigInt)]
    published_seq: i64,
    #[diesel(sql_type = BigInt)]
    settled_seq: i64,
}

impl LeaseRow {
    fn lease_of(self, shard: u32) -> Lease {
        let Self {
            epoch,
            last_seq,
            published_seq,
            settled_seq,
        } = self;
        Lease {
            shard,
            epoch: epoch.cast_unsigned(),
            last_seq: last_seq.cast_unsigned(),
            cursors: Cursors {
                published: published_seq.cast_unsigned(),
                settled: settled_seq.cast_unsigned(),
            },
        }
    }
}

const TAKE_OVER: &str = "UPDATE shards SET epoch = epoch + 1, owner = left($2, 200), halted = NULL, \
    lease_until = clock_timestamp() + $3 * interval '1 microsecond' \
    WHERE shard = $1 AND (lease_until IS NULL OR lease_until <= clock_timestamp()) \
    RETURNING epoch, last_seq, published_seq, settled_seq";

const SEIZE: &str = "UPDATE shards SET epoch = epoch + 1, owner = left($2, 200), halted = NULL, \
    lease_until = clock_timestamp() + $3 * interval '1 microsecond' \
    WHERE shard = $1 RETURNING epoch, last_seq, published_seq, settled_seq";

/// Takes a shard away from whoever has it, under a new epoch: for a moment in which nobody may apply commands. A commit of
/// the owner's that is under way is waited for. None: there is no such shard.
///
/// # Errors
/// See [`PgError`].
pub async fn seize(
    connection: &mut Connection,
    shard: u32,
    owner: &str,
    lease: Duration,
) -> Result<Option<Lease>, PgError> {
    let seized: Vec<LeaseRow> = sql_query(SEIZE)
        .bind::<Integer, _>(shard.cast_signed())
        .bind::<Text, _>(owner)
        .bind::<BigInt, _>(micros(lease))
        .load(connection)
        .await?;
    Ok(seized.into_iter().next().map(|row| row.lease_of(shard)))
}

/// Takes a shard over under a new epoch when its last owner's lease has passed, by the database's clock. A commit of the
/// last owner's that is under way is waited for: it counts, or its lease does.
///
/// # Errors
/// See [`PgError`]; a session of the last owner's that hangs in its transaction lets this run into the lock timeout, and
/// [`end_blocker`] ends it.
pub async fn take_over(
    connection: &mut Connection,
    shard: u32,
    owner: &str,
    lease: Duration,
) -> Result<Taken, PgError> {
    let taken: Vec<LeaseRow> = sql_query(TAKE_OVER)
        .bind::<Integer, _>(shard.cast_signed())
        .bind::<Text, _>(owner)
        .bind::<BigInt, _>(micros(lease))
        .load(connection)
        .await?;
    if let Some(row) = taken.into_iter().next() {
        return Ok(Taken::Owned(row.lease_of(shard)));
    }
    let known = shard_numbers(connection).await?.contains(&shard);
    Ok(if known { Taken::Held } else { Taken::NoShard })
}

#[derive(QueryableByName)]
struct Ended {
    #[diesel(sql_type = Bool)]
    ended: bool,
}

const END_BLOCKER: &str = "SELECT pg_terminate_backend(l.pid) AS ended FROM shards s JOIN pg_locks l \
    ON l.locktype = 'transactionid' AND l.transactionid = s.xmax AND l.mode = 'ExclusiveLock' AND l.granted \
    LEFT JOIN pg_stat_activity a ON a.pid = l.pid \
    WHERE s.shard = $1 AND (s.lease_until IS NULL OR s.lease_until <= clock_timestamp()) AND l.pid <> pg_backend_pid() \
    AND (a.state LIKE 'idle in transaction%' OR s.lease_until <= clock_timestamp() - $2 * interval '1 microsecond')";

/// A session that works is given so long beyond its lease: its commit may only be slow.
const SLOW_COMMIT: Duration = Duration::from_secs(10);

/// Ends the session that holds a shard's row in its transaction although its lease has passed: at once if it does nothing,
/// else when it has been over for long. Whether there was one.
///
/// # Errors
/// See [`PgError`].
pub async fn end_blocker(connection: &mut Connection, shard: u32) -> Result<bool, PgError> {
    let ended: Vec<Ended> = sql_query(END_BLOCKER)
        .bind::<Integer, _>(shard.cast_signed())
        .bind::<BigInt, _>(micros(SLOW_COMMIT))
        .load(connection)
        .await?;
    Ok(ended.iter().any(|row| row.ended))
}

const KEEP: &str = "UPDATE shards SET lease_until = clock_timestamp() + $3 * interval '1 microsecond', \
    published_seq = greatest(published_seq, $4), settled_seq = greatest(settled_seq, $5) \
    WHERE shard = $1 AND epoch = $2";

/// Renews the lease of a shard that has nothing to commit, and moves its cursors forward.
///
/// # Errors
/// It is lost, or see [`PgError`].
pub async fn keep(
    connection: &mut Connection,
    lease: &Lease,
    cursors: Cursors,
    renewed_for: Duration,
) -> Result<(), ShardError> {
    let kept = prepared(
        sql_query(KEEP)
            .bind::<Integer, _>(lease.shard.cast_signed())
            .bind::<BigInt, _>(count(lease.epoch))
            .bind::<BigInt, _>(micros(renewed_for))
            .bind::<BigInt, _>(count(cursors.published))
            .bind::<BigInt, _>(count(cursors.settled)),
    )
    .execute(connection)
    .await?;
    if kept == 1 {
        Ok(())
    } else {
        Err(ShardError::Fenced)
    }
}

/// Writes down why a shard's owner takes no commands at present; none: it does again. Whoever takes the shard over begins
/// without.
///
/// # Errors
/// It is lost, or see [`PgError`].
pub async fn set_halted(
    connection: &mut Connection,
    lease: &Lease,
    why: Option<&str>,
) -> Result<(), ShardError> {
    let set = sql_query("UPDATE shards SET halted = left($3, 1000) WHERE shard = $1 AND epoch = $2")
        .bind::<Integer, _>(lease.shard.cast_signed())
        .bind::<BigInt, _>(count(lease.epoch))
        .bind::<Nullable<Text>, _>(why)
        .execute(connection)
        .await?;
    if set == 1 { Ok(()) } else { Err(ShardError::Fenced) }
}

/// Gives a shard up, so that a successor need not wait for the lease to pass.
///
/// # Errors
/// It is lost already, or see [`PgError`].
pub async fn give_up(connection: &mut Connection, lease: &Lease, cursors: Cursors) -> Result<(), ShardError> {
    keep(connection, lease, cursors, Duration::ZERO).await
}

#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = Integer)]
    number: i32,
}

/// The shards that there are.
///
/// # Errors
/// See [`PgError`].
pub async fn shard_numbers(connection: &mut Connection) -> Result<Vec<u32>, PgError> {
    let rows: Vec<Number> = sql_query("SELECT shard AS number FROM shards ORDER BY shard")
        .load(connection)
        .await?;
    Ok(rows.into_iter().map(|row| row.number.cast_unsigned()).collect())
}

/// Removes at most so many rows of a shard's log that were written before a moment and are published and settled. How
/// many there were.
///
/// # Errors
/// See [`PgError`].
pub async fn trim_log(
    connection: &mut Connection,
    shard: u32,
    written_before: Stamp,
    at_most: u32,
) -> Result<u32, PgError> {
    let gone: Number = sql_query("SELECT trim_shard_log($1, $2, $3) AS number")
        .bind::<Integer, _>(shard.cast_signed())
        .bind::<Timestamptz, _>(time(written_before))
        .bind::<Integer, _>(i32::try_from(at_most).unwrap_or(i32::MAX))
        .get_result(connection)
        .await?;
    Ok(gone.number.cast_unsigned())
}
