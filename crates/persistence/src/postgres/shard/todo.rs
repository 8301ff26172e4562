//! A shard's to-do list as its owner sees it: what can be done now, what belongs elsewhere, and what kills its owner.

use diesel::QueryableByName;
use diesel::sql_query;
use diesel::sql_types::{Array, BigInt, Binary, Integer, Nullable, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl as _;
use domain::{MarketNumber, OrderId, Status};
use runtime::trace::TraceContext;
use uuid::Uuid;

use crate::postgres::{Connection, PgError, prepared};

/// A command that can be applied now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Todo {
    /// Its id.
    pub id: Uuid,
    /// Whether it places an order.
    pub is_place: bool,
    /// The order that it is about.
    pub order_id: Option<OrderId>,
    /// The status of that order; none: it is about none, or there is no such row.
    pub status: Option<Status>,
    /// The shard in which the order's market lives, where that is another.
    pub elsewhere: Option<u32>,
    /// How often it has killed its owner.
    pub attempts: u32,
    /// How many orders it has cancelled, if it is a mass cancel that was begun.
    pub progress: u64,
    /// The command, encoded.
    pub body: Vec<u8>,
    /// The trace that it belongs to, where that is recorded.
    pub trace: Option<TraceContext>,
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
    #[diesel(sql_type = Text)]
    kind: String,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    order_id: Option<Uuid>,
    #[diesel(sql_type = Nullable<Text>)]
    status: Option<String>,
    #[diesel(sql_type = Nullable<Integer>)]
    elsewhere: Option<i32>,
    #[diesel(sql_type = Integer)]
    attempts: i32,
    #[diesel(sql_type = BigInt)]
    progress: i64,
    #[diesel(sql_type = Binary)]
    body: Vec<u8>,
    #[diesel(sql_type = Nullable<Binary>)]
    trace: Option<Vec<u8>>,
}

// A cancel or an amendment of an order that waits for its placement waits too, unless the placement is there as well:
// then it comes before it, for its id is the lower one.
const OPEN: &str = "SELECT c.id, c.kind, c.order_id, o.status::text AS status, \
    CASE WHEN s.shard <> c.shard THEN s.shard END AS elsewhere, c.attempts, c.progress, c.body, c.trace FROM commands c \
    LEFT JOIN orders o ON o.order_id = c.order_id LEFT JOIN market_state s ON s.symbol = o.symbol \
    WHERE c.shard = $1 AND c.id >= $3 AND (c.kind NOT IN ('cancel', 'amend') OR o.status IS DISTINCT FROM 'PENDING' \
        OR EXISTS (SELECT 1 FROM commands p WHERE p.id = c.order_id AND p.kind = 'place' AND p.id < c.id)) \
    ORDER BY c.id LIMIT $2";

/// The open commands of a shard with the lowest ids from `first` on, at most so many. A low `first` walks over the places
/// of all commands that went since the table was last vacuumed.
///
/// # Errors
/// See [`PgError`].
pub async fn open_commands(
    connection: &mut Connection,
    shard: u32,
    first: Uuid,
    limit: u32,
) -> Result<Vec<Todo>, PgError> {
    let rows: Vec<Row> = prepared(
        sql_query(OPEN)
            .bind::<Integer, _>(shard.cast_signed())
            .bind::<BigInt, _>(i64::from(limit))
            .bind::<SqlUuid, _>(first),
    )
    .load(connection)
    .await?;
    rows.into_iter().map(Todo::try_from).collect()
}

impl TryFrom<Row> for Todo {
    type Error = PgError;

    fn try_from(row: Row) -> Result<Self, PgError> {
        let Row {
            id,
            kind,
            order_id,
            status,
            elsewhere,
            attempts,
            progress,
            body,
            trace,
        } = row;
        let status = status.map(|word| {
            Status::from_word(&word).ok_or_else(|| PgError::bad_row("orders", format!("status {word}")))
        });
        Ok(Self {
            id,
            is_place: kind == "place",
            order_id: order_id.map(|id| OrderId::from_u128(id.as_u128())),
            status: status.transpose()?,
            elsewhere: elsewhere.map(i32::cast_unsigned),
            attempts: attempts.cast_unsigned(),
            progress: progress.cast_unsigned(),
            body,
            trace: trace.and_then(|bytes| TraceContext::from_bytes(&bytes)),
        })
    }
}

const FORWARD: &str = "UPDATE commands c SET shard = s.shard FROM orders o JOIN market_state s ON s.symbol = o.symbol \
    WHERE c.id = ANY($1) AND o.order_id = c.order_id AND s.shard <> c.shard";

/// Hands commands about orders whose market lives in another shard over to it. How many there were.
///
/// # Errors
/// See [`PgError`].
pub async fn forward_strays(connection: &mut Connection, ids: &[Uuid]) -> Result<usize, PgError> {
    let moved = sql_query(FORWARD)
        .bind::<Array<SqlUuid>, _>(ids)
        .execute(connection)
        .await?;
    Ok(moved)
}

/// Writes down that a command has killed its owner.
///
/// # Errors
/// See [`PgError`].
pub async fn count_attempt(connection: &mut Connection, id: Uuid) -> Result<(), PgError> {
    sql_query("UPDATE commands SET attempts = attempts + 1 WHERE id = $1")
        .bind::<SqlUuid, _>(id)
        .execute(connection)
        .await?;
    Ok(())
}

const SET_ASIDE: &str = "WITH gone AS (DELETE FROM commands WHERE id = $1 RETURNING id, shard, body) \
    INSERT INTO undecodable (id, source, error, body) \
    SELECT id, 'commands of shard ' || shard, $2, body FROM gone ON CONFLICT DO NOTHING";

/// Takes a command that cannot be read out of the list and keeps it as it came.
///
/// # Errors
/// See [`PgError`].
pub async fn set_aside(connection: &mut Connection, id: Uuid, why: &str) -> Result<(), PgError> {
    sql_query(SET_ASIDE)
        .bind::<SqlUuid, _>(id)
        .bind::<Text, _>(why)
        .execute(connection)
        .await?;
    Ok(())
}

/// Removes placements that were applied before.
///
/// # Errors
/// See [`PgError`].
pub async fn drop_repeated(connection: &mut Connection, shard: u32, ids: &[Uuid]) -> Result<(), PgError> {
    sql_query("DELETE FROM commands WHERE id = ANY($1) AND shard = $2 AND kind = 'place'")
        .bind::<Array<SqlUuid>, _>(ids)
        .bind::<Integer, _>(shard.cast_signed())
        .execute(connection)
        .await?;
    Ok(())
}

const FORWARD_ONE: &str = "UPDATE commands c SET shard = s.shard FROM markets m JOIN market_state s USING (symbol) \
    WHERE c.id = $1 AND m.number = $2 AND s.shard <> c.shard";

/// Hands a command about a market over to the shard in which it lives, if that is another. Whether it is.
///
/// # Errors
/// See [`PgError`].
pub async fn forward_to_market(
    connection: &mut Connection,
    id: Uuid,
    market: MarketNumber,
) -> Result<bool, PgError> {
    let moved = sql_query(FORWARD_ONE)
        .bind::<SqlUuid, _>(id)
        .bind::<Integer, _>(market.0.cast_signed())
        .execute(connection)
        .await?;
    Ok(moved == 1)
}
