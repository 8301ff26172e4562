//! Client ids of users who have more of them than are kept: the oldest of ended orders go.

use diesel::QueryableByName;
use diesel::sql_query;
use diesel::sql_types::{BigInt, Bool, Uuid as SqlUuid};
use diesel_async::RunQueryDsl as _;
use domain::UserId;
use uuid::Uuid;

use crate::postgres::{Connection, PgError, prepared};

/// A user, and whether it has more client ids than so many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Crowd {
    /// The user.
    pub user_id: UserId,
    /// Whether it has more.
    pub is_crowded: bool,
}

#[derive(QueryableByName)]
struct CrowdRow {
    #[diesel(sql_type = SqlUuid)]
    user_id: Uuid,
    #[diesel(sql_type = Bool)]
    is_crowded: bool,
}

// Along the primary key; only as many ids are counted as are asked for.
const CROWD: &str = "SELECT n.user_id, EXISTS (SELECT 1 FROM client_order_ids c WHERE c.user_id = n.user_id OFFSET $2) \
    AS is_crowded FROM (SELECT user_id FROM client_order_ids WHERE user_id > $1 ORDER BY user_id LIMIT 1) n";

/// The next user with client ids behind this one, and whether it has more than `most`; none: there is no other.
///
/// # Errors
/// See [`PgError`].
pub async fn next_crowd(
    connection: &mut Connection,
    after: Option<UserId>,
    most: u32,
) -> Result<Option<Crowd>, PgError> {
    let after = after.map_or(0, UserId::as_u128);
    let rows: Vec<CrowdRow> = prepared(
        sql_query(CROWD)
            .bind::<SqlUuid, _>(Uuid::from_u128(after))
            .bind::<BigInt, _>(i64::from(most)),
    )
    .load(connection)
    .await?;
    let crowd = |CrowdRow { user_id, is_crowded }| Crowd {
        user_id: UserId::from_u128(user_id.as_u128()),
        is_crowded,
    };
    Ok(rows.into_iter().map(crowd).next())
}

// Only those beyond what is kept are looked up in the orders, the oldest first. An order that is not there any more went
// with its whole month.
const FORGET: &str = "WITH beyond AS (SELECT client_order_id, order_id FROM client_order_ids WHERE user_id = $1 \
        ORDER BY order_id DESC OFFSET $2), \
    oldest AS (SELECT x.* FROM beyond x LEFT JOIN LATERAL \
        (SELECT o.status FROM orders o WHERE o.order_id = x.order_id LIMIT 1) o ON true \
        WHERE o.status IS NULL OR o.status NOT IN ('PENDING', 'OPEN', 'PARTIALLY_FILLED') \
        ORDER BY x.order_id LIMIT $3), \
    free AS (SELECT c.client_order_id, c.order_id FROM client_order_ids c JOIN oldest USING (client_order_id, order_id) \
        WHERE c.user_id = $1 FOR UPDATE OF c SKIP LOCKED) \
    DELETE FROM client_order_ids c USING free WHERE c.user_id = $1 AND c.client_order_id = free.client_order_id \
        AND c.order_id = free.order_id";

/// Forgets the oldest client ids of a user beyond so many, those of live orders aside; at most `limit` at once. How many.
///
/// # Errors
/// See [`PgError`].
pub async fn forget_oldest(
    connection: &mut Connection,
    user_id: UserId,
    keep: u32,
    limit: u32,
) -> Result<usize, PgError> {
    let forgotten = prepared(
        sql_query(FORGET)
            .bind::<SqlUuid, _>(Uuid::from_u128(user_id.as_u128()))
            .bind::<BigInt, _>(i64::from(keep))
            .bind::<BigInt, _>(i64::from(limit)),
    )
    .execute(connection)
    .await?;
    Ok(forgotten)
}
