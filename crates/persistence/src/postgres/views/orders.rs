//! A user's orders: one, or a page of them, newest first.

use diesel::sql_query;
use diesel::sql_types::{BigInt, Nullable, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl as _;
use domain::{ClientOrderId, Order, OrderId, OrderRef, Side, Status, UserId};
use uuid::Uuid;

use super::{id, page};
use crate::OrderQuery;
use crate::postgres::orders::MarketGrids;
use crate::postgres::orders::row::{COLUMNS, OrderRow};
use crate::postgres::{Connection, PgError, prepared};

/// The statuses of live orders as SQL lists them.
const LIVE: &str = "('PENDING', 'OPEN', 'PARTIALLY_FILLED')";
/// The index of users, symbols and statuses finds live orders among any number of ended ones, if symbols are named.
const EVERY_SYMBOL: &str = "o.symbol = ANY(ARRAY(SELECT symbol FROM market_state))";

/// So many of a user's orders are looked through for a client order id that stands for none of them any more.
const LATEST: u32 = 1_000;

/// Which life orders have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Life {
    /// All orders.
    All,
    /// Only live ones.
    Live,
    /// Only ended ones.
    Ended,
}

/// One of a user's orders. Of several under the same client order id, the newest; an id that is free again is looked for
/// among the latest orders only.
///
/// # Errors
/// See [`PgError`]; an order of a market that is not among these is an error too.
pub async fn order(
    connection: &mut Connection,
    user_id: UserId,
    order: &OrderRef,
    markets: &MarketGrids,
) -> Result<Option<Order>, PgError> {
    let found = match order {
        OrderRef::Id(order_id) => by_id(connection, user_id, *order_id).await?,
        OrderRef::Client(name) => match by_kept_name(connection, user_id, name).await? {
            Some(found) => Some(found),
            None => by_any_name(connection, user_id, name).await?,
        },
    };
    found.map(|row| Ok(row.stored(markets)?.order)).transpose()
}

async fn by_id(
    connection: &mut Connection,
    user_id: UserId,
    order_id: OrderId,
) -> Result<Option<OrderRow>, PgError> {
    let sql = format!("SELECT {COLUMNS} FROM order_rows(ARRAY[$1]) o WHERE o.user_id = $2");
    let query = sql_query(sql)
        .bind::<SqlUuid, _>(id(order_id.as_u128()))
        .bind::<SqlUuid, _>(id(user_id.as_u128()));
    let rows: Vec<OrderRow> = prepared(query).load(connection).await?;
    Ok(rows.into_iter().next())
}

/// By the table of the names that still stand for an order.
async fn by_kept_name(
    connection: &mut Connection,
    user_id: UserId,
    name: &ClientOrderId,
) -> Result<Option<OrderRow>, PgError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM order_rows(ARRAY(SELECT c.order_id FROM client_order_ids c \
         WHERE c.user_id = $1 AND c.client_order_id = $2)) o WHERE o.user_id = $1"
    );
    let query = sql_query(sql)
        .bind::<SqlUuid, _>(id(user_id.as_u128()))
        .bind::<Text, _>(name.as_str());
    let rows: Vec<OrderRow> = prepared(query).load(connection).await?;
    Ok(rows.into_iter().next())
}

/// Among the latest of the user's orders: the name is free for another one since. Older ones are found by their ids alone,
/// for there is no bound to how many orders a user has, and most names that are asked for here were never used.
async fn by_any_name(
    connection: &mut Connection,
    user_id: UserId,
    name: &ClientOrderId,
) -> Result<Option<OrderRow>, PgError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM (SELECT * FROM orders WHERE user_id = $1 ORDER BY order_id DESC LIMIT {LATEST}) o \
         WHERE o.client_order_id = $2 ORDER BY o.order_id DESC LIMIT 1"
    );
    let query = sql_query(sql)
        .bind::<SqlUuid, _>(id(user_id.as_u128()))
        .bind::<Text, _>(name.as_str());
    let rows: Vec<OrderRow> = prepared(query).load(connection).await?;
    Ok(rows.into_iter().next())
}

/// A page of a user's orders, newest first by their ids.
///
/// # Errors
/// See [`PgError`]; an order of a market that is not among these is an error too.
pub async fn orders(
    connection: &mut Connection,
    query: &OrderQuery,
    life: Life,
    markets: &MarketGrids,
) -> Result<Vec<Order>, PgError> {
    let OrderQuery {
        user_id,
        market,
        side,
        status,
        before,
        limit,
    } = *query;
    let status_lives = status.map(Status::is_live);
    let contradicts = match life {
        Life::All => false,
        Life::Live => status_lives == Some(false),
        Life::Ended => status_lives == Some(true),
    };
    let symbol = match market {
        None => None,
        Some(number) => match markets.numbered(number) {
            Some(market) => Some(market.symbol().to_string()),
            None => return Ok(Vec::new()),
        },
    };
    if contradicts || limit == 0 {
        return Ok(Vec::new());
    }
    let only_live = life == Life::Live || status_lives == Some(true);
    let of_market = match (&symbol, only_live) {
        (Some(_), _) => "o.symbol = $2",
        (None, true) => EVERY_SYMBOL,
        (None, false) => "true",
    };
    let of_life = match life {
        _ if only_live => format!("o.status IN {LIVE}"),
        Life::Ended => format!("o.status NOT IN {LIVE}"),
        Life::All | Life::Live => "true".to_owned(),
    };
    let wanted = format!(
        "SELECT {COLUMNS} FROM orders o WHERE o.user_id = $1 AND {of_market} AND {of_life} \
         AND ($2 IS NULL OR o.symbol = $2) AND ($3 IS NULL OR o.side = $3::order_side_enum) \
         AND ($4 IS NULL OR o.status = $4::order_status_enum) AND o.order_id < $5"
    );
    // What is found by the index is sorted; else the planner might walk through all of the user's orders.
    let sql = if only_live {
        format!("WITH live AS MATERIALIZED ({wanted}) SELECT * FROM live ORDER BY order_id DESC LIMIT $6")
    } else {
        format!("{wanted} ORDER BY o.order_id DESC LIMIT $6")
    };
    let rows: Vec<OrderRow> = prepared(
        sql_query(sql)
            .bind::<SqlUuid, _>(id(user_id.as_u128()))
            .bind::<Nullable<Text>, _>(symbol)
            .bind::<Nullable<Text>, _>(side.map(Side::word))
            .bind::<Nullable<Text>, _>(status.map(Status::word))
            .bind::<SqlUuid, _>(before.map_or(Uuid::max(), |before| id(before.as_u128())))
            .bind::<BigInt, _>(page(limit)),
    )
    .load(connection)
    .await?;
    let order = |row: OrderRow| Ok(row.stored(markets)?.order);
    rows.into_iter().map(order).collect()
}

/// A user's orders that the shards' folds hold, in the order in which they came.
pub(super) async fn live_in_folds(
    connection: &mut Connection,
    user_id: UserId,
    markets: &MarketGrids,
) -> Result<Vec<Order>, PgError> {
    let sql = format!(
        "WITH live AS MATERIALIZED (SELECT {COLUMNS} FROM orders o WHERE o.user_id = $1 AND {EVERY_SYMBOL} \
         AND o.status IN ('OPEN', 'PARTIALLY_FILLED')) SELECT * FROM live ORDER BY order_id"
    );
    let query = sql_query(sql).bind::<SqlUuid, _>(id(user_id.as_u128()));
    let rows: Vec<OrderRow> = prepared(query).load(connection).await?;
    let order = |row: OrderRow| Ok(row.stored(markets)?.order);
    rows.into_iter().map(order).collect()
}
