//! What auditors read: rows that break a rule between the tables, and what reservations and orders hold. At one moment
//! where the caller has begun a transaction of one snapshot. Nothing here writes.

use std::collections::{BTreeMap, BTreeSet};

use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Bool, Integer, Nullable, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use super::{Connection, PgError};

mod rules;

pub use rules::{BrokenRow, broken_rules};

/// At most so many rows are told for each rule and market, or shard.
const TOLD: i64 = 20;

/// What a held reservation has left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// The reservation: the order's id, or the amendment's.
    pub reservation_id: Uuid,
    /// The order.
    pub order_id: Uuid,
    /// Whose.
    pub user_id: Uuid,
    /// Of what.
    pub asset: String,
    /// What is left, in units of 1e-8.
    pub left: i64,
}

#[derive(QueryableByName)]
struct HeldRow {
    #[diesel(sql_type = SqlUuid)]
    reservation_id: Uuid,
    #[diesel(sql_type = SqlUuid)]
    order_id: Uuid,
    #[diesel(sql_type = SqlUuid)]
    user_id: Uuid,
    #[diesel(sql_type = Text)]
    asset: String,
    #[diesel(sql_type = BigInt)]
    left: i64,
}

/// Every reservation that holds something, by its id.
///
/// # Errors
/// See [`PgError`].
pub async fn held(connection: &mut Connection) -> Result<BTreeMap<Uuid, Held>, PgError> {
    let rows: Vec<HeldRow> = diesel::sql_query(
        "SELECT reservation_id, order_id, user_id, asset, (left_amount * 100000000)::bigint AS left FROM reservations \
         WHERE status = 'held' AND left_amount > 0",
    )
    .load(connection)
    .await?;
    let entry = |row: HeldRow| {
        let HeldRow {
            reservation_id,
            order_id,
            user_id,
            asset,
            left,
        } = row;
        let held = Held {
            reservation_id,
            order_id,
            user_id,
            asset,
            left,
        };
        (reservation_id, held)
    };
    Ok(rows.into_iter().map(entry).collect())
}

/// What a live order holds, as its shard's owner has committed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Need {
    /// Whose.
    pub user_id: Uuid,
    /// What it pays with.
    pub asset: String,
    /// Whether it is stored and not applied yet.
    pub pending: bool,
    /// What is left of its reservation, in units of 1e-8.
    pub reserve_left: i64,
    /// How long ago it was made, in milliseconds.
    pub age_millis: i64,
}

#[derive(QueryableByName)]
struct NeedRow {
    #[diesel(sql_type = SqlUuid)]
    order_id: Uuid,
    #[diesel(sql_type = SqlUuid)]
    user_id: Uuid,
    #[diesel(sql_type = Text)]
    asset: String,
    #[diesel(sql_type = Bool)]
    pending: bool,
    #[diesel(sql_type = BigInt)]
    reserve_left: i64,
    #[diesel(sql_type = BigInt)]
    age_millis: i64,
}

/// Every order that has not ended.
///
/// # Errors
/// See [`PgError`].
pub async fn needs(connection: &mut Connection) -> Result<BTreeMap<Uuid, Need>, PgError> {
    let rows: Vec<NeedRow> = diesel::sql_query(
        "SELECT order_id, user_id, split_part(symbol, '/', CASE side WHEN 'BUY' THEN 2 ELSE 1 END) AS asset, \
            status = 'PENDING' AS pending, (reserve_left * 100000000)::bigint AS reserve_left, \
            (extract(epoch FROM clock_timestamp() - created_at) * 1000)::bigint AS age_millis \
         FROM orders WHERE status IN ('PENDING', 'OPEN', 'PARTIALLY_FILLED')",
    )
    .load(connection)
    .await?;
    let entry = |row: NeedRow| {
        let NeedRow {
            order_id,
            user_id,
            asset,
            pending,
            reserve_left,
            age_millis,
        } = row;
        let need = Need {
            user_id,
            asset,
            pending,
            reserve_left,
            age_millis,
        };
        (order_id, need)
    };
    Ok(rows.into_iter().map(entry).collect())
}

#[derive(QueryableByName)]
struct Key {
    #[diesel(sql_type = Text)]
    key: String,
}

/// Those of these keys that the wallet has answered.
///
/// # Errors
/// See [`PgError`].
pub async fn answered(connection: &mut Connection, keys: &[String]) -> Result<BTreeSet<String>, PgError> {
    let rows: Vec<Key> = diesel::sql_query("SELECT key FROM ledger_transactions WHERE key = ANY($1)")
        .bind::<Array<Text>, _>(keys)
        .load(connection)
        .await?;
    Ok(rows.into_iter().map(|row| row.key).collect())
}

/// Trades whose settlement the wallet has not answered, each with its market.
///
/// # Errors
/// See [`PgError`].
pub async fn unsettled_trades(connection: &mut Connection) -> Result<BTreeMap<Uuid, String>, PgError> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = SqlUuid)]
        trade_id: Uuid,
        #[diesel(sql_type = Text)]
        symbol: String,
    }
    let rows: Vec<Row> = diesel::sql_query(
        "SELECT t.trade_id, t.symbol FROM trades t LEFT JOIN ledger_transactions l ON l.key = 'settle:' || t.trade_id::text \
         AND l.status = 0 WHERE l.key IS NULL",
    )
    .load(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (row.trade_id, row.symbol)).collect())
}

/// Amendments on their way: announced by a gateway, or waiting for the shard's owner.
///
/// # Errors
/// See [`PgError`].
pub async fn amendments(connection: &mut Connection) -> Result<BTreeSet<Uuid>, PgError> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = SqlUuid)]
        order_id: Uuid,
    }
    let rows: Vec<Row> = diesel::sql_query(
        "SELECT order_id FROM amendments UNION SELECT order_id FROM commands WHERE kind = 'amend' AND order_id IS NOT NULL",
    )
    .load(connection)
    .await?;
    Ok(rows.into_iter().map(|row| row.order_id).collect())
}

/// Rows of a shard's log whose numbers are not one more than those before, and logs whose beginning is gone though it was
/// not published and settled yet; each with its shard.
///
/// # Errors
/// See [`PgError`].
pub async fn log_gaps(connection: &mut Connection) -> Result<Vec<(u32, String)>, PgError> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Integer)]
        shard: i32,
        #[diesel(sql_type = BigInt)]
        seq: i64,
        #[diesel(sql_type = Nullable<BigInt>)]
        before: Option<i64>,
    }
    let rows: Vec<Row> = diesel::sql_query(
        "SELECT shard, seq, before FROM (SELECT *, row_number() OVER (PARTITION BY shard ORDER BY seq) AS turn FROM ( \
         SELECT shard, seq, before FROM (SELECT shard, seq, lag(seq) OVER (PARTITION BY shard ORDER BY seq) AS before, \
            lag(epoch) OVER (PARTITION BY shard ORDER BY seq) AS epoch_before, epoch FROM shard_log) x \
         WHERE seq <> before + 1 OR epoch < epoch_before \
         UNION ALL SELECT s.shard, s.last_seq, max(l.seq) FROM shards s LEFT JOIN shard_log l USING (shard) \
         GROUP BY s.shard, s.last_seq HAVING s.last_seq <> coalesce(max(l.seq), s.last_seq) \
         UNION ALL SELECT s.shard, coalesce(min(l.seq), s.last_seq + 1), least(s.published_seq, s.settled_seq) \
         FROM shards s LEFT JOIN shard_log l USING (shard) GROUP BY s.shard \
         HAVING coalesce(min(l.seq), s.last_seq + 1) > least(s.published_seq, s.settled_seq) + 1) gaps) x \
         WHERE turn <= $1 ORDER BY shard, seq",
    )
    .bind::<BigInt, _>(TOLD)
    .load(connection)
    .await?;
    let told = |row: Row| {
        let Row { shard, seq, before } = row;
        let what = format!("shard {shard}: number {seq} after {before:?}");
        (shard.cast_unsigned(), what)
    };
    Ok(rows.into_iter().map(told).collect())
}

/// What trading brought an account, as the ledger's lines say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Traded {
    /// The user; none: the fee accounts.
    pub user_id: Option<Uuid>,
    /// Of what.
    pub asset: String,
    /// How much, in units of 1e-8.
    pub units: i64,
}

/// What trading brought everybody: all lines but those of deposits and withdrawals.
///
/// # Errors
/// See [`PgError`].
pub async fn traded(connection: &mut Connection) -> Result<Vec<Traded>, PgError> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Nullable<SqlUuid>)]
        user_id: Option<Uuid>,
        #[diesel(sql_type = Text)]
        asset: String,
        #[diesel(sql_type = BigInt)]
        units: i64,
    }
    let rows: Vec<Row> = diesel::sql_query(
        "SELECT user_id, asset, (sum(amount) * 100000000)::bigint AS units FROM ledger_entries \
         WHERE entry_type NOT IN ('DEPOSIT', 'WITHDRAWAL') GROUP BY user_id, asset HAVING sum(amount) <> 0",
    )
    .load(connection)
    .await?;
    let traded = |row: Row| {
        let Row {
            user_id,
            asset,
            units,
        } = row;
        Traded {
            user_id,
            asset,
            units,
        }
    };
    Ok(rows.into_iter().map(traded).collect())
}

/// A market as the tables have it.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct MarketRow {
    /// For example `BTC/USDT`.
    #[diesel(sql_type = Text)]
    pub symbol: String,
    /// Where it lives.
    #[diesel(sql_type = Integer)]
    pub shard: i32,
    /// What it takes, in the word of the API.
    #[diesel(sql_type = Text)]
    pub state: String,
}

/// Every market that has a shard.
///
/// # Errors
/// See [`PgError`].
pub async fn audited_markets(connection: &mut Connection) -> Result<Vec<MarketRow>, PgError> {
    let rows = diesel::sql_query("SELECT symbol, shard, status AS state FROM market_state ORDER BY symbol");
    Ok(rows.load(connection).await?)
}
