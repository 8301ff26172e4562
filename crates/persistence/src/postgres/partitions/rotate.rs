//! Old partitions go: taken out first, dropped after a grace. Trades' days before the orders' months.

use std::time::Duration;

use chrono::{DateTime, Utc};
use diesel::sql_types::{Bool, Text, Timestamptz};
use diesel::{QueryableByName, sql_query};
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use runtime::Clock;
use runtime::settings::PartitionSettings;

use super::refuse::{quoted, refusal};
use super::{Parent, Partition, PartitionState, list, now};
use crate::postgres::{Connection, PgError, clock_difference};

/// Only one at a time.
const LOCK: i64 = 0x726f_7461_7465;
/// Our clock decides what is old: it must not be further from the database's.
const CLOCK_LIMIT: Duration = Duration::from_secs(60);

/// What a rotation did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rotation {
    /// Taken out.
    pub detached: Vec<String>,
    /// Dropped.
    pub dropped: Vec<String>,
    /// Old enough, but kept.
    pub refused: Vec<Refusal>,
}

/// A partition that is old enough to go, and why it stays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Its name.
    pub name: String,
    /// Why.
    pub reason: String,
}

/// Why nothing was rotated.
#[derive(Debug, thiserror::Error)]
pub enum NotRotated {
    /// PostgreSQL did not answer.
    #[error(transparent)]
    Postgres(#[from] PgError),
    /// Another program rotates.
    #[error("another program rotates partitions at the moment")]
    Busy,
    /// The role may not.
    #[error("only the owner of the tables may take partitions out")]
    NotOwner,
    /// What is old cannot be told.
    #[error("the clock is {0} ms off the database's: what is old cannot be told")]
    Clock(i64),
}

impl From<diesel::result::Error> for NotRotated {
    fn from(error: diesel::result::Error) -> Self {
        Self::Postgres(error.into())
    }
}

#[derive(QueryableByName)]
struct Holds {
    #[diesel(sql_type = Bool)]
    holds: bool,
}

async fn holds(connection: &mut Connection, question: &str) -> Result<bool, PgError> {
    let answer: Holds = sql_query(question).get_result(connection).await?;
    Ok(answer.holds)
}

/// Takes out what is older than the settings keep, and drops what was taken out long enough ago. The connection must be
/// one past every pooler: a session's lock keeps others away.
///
/// # Errors
/// Nothing was done, or PostgreSQL did not answer in the middle: the next call goes on from there.
pub async fn rotate(
    connection: &mut Connection,
    clock: &Clock,
    settings: &PartitionSettings,
) -> Result<Rotation, NotRotated> {
    let owns = "SELECT bool_and(pg_has_role(relowner, 'USAGE')) AS holds FROM pg_class
                 WHERE oid IN ('public.orders'::regclass, 'public.trades'::regclass)";
    if !holds(connection, owns).await? {
        return Err(NotRotated::NotOwner);
    }
    let difference = clock_difference(connection, clock).await?;
    if difference.exceeds(CLOCK_LIMIT) {
        return Err(NotRotated::Clock(difference.micros / 1_000));
    }
    if !holds(
        connection,
        &format!("SELECT pg_try_advisory_lock({LOCK}) AS holds"),
    )
    .await?
    {
        return Err(NotRotated::Busy);
    }
    // To take a partition out means to wait until nobody uses it, one after the other.
    connection
        .batch_execute("SET statement_timeout = 0; SET lock_timeout = '10s'")
        .await?;
    let rotated = rotate_locked(connection, now(clock), settings).await;
    let released = format!("RESET statement_timeout; RESET lock_timeout; SELECT pg_advisory_unlock({LOCK})");
    connection.batch_execute(&released).await?;
    Ok(rotated?)
}

async fn rotate_locked(
    connection: &mut Connection,
    now: DateTime<Utc>,
    settings: &PartitionSettings,
) -> Result<Rotation, PgError> {
    let mut rotation = Rotation::default();
    // What was attached again by hand is no longer to be dropped.
    let again = "DELETE FROM detached_partitions d USING pg_class c JOIN pg_inherits i ON i.inhrelid = c.oid
                  WHERE c.oid = to_regclass('public.' || quote_ident(d.name)) AND NOT i.inhdetachpending";
    sql_query(again).execute(connection).await?;
    drop_old(connection, now, &mut rotation).await?;
    for (parent, kept) in [
        (Parent::Trades, settings.keep_trades),
        (Parent::Orders, settings.keep_orders),
    ] {
        let all = list(connection).await?;
        for partition in all.iter().filter(|one| one.parent == parent) {
            let old = !kept.is_zero() && partition.ends_at + kept <= now;
            match partition.state {
                PartitionState::Attached if !old => {}
                PartitionState::Attached => match refusal(connection, partition, &all).await? {
                    Some(reason) => rotation.refuse(partition, reason),
                    None => detach(connection, now, settings, partition, &mut rotation).await?,
                },
                // Begun before, and broken off.
                PartitionState::Detaching => {
                    detach(connection, now, settings, partition, &mut rotation).await?;
                }
                PartitionState::Detached(_) => {}
            }
        }
    }
    Ok(rotation)
}

impl Rotation {
    fn refuse(&mut self, partition: &Partition, reason: String) {
        self.refused.push(Refusal {
            name: partition.name.clone(),
            reason,
        });
    }
}

/// Takes one out, and writes down when it is to be dropped.
async fn detach(
    connection: &mut Connection,
    now: DateTime<Utc>,
    settings: &PartitionSettings,
    partition: &Partition,
    rotation: &mut Rotation,
) -> Result<(), PgError> {
    let remember =
        "INSERT INTO detached_partitions (name, parent, begins_at, ends_at, detached_at, drop_after)
                    VALUES ($1, $2, $3, $4, $5, $6)
                    ON CONFLICT (name) DO UPDATE SET detached_at = $5, drop_after = $6";
    sql_query(remember)
        .bind::<Text, _>(&partition.name)
        .bind::<Text, _>(partition.parent.name())
        .bind::<Timestamptz, _>(partition.begins_at)
        .bind::<Timestamptz, _>(partition.ends_at)
        .bind::<Timestamptz, _>(now)
        .bind::<Timestamptz, _>(now + settings.grace)
        .execute(connection)
        .await?;
    let how = match partition.state {
        PartitionState::Detaching => "FINALIZE",
        _ => "CONCURRENTLY",
    };
    let statement = format!(
        "ALTER TABLE public.{} DETACH PARTITION public.{} {how}",
        partition.parent,
        quoted(&partition.name)
    );
    match connection.batch_execute(&statement).await.map_err(PgError::from) {
        Ok(()) => {
            tracing::info!(partition = partition.name, "taken out");
            rotation.detached.push(partition.name.clone());
            Ok(())
        }
        // Still used, or referred to since we looked. What was begun is finished the next time.
        Err(PgError::Refused(error)) => {
            rotation.refuse(partition, error.to_string());
            Ok(())
        }
        Err(error) => Err(error),
    }
}

/// Drops what was taken out long enough ago, trades first: orders' months are referred to by them.
async fn drop_old(
    connection: &mut Connection,
    now: DateTime<Utc>,
    rotation: &mut Rotation,
) -> Result<(), PgError> {
    let mut all = list(connection).await?;
    all.sort_by_key(|one| (one.parent == Parent::Orders, one.begins_at));
    for partition in all {
        let PartitionState::Detached(drop_after) = partition.state else {
            continue;
        };
        if drop_after > now {
            continue;
        }
        let statement = format!("DROP TABLE public.{}", quoted(&partition.name));
        match connection.batch_execute(&statement).await.map_err(PgError::from) {
            Ok(()) => {
                tracing::info!(partition = partition.name, "dropped");
                sql_query("DELETE FROM detached_partitions WHERE name = $1")
                    .bind::<Text, _>(&partition.name)
                    .execute(connection)
                    .await?;
                rotation.dropped.push(partition.name);
            }
            Err(PgError::Refused(error)) => rotation.refuse(&partition, error.to_string()),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
