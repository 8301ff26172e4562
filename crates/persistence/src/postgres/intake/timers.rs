//! Dead man's switches and sessions: what cancels a user's orders by itself.

use std::time::Duration;

use diesel::QueryableByName;
use diesel::sql_query;
use diesel::sql_types::{Array, BigInt, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncConnection as _, RunQueryDsl as _};
use domain::{SessionId, Stamp, UserId};
use uuid::Uuid;

use super::commands::{MassCancel, write_mass_cancel};
use crate::postgres::orders::value::time;
use crate::postgres::shard::shard_numbers;
use crate::postgres::{Connection, PgError, prepared};

const fn uuid(user_id: UserId) -> Uuid {
    Uuid::from_u128(user_id.as_u128())
}

fn micros(time: Duration) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX)
}

/// Arms a user's switch, or sets it to another moment.
///
/// # Errors
/// See [`PgError`].
pub async fn arm_switch(
    connection: &mut Connection,
    user_id: UserId,
    fires_at: Stamp,
) -> Result<(), PgError> {
    prepared(
        sql_query(
            "INSERT INTO dead_man (user_id, fires_at) VALUES ($1, $2) \
         ON CONFLICT (user_id) DO UPDATE SET fires_at = excluded.fires_at",
        )
        .bind::<SqlUuid, _>(uuid(user_id))
        .bind::<Timestamptz, _>(time(fires_at)),
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Disarms a user's switch, if it is armed.
///
/// # Errors
/// See [`PgError`].
pub async fn disarm_switch(connection: &mut Connection, user_id: UserId) -> Result<(), PgError> {
    prepared(sql_query("DELETE FROM dead_man WHERE user_id = $1").bind::<SqlUuid, _>(uuid(user_id)))
        .execute(connection)
        .await?;
    Ok(())
}

#[derive(QueryableByName)]
struct UserRow {
    #[diesel(sql_type = SqlUuid)]
    user_id: Uuid,
}

/// Writes what is made of some users and all shards; where nothing can be made, the transaction changes nothing.
async fn write(
    connection: &mut Connection,
    users: &[UserId],
    cancel: impl Fn(&[UserId], &[u32]) -> Option<MassCancel> + Send + Sync,
) -> Result<MassCancel, PgError> {
    if users.is_empty() {
        return Ok(MassCancel::default());
    }
    let shards = shard_numbers(connection).await?;
    let mass = cancel(users, &shards)
        .ok_or_else(|| PgError::bad_row("commands", "a mass cancel could not be made"))?;
    write_mass_cancel(connection, &mass).await?;
    Ok(mass)
}

/// Disarms up to so many switches that have run out by this time and by the database's, and writes the mass cancels of
/// their users, in one transaction. What was written.
///
/// # Errors
/// See [`PgError`].
pub async fn fire_switches(
    connection: &mut Connection,
    now: Stamp,
    limit: u32,
    cancel: impl Fn(&[UserId], &[u32]) -> Option<MassCancel> + Send + Sync,
) -> Result<MassCancel, PgError> {
    connection
        .transaction(async |connection| {
            let users = take_due_switches(connection, now, limit).await?;
            write(connection, &users, cancel).await
        })
        .await
}

async fn take_due_switches(
    connection: &mut Connection,
    now: Stamp,
    limit: u32,
) -> Result<Vec<UserId>, PgError> {
    let rows: Vec<UserRow> = prepared(sql_query(
        "DELETE FROM dead_man d WHERE d.user_id IN (SELECT o.user_id FROM dead_man o WHERE o.fires_at <= $1 \
         AND o.fires_at <= clock_timestamp() ORDER BY o.fires_at LIMIT $2 FOR UPDATE SKIP LOCKED) \
         AND d.fires_at <= $1 AND d.fires_at <= clock_timestamp() RETURNING d.user_id",
    )
    .bind::<Timestamptz, _>(time(now))
    .bind::<BigInt, _>(i64::from(limit)))
    .load(connection)
    .await?;
    let user = |row: UserRow| UserId::from_u128(row.user_id.as_u128());
    Ok(rows.into_iter().map(user).collect())
}

/// A session that is to be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Session {
    /// Its id.
    pub session_id: SessionId,
    /// Its user.
    pub user_id: UserId,
    /// The gateway that holds it.
    pub gateway: Uuid,
}

/// Opens a session that lives for so long from now by the database's clock; false: its user has so many already.
///
/// # Errors
/// See [`PgError`].
pub async fn open_session(
    connection: &mut Connection,
    session: Session,
    alive: Duration,
    most: u32,
) -> Result<bool, PgError> {
    let Session {
        session_id,
        user_id,
        gateway,
    } = session;
    let opened = prepared(
        sql_query(
            "INSERT INTO sessions (session_id, user_id, gateway, alive_until) \
         SELECT $1, $2, $3, now() + $4 * interval '1 microsecond' \
         WHERE (SELECT count(*) FROM sessions WHERE user_id = $2) < $5",
        )
        .bind::<SqlUuid, _>(Uuid::from_u128(session_id.as_u128()))
        .bind::<SqlUuid, _>(uuid(user_id))
        .bind::<SqlUuid, _>(gateway)
        .bind::<BigInt, _>(micros(alive))
        .bind::<BigInt, _>(i64::from(most)),
    )
    .execute(connection)
    .await?;
    Ok(opened == 1)
}

#[derive(QueryableByName)]
struct SessionRow {
    #[diesel(sql_type = SqlUuid)]
    session_id: Uuid,
}

/// Keeps a gateway's sessions alive for so long from now; those that there are.
///
/// # Errors
/// See [`PgError`].
pub async fn keep_sessions(
    connection: &mut Connection,
    gateway: Uuid,
    alive: Duration,
) -> Result<Vec<SessionId>, PgError> {
    let rows: Vec<SessionRow> = prepared(
        sql_query(
            "UPDATE sessions SET alive_until = now() + $2 * interval '1 microsecond' \
         WHERE gateway = $1 RETURNING session_id",
        )
        .bind::<SqlUuid, _>(gateway)
        .bind::<BigInt, _>(micros(alive)),
    )
    .load(connection)
    .await?;
    let id = |row: SessionRow| SessionId::from_u128(row.session_id.as_u128());
    Ok(rows.into_iter().map(id).collect())
}

/// Opens sessions again whose rows are gone although their connections live; however many their users have.
///
/// # Errors
/// See [`PgError`].
pub async fn reopen_sessions(
    connection: &mut Connection,
    sessions: &[Session],
    alive: Duration,
) -> Result<(), PgError> {
    let ids = |of: fn(&Session) -> Uuid| -> Vec<Uuid> { sessions.iter().map(of).collect() };
    prepared(
        sql_query(
            "INSERT INTO sessions (session_id, user_id, gateway, alive_until) \
         SELECT n.session_id, n.user_id, n.gateway, now() + $4 * interval '1 microsecond' \
         FROM UNNEST($1, $2, $3) AS n(session_id, user_id, gateway) ON CONFLICT DO NOTHING",
        )
        .bind::<Array<SqlUuid>, _>(ids(|one| Uuid::from_u128(one.session_id.as_u128())))
        .bind::<Array<SqlUuid>, _>(ids(|one| uuid(one.user_id)))
        .bind::<Array<SqlUuid>, _>(ids(|one| one.gateway))
        .bind::<BigInt, _>(micros(alive)),
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Ends a session, also one whose row is gone, and writes what is cancelled with it, in one transaction.
///
/// # Errors
/// See [`PgError`].
pub async fn close_session(
    connection: &mut Connection,
    session_id: SessionId,
    cancel: &MassCancel,
) -> Result<(), PgError> {
    connection
        .transaction(async |connection| {
            prepared(
                sql_query("DELETE FROM sessions WHERE session_id = $1")
                    .bind::<SqlUuid, _>(Uuid::from_u128(session_id.as_u128())),
            )
            .execute(connection)
            .await?;
            write_mass_cancel(connection, cancel).await
        })
        .await
}

/// Ends up to so many sessions that nobody kept alive, and writes the mass cancels of their users, in one transaction. What
/// was written.
///
/// # Errors
/// See [`PgError`].
pub async fn fire_sessions(
    connection: &mut Connection,
    limit: u32,
    cancel: impl Fn(&[UserId], &[u32]) -> Option<MassCancel> + Send + Sync,
) -> Result<MassCancel, PgError> {
    connection
        .transaction(async |connection| {
            let users = take_dead_sessions(connection, limit).await?;
            write(connection, &users, cancel).await
        })
        .await
}

async fn take_dead_sessions(connection: &mut Connection, limit: u32) -> Result<Vec<UserId>, PgError> {
    let rows: Vec<UserRow> = prepared(
        sql_query(
            "DELETE FROM sessions s WHERE s.session_id IN (SELECT o.session_id FROM sessions o \
         WHERE o.alive_until < now() ORDER BY o.alive_until LIMIT $1 FOR UPDATE SKIP LOCKED) \
         AND s.alive_until < now() RETURNING s.user_id",
        )
        .bind::<BigInt, _>(i64::from(limit)),
    )
    .load(connection)
    .await?;
    let mut users: Vec<UserId> = rows
        .iter()
        .map(|row| UserId::from_u128(row.user_id.as_u128()))
        .collect();
    users.sort_unstable();
    users.dedup();
    Ok(users)
}
