//! Moving a market to another shard once all of its old one is settled, in one transaction that ends both owners' epochs.

use diesel::QueryableByName;
use diesel::sql_query;
use diesel::sql_types::{Array, BigInt, Binary, Integer, Text, Uuid as SqlUuid};
use diesel_async::{AsyncConnection as _, RunQueryDsl as _};
use domain::MarketNumber;
use uuid::Uuid;

use super::{Lease, ShardError};
use crate::postgres::{Connection, PgError};

/// A market that is to live elsewhere.
#[derive(Debug, Clone)]
pub struct MovedMarket<'a> {
    /// Its symbol, such as `BTC/USDT`.
    pub symbol: &'a str,
    /// Its new shard.
    pub to: u32,
}

/// What waits in the market's old shard and names no order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Waiting {
    /// Commands about the market: they go along.
    pub commands: Vec<Uuid>,
    /// Mass cancels, and the ids of their copies in the new shard.
    pub copies: Vec<(Uuid, Uuid)>,
}

/// Moves a market with its orders, its commands and the mass cancels that they may still meet, out of a shard that the
/// caller has seized and whose every batch is settled: the new shard must not ask the wallet for what the old one has not
/// told it of yet.
///
/// Both shards get a new epoch and no owner: whoever had them finds out at the next commit, and both are loaded anew. The
/// market keeps its numbers; the ranks of its orders may be those of others in the new shard, which orders no two of them.
///
/// `sort` says which of the commands that wait in the old shard and name no order concern the market. They are read once no
/// owner can commit any more: a mass cancel that the new shard has applied before lies in the old one by then.
///
/// # Errors
/// [`ShardError::Fenced`]: the shard is somebody else's by now, a batch is not settled, or the market has moved. Nothing
/// was changed.
pub async fn move_market(
    connection: &mut Connection,
    from: &Lease,
    moved: &MovedMarket<'_>,
    sort: impl Fn(Vec<(Uuid, Vec<u8>)>) -> Waiting + Send + Sync,
) -> Result<(), ShardError> {
    let sort = &sort;
    connection
        .transaction(async |connection: &mut Connection| {
            end_epochs(connection, from, moved.to.cast_signed()).await?;
            let waiting = sort(wide_commands(connection, from.shard).await?);
            hand_over(connection, moved, &waiting, from.shard.cast_signed()).await
        })
        .await
}

const END_OURS: &str = "UPDATE shards SET epoch = epoch + 1, lease_until = NULL, \
    moved_after = coalesce(moved_after, last_seq) WHERE shard = $1 AND epoch = $2 AND settled_seq = last_seq";
const END_OTHER: &str = "UPDATE shards SET epoch = epoch + 1, lease_until = NULL, \
    moved_after = coalesce(moved_after, last_seq) WHERE shard = $1";

/// Ends both epochs: waits for the commits that are under way, in the order of the shards.
async fn end_epochs(connection: &mut Connection, from: &Lease, to: i32) -> Result<(), ShardError> {
    let ours = from.shard.cast_signed();
    let mut shards = [ours, to];
    shards.sort_unstable();
    for shard in shards {
        let ended = if shard == ours {
            let epoch = i64::try_from(from.epoch).unwrap_or(i64::MAX);
            let end = sql_query(END_OURS).bind::<Integer, _>(shard);
            end.bind::<BigInt, _>(epoch).execute(connection).await?
        } else {
            let end = sql_query(END_OTHER).bind::<Integer, _>(shard);
            end.execute(connection).await?
        };
        if ended != 1 && shard == ours {
            return Err(ShardError::Fenced);
        }
        if ended != 1 {
            let missing = format!("shard {shard} is missing");
            return Err(PgError::bad_row("shards", missing).into());
        }
    }
    Ok(())
}

async fn hand_over(
    connection: &mut Connection,
    moved: &MovedMarket<'_>,
    waiting: &Waiting,
    from: i32,
) -> Result<(), ShardError> {
    let to = moved.to.cast_signed();
    let changed = sql_query("UPDATE market_state SET shard = $3 WHERE symbol = $1 AND shard = $2")
        .bind::<Text, _>(moved.symbol)
        .bind::<Integer, _>(from)
        .bind::<Integer, _>(to)
        .execute(connection)
        .await?;
    if changed != 1 {
        // Somebody else has moved it meanwhile.
        return Err(ShardError::Fenced);
    }
    sql_query(
        "UPDATE commands c SET shard = $3 FROM orders o \
         WHERE c.shard = $2 AND o.order_id = c.order_id AND o.symbol = $1",
    )
    .bind::<Text, _>(moved.symbol)
    .bind::<Integer, _>(from)
    .bind::<Integer, _>(to)
    .execute(connection)
    .await?;
    sql_query("UPDATE commands SET shard = $2 WHERE id = ANY($1)")
        .bind::<Array<SqlUuid>, _>(&waiting.commands)
        .bind::<Integer, _>(to)
        .execute(connection)
        .await?;
    let (old, new): (Vec<Uuid>, Vec<Uuid>) = waiting.copies.iter().copied().unzip();
    sql_query(
        "INSERT INTO commands (id, shard, kind, order_id, body, created_at, trace) \
         SELECT n.new, $3, c.kind, c.order_id, c.body, c.created_at, c.trace \
         FROM UNNEST($1, $2) AS n(old, new) JOIN commands c ON c.id = n.old",
    )
    .bind::<Array<SqlUuid>, _>(&old)
    .bind::<Array<SqlUuid>, _>(&new)
    .bind::<Integer, _>(to)
    .execute(connection)
    .await?;
    sql_query(
        // That of a command that waits has its id: it is in force once the command is begun.
        "INSERT INTO cancel_cutoffs (id, shard, user_id, symbol, side, reason, received_before, until) \
         SELECT coalesce(n.new, v7_new()), $3, user_id, $1, side, reason, received_before, until \
         FROM cancel_cutoffs k LEFT JOIN UNNEST($4, $5) AS n(old, new) ON n.old = k.id \
         WHERE shard = $2 AND (symbol IS NULL OR symbol = $1)",
    )
    .bind::<Text, _>(moved.symbol)
    .bind::<Integer, _>(from)
    .bind::<Integer, _>(to)
    .bind::<Array<SqlUuid>, _>(old)
    .bind::<Array<SqlUuid>, _>(new)
    .execute(connection)
    .await?;
    Ok(())
}

#[derive(QueryableByName)]
struct NumberedHome {
    #[diesel(sql_type = Integer)]
    number: i32,
    #[diesel(sql_type = Integer)]
    shard: i32,
}

/// The number of a market and the shard in which it lives.
///
/// # Errors
/// See [`PgError`].
pub async fn market_home(
    connection: &mut Connection,
    symbol: &str,
) -> Result<Option<(MarketNumber, u32)>, PgError> {
    let rows: Vec<NumberedHome> = sql_query(
        "SELECT m.number, s.shard FROM markets m JOIN market_state s USING (symbol) WHERE symbol = $1",
    )
    .bind::<Text, _>(symbol)
    .load(connection)
    .await?;
    let home = |row: NumberedHome| {
        (
            MarketNumber(row.number.cast_unsigned()),
            row.shard.cast_unsigned(),
        )
    };
    Ok(rows.into_iter().next().map(home))
}

#[derive(QueryableByName)]
struct WideRow {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
    #[diesel(sql_type = Binary)]
    body: Vec<u8>,
}

/// The commands of a shard that name no order, with their bodies.
///
/// # Errors
/// See [`PgError`].
async fn wide_commands(connection: &mut Connection, shard: u32) -> Result<Vec<(Uuid, Vec<u8>)>, PgError> {
    let rows: Vec<WideRow> =
        sql_query("SELECT id, body FROM commands WHERE shard = $1 AND order_id IS NULL ORDER BY id")
            .bind::<Integer, _>(shard.cast_signed())
            .load(connection)
            .await?;
    Ok(rows.into_iter().map(|row| (row.id, row.body)).collect())
}
