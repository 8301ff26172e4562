//! Partitions that are there before their first row comes.

use std::time::Duration;

use chrono::{DateTime, Days, Months, Utc};
use diesel::sql_types::{Array, Integer, Text, Timestamptz};
use diesel::{QueryableByName, sql_query};
use diesel_async::RunQueryDsl;
use runtime::Clock;
use runtime::settings::PartitionSettings;

use super::{Parent, Partition, PartitionState, list, now};
use crate::postgres::{Connection, PgError};

/// How often a partition is tried that others' writes keep from being attached.
const TRIES: u32 = 5;

/// How long rows can go on to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ahead {
    /// Until the last month of orders ends.
    pub orders: Duration,
    /// Until the last day of trades ends.
    pub trades: Duration,
}

#[derive(QueryableByName)]
struct Made {
    #[diesel(sql_type = Integer)]
    made: i32,
}

/// Makes what is missing from yesterday on, as far ahead as the settings say. How many were made. Each is made in a
/// transaction of its own, so that writers wait for one at most.
///
/// # Errors
/// PostgreSQL did not answer, or others' writes left no gap to attach a partition in.
pub async fn make(
    connection: &mut Connection,
    clock: &Clock,
    settings: &PartitionSettings,
) -> Result<u32, PgError> {
    let now = now(clock);
    // A row may bear a time that was just before midnight.
    let first = now - Days::new(1);
    let months = (0..=settings.months_ahead).map(|month| (Parent::Orders, now + Months::new(month)));
    let days = (0..=settings.days_ahead).map(|day| (Parent::Trades, now + Days::new(u64::from(day))));
    let wanted = [(Parent::Orders, first), (Parent::Trades, first)];
    let wanted = wanted.into_iter().chain(months).chain(days);
    let known = list(connection).await?;
    let mut made = 0;
    for (parent, at) in wanted {
        let has = |one: &Partition| one.parent == parent && one.begins_at <= at && at < one.ends_at;
        if !known.iter().any(has) {
            made += make_one(connection, parent, at).await?;
        }
    }
    Ok(made)
}

async fn make_one(connection: &mut Connection, parent: Parent, at: DateTime<Utc>) -> Result<u32, PgError> {
    let mut tries = 0;
    loop {
        tries += 1;
        let making = sql_query("SELECT make_partitions($1, $1, $2) AS made")
            .bind::<Timestamptz, _>(at)
            .bind::<Array<Text>, _>(vec![parent.name()]);
        let made: Result<Made, _> = making.get_result(connection).await;
        match made.map_err(PgError::from) {
            Ok(made) => return Ok(made.made.unsigned_abs()),
            // A transaction that has written to the table went on for too long.
            Err(PgError::Refused(error)) if tries < TRIES => {
                tracing::warn!(%parent, %at, %error, "a partition could not be made yet");
            }
            Err(error) => return Err(error),
        }
    }
}

/// How long rows can go on to be written, without a gap from now.
///
/// # Errors
/// PostgreSQL did not answer.
pub async fn ahead(connection: &mut Connection, clock: &Clock) -> Result<Ahead, PgError> {
    let partitions = list(connection).await?;
    let now = now(clock);
    Ok(Ahead {
        orders: until_gap(&partitions, Parent::Orders, now),
        trades: until_gap(&partitions, Parent::Trades, now),
    })
}

/// From now to the end of the last partition before the first gap.
fn until_gap(partitions: &[Partition], parent: Parent, now: DateTime<Utc>) -> Duration {
    let attached = |one: &&Partition| one.parent == parent && one.state == PartitionState::Attached;
    let end = partitions.iter().filter(attached).fold(now, |end, next| {
        if next.begins_at <= end && end < next.ends_at {
            next.ends_at
        } else {
            end
        }
    });
    (end - now).to_std().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_ends_what_can_be_written() {
        let day = |day: i64| DateTime::from_timestamp(day * 86_400, 0).unwrap();
        let partition = |begins: i64, state| Partition {
            parent: Parent::Trades,
            name: String::new(),
            begins_at: day(begins),
            ends_at: day(begins + 1),
            state,
            rows: 0,
            bytes: 0,
        };
        let attached = |begins| partition(begins, PartitionState::Attached);
        let noon = day(10) + Duration::from_secs(43_200);
        for (partitions, days_from_noon) in [
            (vec![], 0.0),
            (vec![attached(9)], 0.0),
            (vec![attached(9), attached(10)], 0.5),
            (vec![attached(10), attached(11), attached(13)], 1.5),
            (vec![attached(10), partition(11, PartitionState::Detaching)], 0.5),
            (vec![attached(11)], 0.0),
        ] {
            let found = until_gap(&partitions, Parent::Trades, noon).as_secs_f64() / 86_400.0;
            assert!((found - days_from_noon).abs() < 1e-9, "{partitions:?}: {found}");
        }
        assert_eq!(until_gap(&[attached(10)], Parent::Orders, noon), Duration::ZERO);
    }
}
