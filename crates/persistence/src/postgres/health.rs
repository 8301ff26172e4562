//! Whether PostgreSQL answers, how fast, and what its clock says.

use std::time::Duration;

use diesel::sql_types::BigInt;
use diesel::{QueryableByName, sql_query};
use diesel_async::RunQueryDsl;
use runtime::Clock;

use super::{Connection, PgError, Pool};

/// How far the database's clock is from ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockDifference {
    /// The database's time less ours, in microseconds.
    pub micros: i64,
    /// How far that may be wrong, in microseconds: half of the time that the answer took.
    pub uncertainty: i64,
}

impl ClockDifference {
    /// Whether it is certainly more than this.
    pub fn exceeds(&self, limit: Duration) -> bool {
        let limit = i64::try_from(limit.as_micros()).unwrap_or(i64::MAX);
        self.micros.saturating_abs().saturating_sub(self.uncertainty) > limit
    }
}

#[derive(QueryableByName)]
struct Now {
    #[diesel(sql_type = BigInt)]
    micros: i64,
}

/// Asks the database for its time.
///
/// # Errors
/// It did not answer.
pub async fn clock_difference(
    connection: &mut Connection,
    clock: &Clock,
) -> Result<ClockDifference, PgError> {
    let now = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS micros";
    // Prepared first, so that only the question itself is timed.
    let _: Now = sql_query(now).get_result(connection).await?;
    let before = clock.wall_us();
    let asked: Now = sql_query(now).get_result(connection).await?;
    let after = clock.wall_us().max(before);
    let signed = |micros: u64| i64::try_from(micros).unwrap_or(i64::MAX);
    let half = signed((after - before) / 2);
    Ok(ClockDifference {
        micros: asked.micros.saturating_sub(signed(before).saturating_add(half)),
        uncertainty: half,
    })
}

impl Pool {
    /// Asks the server for nothing, and says how long that took, the wait for a connection included.
    ///
    /// # Errors
    /// It did not answer.
    pub async fn ping(&self, clock: &Clock) -> Result<Duration, PgError> {
        let before = clock.monotonic();
        let mut connection = self.get().await?;
        sql_query("SELECT 1").execute(&mut connection).await?;
        Ok(clock.monotonic().saturating_sub(before))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_counts_only_beyond_what_is_uncertain() {
        let limit = Duration::from_secs(1);
        for (micros, uncertainty, expected) in [
            (0, 0, false),
            (1_000_000, 0, false),
            (1_000_001, 0, true),
            (-1_000_001, 0, true),
            (1_400_000, 500_000, false),
            (-1_600_000, 500_000, true),
            (i64::MIN, i64::MAX, false),
        ] {
            let difference = ClockDifference { micros, uncertainty };
            assert_eq!(difference.exceeds(limit), expected, "{difference:?}");
        }
    }
}
