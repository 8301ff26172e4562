//! The shards' to-do lists, as gateways write them.

use std::collections::HashSet;
use std::time::Duration;

use chrono::{DateTime, Utc};
use diesel::QueryableByName;
use diesel::sql_query;
use diesel::sql_types::{Array, BigInt, Binary, Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncConnection as _, RunQueryDsl as _};
use domain::{CancelReason, OrderId, Side, Stamp, UserId};
use runtime::trace::TraceContext;
use uuid::Uuid;

use crate::postgres::orders::value::time;
use crate::postgres::{Connection, PgError, prepared};

/// What a command does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommandKind {
    /// Places an order; an order has one such command at a time.
    Place,
    /// Cancels an order.
    Cancel,
    /// Changes an order.
    Amend,
    /// Cancels many.
    CancelAll,
    /// Changes what a market takes.
    MarketState,
    /// Defines a market.
    DefineMarket,
}

impl CommandKind {
    /// The word for it in SQL.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Place => "place",
            Self::Cancel => "cancel",
            Self::Amend => "amend",
            Self::CancelAll => "cancel_all",
            Self::MarketState => "market_state",
            Self::DefineMarket => "define_market",
        }
    }
}

/// A command for a shard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandRow {
    /// Its id: a UUIDv7, of a placement its order's id. The shard takes lower ones first.
    pub id: Uuid,
    /// The shard.
    pub shard: u32,
    /// What it does.
    pub kind: CommandKind,
    /// The order that it is about; none: many, or a market.
    pub order_id: Option<OrderId>,
    /// The command, encoded.
    pub body: Vec<u8>,
    /// When it was made.
    pub at: Stamp,
    /// The trace that it belongs to, where that is recorded.
    pub trace: Option<TraceContext>,
}

const INSERT: &str = "INSERT INTO commands (id, shard, kind, order_id, body, created_at, trace) \
    SELECT n.id, n.shard, n.kind, n.order_id, n.body, n.at, n.trace FROM UNNEST($1, $2, $3, $4, $5, $6, $7) \
    AS n(id, shard, kind, order_id, body, at, trace) ORDER BY n.id ON CONFLICT DO NOTHING";

/// Placements need not be synced before they are told: their orders are, and a sweeper writes what a crash of the server
/// took. Whatever is committed after them, by the shard's owner too, is synced behind them.
const INSERT_PLACEMENTS: &str = "INSERT INTO commands (id, shard, kind, order_id, body, created_at, trace) \
    SELECT n.id, n.shard, n.kind, n.order_id, n.body, n.at, n.trace FROM UNNEST($1, $2, $3, $4, $5, $6, $7) \
    AS n(id, shard, kind, order_id, body, at, trace), set_config('synchronous_commit', 'off', true) \
    ORDER BY n.id ON CONFLICT DO NOTHING";

/// Writes commands, in one statement. One that is there already stays as it is.
///
/// # Errors
/// See [`PgError`].
pub async fn insert_commands(connection: &mut Connection, rows: &[CommandRow]) -> Result<(), PgError> {
    let all_place = rows.iter().all(|row| row.kind == CommandKind::Place);
    insert(
        connection,
        rows,
        if all_place { INSERT_PLACEMENTS } else { INSERT },
    )
    .await
}

/// Writes commands in a transaction that has to be synced before it is told.
///
/// # Errors
/// See [`PgError`].
pub(super) async fn insert_synced(connection: &mut Connection, rows: &[CommandRow]) -> Result<(), PgError> {
    insert(connection, rows, INSERT).await
}

async fn insert(
    connection: &mut Connection,
    rows: &[CommandRow],
    statement: &'static str,
) -> Result<(), PgError> {
    if rows.is_empty() {
        return Ok(());
    }
    let mut ids: Vec<Uuid> = Vec::with_capacity(rows.len());
    let mut shards: Vec<i32> = Vec::with_capacity(rows.len());
    let mut kinds: Vec<&str> = Vec::with_capacity(rows.len());
    let mut orders: Vec<Option<Uuid>> = Vec::with_capacity(rows.len());
    let mut bodies: Vec<&[u8]> = Vec::with_capacity(rows.len());
    let mut times: Vec<DateTime<Utc>> = Vec::with_capacity(rows.len());
    let mut traces: Vec<Option<Vec<u8>>> = Vec::with_capacity(rows.len());
    for row in rows {
        let CommandRow {
            id,
            shard,
            kind,
            order_id,
            body,
            at,
            trace,
        } = row;
        ids.push(*id);
        shards.push(shard.cast_signed());
        kinds.push(kind.word());
        orders.push(order_id.map(|id| Uuid::from_u128(id.as_u128())));
        bodies.push(body);
        times.push(time(*at));
        let recorded = trace.filter(|trace| trace.is_sampled());
        traces.push(recorded.map(|trace| trace.to_bytes().to_vec()));
    }
    prepared(
        sql_query(statement)
            .bind::<Array<SqlUuid>, _>(ids)
            .bind::<Array<Integer>, _>(shards)
            .bind::<Array<Text>, _>(kinds)
            .bind::<Array<Nullable<SqlUuid>>, _>(orders)
            .bind::<Array<Binary>, _>(bodies)
            .bind::<Array<Timestamptz>, _>(times)
            .bind::<Array<Nullable<Binary>>, _>(traces),
    )
    .execute(connection)
    .await?;
    Ok(())
}

#[derive(QueryableByName)]
struct WaitingRow {
    #[diesel(sql_type = Integer)]
    shard: i32,
    #[diesel(sql_type = BigInt)]
    count: i64,
    #[diesel(sql_type = BigInt)]
    oldest: i64,
}

/// What waits in the list of a shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waiting {
    /// The shard.
    pub shard: u32,
    /// How many commands.
    pub count: u64,
    /// The age of the oldest of them, by the database's clock.
    pub oldest: Duration,
}

/// What waits in each shard's list, as far as there is anything.
///
/// # Errors
/// See [`PgError`].
pub async fn waiting_commands(connection: &mut Connection) -> Result<Vec<Waiting>, PgError> {
    let rows: Vec<WaitingRow> = prepared(sql_query(
        "SELECT shard, count(*) AS count, \
         (extract(epoch FROM clock_timestamp() - min(created_at)) * 1000000)::bigint AS oldest \
         FROM commands GROUP BY shard",
    ))
    .load(connection)
    .await?;
    let waiting = |row: WaitingRow| Waiting {
        shard: row.shard.cast_unsigned(),
        count: row.count.cast_unsigned(),
        oldest: Duration::from_micros(u64::try_from(row.oldest).unwrap_or(0)),
    };
    Ok(rows.into_iter().map(waiting).collect())
}

/// A mass cancel that also takes orders which were received before it and come later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CutoffRow {
    /// The id of its command.
    pub id: Uuid,
    /// The shard.
    pub shard: u32,
    /// Only of this user.
    pub user_id: Option<UserId>,
    /// Only in the market of this symbol.
    pub symbol: Option<String>,
    /// Only on this side.
    pub side: Option<Side>,
    /// Why.
    pub reason: CancelReason,
    /// Orders received before this moment end.
    pub received_before: Stamp,
    /// It is needed at least until then.
    pub until: Stamp,
}

const CUTOFFS: &str = "INSERT INTO cancel_cutoffs (id, shard, user_id, symbol, side, reason, received_before, until) \
    SELECT n.id, n.shard, n.user_id, n.symbol, n.side::order_side_enum, n.reason, n.received_before, n.until \
    FROM UNNEST($1, $2, $3, $4, $5, $6, $7, $8) AS n(id, shard, user_id, symbol, side, reason, received_before, until) \
    ORDER BY n.id ON CONFLICT DO NOTHING RETURNING id";

#[derive(QueryableByName)]
struct NewRow {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
}

/// The commands of a mass cancel, one for each shard, with their cut-offs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MassCancel {
    /// The commands.
    pub commands: Vec<CommandRow>,
    /// Their cut-offs.
    pub cutoffs: Vec<CutoffRow>,
}

/// Writes a mass cancel, in one transaction. What was written before stays as it is, whether or not it was done since.
///
/// # Errors
/// See [`PgError`].
pub async fn insert_mass_cancel(connection: &mut Connection, mass: &MassCancel) -> Result<(), PgError> {
    connection
        .transaction(async |connection| write_mass_cancel(connection, mass).await)
        .await
}

/// Writes a mass cancel in the caller's transaction.
pub(super) async fn write_mass_cancel(connection: &mut Connection, mass: &MassCancel) -> Result<(), PgError> {
    let MassCancel { commands, cutoffs } = mass;
    // A command goes when it is done, its cut-off stays: where that was there already, the command is not written again.
    let new = insert_cutoffs(connection, cutoffs).await?;
    let commands: Vec<CommandRow> = (commands.iter())
        .filter(|row| new.contains(&row.id))
        .cloned()
        .collect();
    insert_commands(connection, &commands).await
}

/// Writes cut-offs; the ids of those that were not there.
async fn insert_cutoffs(connection: &mut Connection, rows: &[CutoffRow]) -> Result<HashSet<Uuid>, PgError> {
    if rows.is_empty() {
        return Ok(HashSet::new());
    }
    let of = |at: fn(&CutoffRow) -> Stamp| -> Vec<DateTime<Utc>> {
        rows.iter().map(|row| time(at(row))).collect()
    };
    let users = rows
        .iter()
        .map(|row| row.user_id.map(|id| Uuid::from_u128(id.as_u128())));
    let shards: Vec<i32> = rows.iter().map(|row| row.shard.cast_signed()).collect();
    let symbols: Vec<Option<&str>> = rows.iter().map(|row| row.symbol.as_deref()).collect();
    let sides: Vec<Option<&str>> = rows.iter().map(|row| row.side.map(Side::word)).collect();
    let reasons: Vec<&str> = rows.iter().map(|row| row.reason.code()).collect();
    let new: Vec<NewRow> = prepared(
        sql_query(CUTOFFS)
            .bind::<Array<SqlUuid>, _>(rows.iter().map(|row| row.id).collect::<Vec<_>>())
            .bind::<Array<Integer>, _>(shards)
            .bind::<Array<Nullable<SqlUuid>>, _>(users.collect::<Vec<_>>())
            .bind::<Array<Nullable<Text>>, _>(symbols)
            .bind::<Array<Nullable<Text>>, _>(sides)
            .bind::<Array<Text>, _>(reasons)
            .bind::<Array<Timestamptz>, _>(of(|row| row.received_before))
            .bind::<Array<Timestamptz>, _>(of(|row| row.until)),
    )
    .load(connection)
    .await?;
    Ok(new.into_iter().map(|row| row.id).collect())
}
