//! Orders that are stored and not decided: which of some exist, and which nobody drives.

use std::time::Duration;

use diesel::QueryableByName;
use diesel::sql_query;
use diesel::sql_types::{Array, BigInt, Nullable, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl as _;
use domain::{OrderId, Stamp};
use uuid::Uuid;

use super::uuids;
use crate::postgres::orders::row::{COLUMNS, OrderRow};
use crate::postgres::orders::value::time;
use crate::postgres::orders::{MarketGrids, StoredOrder};
use crate::postgres::{Connection, PgError, prepared};

#[derive(QueryableByName)]
struct Id {
    #[diesel(sql_type = SqlUuid)]
    order_id: Uuid,
}

/// Those of these orders that are stored.
///
/// # Errors
/// See [`PgError`].
pub(super) async fn stored_among(
    connection: &mut Connection,
    ids: &[OrderId],
) -> Result<Vec<OrderId>, PgError> {
    let rows: Vec<Id> = prepared(
        sql_query("SELECT order_id FROM orders WHERE order_id = ANY($1)")
            .bind::<Array<SqlUuid>, _>(uuids(ids.iter().map(|id| id.as_u128()))),
    )
    .load(connection)
    .await?;
    let id = |row: Id| OrderId::from_u128(row.order_id.as_u128());
    Ok(rows.into_iter().map(id).collect())
}

#[derive(QueryableByName)]
struct Oldest {
    #[diesel(sql_type = Nullable<BigInt>)]
    micros: Option<i64>,
}

/// The age of the oldest PENDING order, by the database's clock; none: there is none.
///
/// # Errors
/// See [`PgError`].
pub async fn oldest_pending(connection: &mut Connection) -> Result<Option<Duration>, PgError> {
    let oldest: Oldest = prepared(sql_query(
        "SELECT (extract(epoch FROM clock_timestamp() - min(created_at)) * 1000000)::bigint AS micros \
         FROM orders WHERE status = 'PENDING'",
    ))
    .get_result(connection)
    .await?;
    // An order of a gateway whose clock is ahead is new.
    let age = |micros| Duration::from_micros(u64::try_from(micros).unwrap_or(0));
    Ok(oldest.micros.map(age))
}

/// What was taken on of the PENDING orders that nobody drives.
#[derive(Debug, Default)]
pub struct ClaimedOrders {
    /// The orders.
    pub orders: Vec<StoredOrder>,
    /// Why the other rows that were taken on cannot be read.
    pub unreadable: Vec<PgError>,
}

/// Takes up to so many PENDING orders on, for so long, that were made before this moment, that have no command, and that
/// nobody else has taken on.
///
/// # Errors
/// See [`PgError`]. A row that cannot be read, or is of a market that is not among these, keeps none of the others back.
pub async fn claim_pending(
    connection: &mut Connection,
    made_before: Stamp,
    lease: Duration,
    limit: u32,
    markets: &MarketGrids,
) -> Result<ClaimedOrders, PgError> {
    let sql = format!(
        "UPDATE orders o SET swept_until = now() + $2 * interval '1 microsecond' \
         WHERE o.order_id IN (SELECT p.order_id FROM orders p WHERE p.status = 'PENDING' AND p.created_at < $1 \
         AND (p.swept_until IS NULL OR p.swept_until < now()) \
         AND NOT EXISTS (SELECT 1 FROM commands c WHERE c.id = p.order_id AND c.kind = 'place') \
         ORDER BY p.created_at LIMIT $3 FOR UPDATE SKIP LOCKED) AND o.status = 'PENDING' RETURNING {COLUMNS}"
    );
    let rows: Vec<OrderRow> = prepared(
        sql_query(sql)
            .bind::<Timestamptz, _>(time(made_before))
            .bind::<BigInt, _>(i64::try_from(lease.as_micros()).unwrap_or(i64::MAX))
            .bind::<BigInt, _>(i64::from(limit)),
    )
    .load(connection)
    .await?;
    let mut claimed = ClaimedOrders::default();
    for row in rows {
        match row.stored(markets) {
            Ok(stored) => claimed.orders.push(stored),
            Err(error) => claimed.unreadable.push(error),
        }
    }
    Ok(claimed)
}
