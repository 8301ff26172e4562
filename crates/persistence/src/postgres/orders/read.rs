//! Orders by their ids, and the live ones of a shard.

use diesel::sql_types::{Array, Integer, Uuid as SqlUuid};
use diesel_async::RunQueryDsl as _;
use domain::OrderId;
use uuid::Uuid;

use super::row::{COLUMNS, OrderRow};
use super::{MarketGrids, StoredOrder};
use crate::postgres::{Connection, PgError, prepared};

/// These orders, by id, as far as they exist.
///
/// # Errors
/// See [`PgError`]; an order of a market that is not among these is an error too.
pub async fn orders_by_id(
    connection: &mut Connection,
    ids: &[OrderId],
    markets: &MarketGrids,
) -> Result<Vec<StoredOrder>, PgError> {
    let mut ids: Vec<Uuid> = ids.iter().map(|id| Uuid::from_u128(id.as_u128())).collect();
    ids.sort_unstable();
    ids.dedup();
    let sql = format!("SELECT {COLUMNS} FROM order_rows($1) o ORDER BY o.order_id");
    let query = diesel::sql_query(sql).bind::<Array<SqlUuid>, _>(ids);
    let rows: Vec<OrderRow> = prepared(query).load(connection).await?;
    rows.into_iter().map(|row| row.stored(markets)).collect()
}

/// The orders of a shard that its fold holds (OPEN and PARTIALLY_FILLED), in the order in which they entered.
///
/// # Errors
/// See [`PgError`].
pub async fn live_of_shard(
    connection: &mut Connection,
    shard: u32,
    markets: &MarketGrids,
) -> Result<Vec<StoredOrder>, PgError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM market_state s JOIN orders o ON o.symbol = s.symbol \
         WHERE s.shard = $1 AND o.status IN ('OPEN', 'PARTIALLY_FILLED') ORDER BY o.rank, o.order_id"
    );
    let rows: Vec<OrderRow> = diesel::sql_query(sql)
        .bind::<Integer, _>(shard.cast_signed())
        .load(connection)
        .await?;
    rows.into_iter().map(|row| row.stored(markets)).collect()
}
