//! The mass cancels that orders which were received before them may still meet. Gateways write and remove them.

use chrono::{DateTime, Utc};
use diesel::QueryableByName;
use diesel::sql_query;
use diesel::sql_types::{Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl as _;
use domain::{CancelReason, Side, Stamp, UserId};
use uuid::Uuid;

use crate::postgres::{Connection, PgError};

/// A mass cancel that orders may still meet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredCutoff {
    /// Only of this user.
    pub user_id: Option<UserId>,
    /// Only in the market of this symbol.
    pub symbol: Option<String>,
    /// Only on this side.
    pub side: Option<Side>,
    /// Why orders end.
    pub reason: CancelReason,
    /// Those received before this moment.
    pub received_before: Stamp,
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Nullable<SqlUuid>)]
    user_id: Option<Uuid>,
    #[diesel(sql_type = Nullable<Text>)]
    symbol: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    side: Option<String>,
    #[diesel(sql_type = Text)]
    reason: String,
    #[diesel(sql_type = Timestamptz)]
    received_before: DateTime<Utc>,
}

// One whose command still waits and was not begun is in force from its place in the log on, and not before.
const CUTOFFS: &str = "SELECT DISTINCT ON (user_id, symbol, side) user_id, symbol, side::text AS side, reason, \
    received_before FROM cancel_cutoffs k WHERE shard = $1 \
    AND NOT EXISTS (SELECT 1 FROM commands c WHERE c.id = k.id AND c.progress = 0) \
    ORDER BY user_id, symbol, side, received_before DESC, id";

/// The mass cancels in force that a shard's orders may still meet, of those with the same selection the latest.
///
/// # Errors
/// See [`PgError`].
pub async fn cutoffs_of_shard(connection: &mut Connection, shard: u32) -> Result<Vec<StoredCutoff>, PgError> {
    let rows: Vec<Row> = sql_query(CUTOFFS)
        .bind::<Integer, _>(shard.cast_signed())
        .load(connection)
        .await?;
    rows.into_iter().map(StoredCutoff::try_from).collect()
}

impl TryFrom<Row> for StoredCutoff {
    type Error = PgError;

    fn try_from(row: Row) -> Result<Self, PgError> {
        let Row {
            user_id,
            symbol,
            side,
            reason,
            received_before,
        } = row;
        let bad = |why: String| PgError::bad_row("cancel_cutoffs", why);
        let side = side.map(|word| Side::from_word(&word).ok_or_else(|| bad(format!("side {word}"))));
        let known = CancelReason::ALL.iter().copied().find(|one| one.code() == reason);
        let received_before = u64::try_from(received_before.timestamp_micros());
        Ok(Self {
            user_id: user_id.map(|id| UserId::from_u128(id.as_u128())),
            symbol,
            side: side.transpose()?,
            reason: known.ok_or_else(|| bad(format!("reason {reason}")))?,
            received_before: Stamp::from_micros(
                received_before.map_err(|_| bad("received_before before 1970".to_owned()))?,
            ),
        })
    }
}
