//! Client ids of users who have more of them than are kept: the oldest of ended orders go.

use diesel::QueryableByName;
use diesel::sql_query;
use diesel::sql_types::{BigInt, Bool, Uuid as SqlUuid};
use diesel_async::RunQueryDsl as _;
use domain::UserId;
use uuid::Uuid;

use crate::postgres::{Connection, PgError, prepared};

/// Users in the order of their ids, and whether each has more client ids than so many.
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

// From user to user along the primary key; of each only as many ids are counted as are asked for.
const CROWDS: &str = "WITH RECURSIVE page(user_id, n) AS (\
    (SELECT user_id, 1 FROM client_order_ids WHERE user_id > $1 ORDER BY user_id LIMIT 1) \
    UNION ALL SELECT (SELECT c.user_id FROM client_order_ids c WHERE c.user_id > p.user_id ORDER BY c.user_id LIMIT 1), \
        p.n + 1 FROM page p WHERE p.user_id IS NOT NULL AND p.n < $2) \
    SELECT p.user_id, EXISTS (SELECT 1 FROM client_order_ids c WHERE c.user_id = p.user_id OFFSET $3) AS is_crowded \
    FROM page p WHERE p.user_id IS NOT NULL ORDER BY p.user_id";

/// The next users with client ids behind this one, at most so many, and whether each has more than `most`.
///
/// # Errors
/// See [`PgError`].
pub async fn crowds(
    connection: &mut Connection,
    after: Option<UserId>,
    limit: u32,
    most: u32,
) -> Result<Vec<Crowd>, PgError> {
    let after = after.map_or(0, UserId::as_u128);
    let rows: Vec<CrowdRow> = prepared(
        sql_query(CROWDS)
            .bind::<SqlUuid, _>(Uuid::from_u128(after))
            .bind::<BigInt, _>(i64::from(limit))
            .bind::<BigInt, _>(i64::from(most)),
    )
    .load(connection)
    .await?;
    let crowd = |CrowdRow { user_id, is_crowded }| Crowd {
        user_id: UserId::from_u128(user_id.as_u128()),
        is_crowded,
    };
    Ok(rows.into_iter().map(crowd).collect())
}

// Only the oldest are looked up in the orders. An order that is not there any more went with its whole month.
const FORGET: &str = "WITH oldest AS (SELECT client_order_id, order_id FROM client_order_ids WHERE user_id = $1 \
        ORDER BY order_id DESC OFFSET $2), \
    over AS (SELECT x.* FROM oldest x LEFT JOIN LATERAL \
        (SELECT o.status FROM orders o WHERE o.order_id = x.order_id LIMIT 1) o ON true \
        WHERE o.status IS NULL OR o.status NOT IN ('PENDING', 'OPEN', 'PARTIALLY_FILLED') LIMIT $3) \
    DELETE FROM client_order_ids c USING over WHERE c.user_id = $1 AND c.client_order_id = over.client_order_id \
        AND c.order_id = over.order_id";

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
