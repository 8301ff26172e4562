//! What is over and may go: client ids of orders that ended long ago, and cut-offs that no order can meet any more.

use diesel::QueryableByName;
use diesel::sql_query;
use diesel::sql_types::{BigInt, Nullable, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl as _;
use domain::{OrderId, Stamp};
use uuid::Uuid;

use crate::postgres::orders::value::time;
use crate::postgres::{Connection, PgError, prepared};

/// Where in the list of client ids a look goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClaimPage {
    /// Behind this order.
    pub after: Option<OrderId>,
    /// At most so many.
    pub limit: u32,
}

/// What one look at client ids found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EndedClaims {
    /// The last order that was looked at; none: there were no more.
    pub last: Option<OrderId>,
    /// How many ids were removed.
    pub removed: u64,
}

#[derive(QueryableByName)]
struct EndedRow {
    #[diesel(sql_type = Nullable<SqlUuid>)]
    last: Option<Uuid>,
    #[diesel(sql_type = BigInt)]
    removed: i64,
}

// An order that is not there any more went with its whole month, so it has ended.
const ENDED: &str = "WITH page AS (SELECT user_id, client_order_id, order_id FROM client_order_ids \
    WHERE order_id > $1 AND order_id < v7_floor($2) ORDER BY order_id LIMIT $3), \
    over AS (SELECT p.* FROM page p LEFT JOIN orders o ON o.order_id = p.order_id \
    WHERE o.order_id IS NULL OR COALESCE(o.filled_at, o.cancelled_at) < $2), \
    gone AS (DELETE FROM client_order_ids c USING over WHERE c.user_id = over.user_id \
    AND c.client_order_id = over.client_order_id AND c.order_id = over.order_id RETURNING 1) \
    SELECT (SELECT order_id FROM page ORDER BY order_id DESC LIMIT 1) AS last, \
    (SELECT count(*) FROM gone) AS removed";

/// Looks at one page of client ids, and removes those whose orders ended before this moment.
///
/// # Errors
/// See [`PgError`].
pub async fn remove_ended_claims(
    connection: &mut Connection,
    page: ClaimPage,
    ended_before: Stamp,
) -> Result<EndedClaims, PgError> {
    let after = page.after.map_or(0, OrderId::as_u128);
    let EndedRow { last, removed } = prepared(
        sql_query(ENDED)
            .bind::<SqlUuid, _>(Uuid::from_u128(after))
            .bind::<Timestamptz, _>(time(ended_before))
            .bind::<BigInt, _>(i64::from(page.limit)),
    )
    .get_result(connection)
    .await?;
    Ok(EndedClaims {
        last: last.map(|id| OrderId::from_u128(id.as_u128())),
        removed: removed.cast_unsigned(),
    })
}

/// Removes up to so many cut-offs whose time is over and before which no order is PENDING any more. How many.
///
/// # Errors
/// See [`PgError`].
pub async fn remove_cutoffs(connection: &mut Connection, now: Stamp, limit: u32) -> Result<usize, PgError> {
    let removed = prepared(sql_query(
        "DELETE FROM cancel_cutoffs c WHERE c.id IN (SELECT o.id FROM cancel_cutoffs o WHERE o.until < $1 \
         AND NOT EXISTS (SELECT 1 FROM orders p WHERE p.status = 'PENDING' AND p.created_at < o.received_before) \
         LIMIT $2 FOR UPDATE SKIP LOCKED)",
    )
    .bind::<Timestamptz, _>(time(now))
    .bind::<BigInt, _>(i64::from(limit)))
    .execute(connection)
    .await?;
    Ok(removed)
}
