//! What auditors read: rows that break a rule between the tables, and what reservations and orders hold. At one moment
//! where the caller has begun a transaction of one snapshot. Nothing here writes.

use std::collections::{BTreeMap, BTreeSet};

use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Bool, Integer, Nullable, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use super::{Connection, PgError};

/// At most so many rows are told for each rule.
const TOLD: i64 = 20;

/// A rule with the rows that break it, as text. `{trades}` and `{orders}` stand for the lowest id that the oldest partition
/// may have: of what lies before, days of trades or months of orders may have been taken out. An order from before may have
/// traded more than its trades that are still there, never less.
const RULES: &[(&str, &str)] = &[
    (
        "an order's filled quantity is the sum of its trades",
        "SELECT o.order_id || ' ' || o.filled_quantity || ' but trades ' || coalesce(t.sum, 0) AS what FROM orders o \
         LEFT JOIN (SELECT order_id, sum(quantity) AS sum FROM \
            (SELECT buyer_order_id AS order_id, quantity FROM trades UNION ALL SELECT seller_order_id, quantity FROM trades) x \
            GROUP BY order_id) t USING (order_id) \
         WHERE o.filled_quantity < coalesce(t.sum, 0) \
            OR (o.filled_quantity <> coalesce(t.sum, 0) AND o.order_id >= {trades})",
    ),
    (
        "an order's fees and notional are the sums of its trades'",
        "SELECT o.order_id || ' fee ' || o.fee_paid || ' but ' || coalesce(t.fee, 0) || ', notional ' || o.filled_notional \
            || ' but ' || coalesce(t.notional, 0) AS what FROM orders o \
         LEFT JOIN (SELECT order_id, sum(fee) AS fee, sum(notional) AS notional FROM \
            (SELECT buyer_order_id AS order_id, buyer_fee AS fee, price * quantity AS notional FROM trades \
             UNION ALL SELECT seller_order_id, seller_fee, price * quantity FROM trades) x GROUP BY order_id) t USING (order_id) \
         WHERE o.fee_paid < coalesce(t.fee, 0) OR o.filled_notional < coalesce(t.notional, 0) \
            OR ((o.fee_paid <> coalesce(t.fee, 0) OR o.filled_notional <> coalesce(t.notional, 0)) AND o.order_id >= {trades})",
    ),
    (
        "a trade is of its orders' users, market, sides and prices",
        "SELECT t.trade_id::text AS what FROM trades t \
         JOIN orders b ON b.order_id = t.buyer_order_id JOIN orders s ON s.order_id = t.seller_order_id \
         WHERE b.side <> 'BUY' OR s.side <> 'SELL' OR b.symbol <> t.symbol OR s.symbol <> t.symbol \
            OR b.user_id <> t.buyer_user_id OR s.user_id <> t.seller_user_id",
    ),
    (
        "a market's trades are numbered without a gap",
        "SELECT symbol || ' has ' || count(*) || ' trades up to number ' || max(number) AS what FROM trades \
         GROUP BY symbol HAVING count(*) <> max(number) - min(number) + 1 OR count(DISTINCT number) <> count(*)",
    ),
    (
        "the book is not crossed",
        "SELECT b.symbol || ' bid ' || b.price || ' ask ' || a.price AS what FROM \
         (SELECT symbol, max(price) AS price FROM orders WHERE side = 'BUY' AND turn IS NOT NULL \
            AND status IN ('OPEN', 'PARTIALLY_FILLED') GROUP BY symbol) b \
         JOIN (SELECT symbol, min(price) AS price FROM orders WHERE side = 'SELL' AND turn IS NOT NULL \
            AND status IN ('OPEN', 'PARTIALLY_FILLED') GROUP BY symbol) a USING (symbol) WHERE b.price >= a.price",
    ),
    (
        "an order that has ended holds nothing",
        "SELECT order_id::text AS what FROM orders WHERE status NOT IN ('PENDING', 'OPEN', 'PARTIALLY_FILLED') \
         AND (reserve_left <> 0 OR turn IS NOT NULL)",
    ),
    (
        "a settlement is of a trade",
        "SELECT l.key AS what FROM ledger_transactions l LEFT JOIN trades t ON t.trade_id = substr(l.key, 8)::uuid \
         WHERE l.key LIKE 'settle:%' AND l.status = 0 AND t.trade_id IS NULL AND substr(l.key, 8)::uuid >= {trades}",
    ),
    (
        "a client order id stands for an order of its user",
        "SELECT c.user_id || ' ' || c.client_order_id AS what FROM client_order_ids c LEFT JOIN orders o USING (order_id) \
         WHERE (o.user_id IS DISTINCT FROM c.user_id OR o.client_order_id IS DISTINCT FROM c.client_order_id) \
            AND c.order_id >= {orders}",
    ),
];

#[derive(QueryableByName)]
struct What {
    #[diesel(sql_type = Text)]
    what: String,
}

/// The lowest id that a table's partitions may have, as SQL.
async fn lowest(connection: &mut Connection, table: &str) -> Result<String, PgError> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Nullable<SqlUuid>)]
        id: Option<Uuid>,
    }
    let row: Row = diesel::sql_query(
        "SELECT min(substring(pg_get_expr(c.relpartbound, c.oid) FROM 'FROM \\(''([0-9a-f-]{36})''\\)'))::uuid AS id \
         FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid \
         WHERE i.inhparent = to_regclass('public.' || $1) AND NOT i.inhdetachpending",
    )
    .bind::<Text, _>(table)
    .get_result(connection)
    .await?;
    Ok(format!("'{}'::uuid", row.id.unwrap_or(Uuid::nil())))
}

/// The statement that tells the first rows that break a rule; how many is its parameter.
fn statement(rule: &str, trades: &str, orders: &str) -> String {
    let rule = rule.replace("{trades}", trades).replace("{orders}", orders);
    // With the limit inside, PostgreSQL reckons with finding so many soon, and compares every row with every other.
    format!("WITH broken AS MATERIALIZED ({rule}) SELECT what FROM broken LIMIT $1")
}

/// The rules between the tables that do not hold, each with a row that breaks it.
///
/// # Errors
/// See [`PgError`].
pub async fn broken_rules(connection: &mut Connection) -> Result<Vec<(&'static str, String)>, PgError> {
    let mut broken = Vec::new();
    let (trades, orders) = (
        lowest(connection, "trades").await?,
        lowest(connection, "orders").await?,
    );
    for (rule, sql) in RULES {
        let rows: Vec<What> = diesel::sql_query(statement(sql, &trades, &orders))
            .bind::<BigInt, _>(TOLD)
            .load(connection)
            .await?;
        broken.extend(rows.into_iter().map(|row| (*rule, row.what)));
    }
    Ok(broken)
}

/// What a held reservation has left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// The reservation: the order's id, or the amendment's.
    pub reservation_id: Uuid,
    /// The order.
    pub order_id: Uuid,
    /// What is left, in units of 1e-8.
    pub left: i64,
}

#[derive(QueryableByName)]
struct HeldRow {
    #[diesel(sql_type = SqlUuid)]
    reservation_id: Uuid,
    #[diesel(sql_type = SqlUuid)]
    order_id: Uuid,
    #[diesel(sql_type = BigInt)]
    left: i64,
}

/// Every reservation that holds something, by its id.
///
/// # Errors
/// See [`PgError`].
pub async fn held(connection: &mut Connection) -> Result<BTreeMap<Uuid, Held>, PgError> {
    let rows: Vec<HeldRow> = diesel::sql_query(
        "SELECT reservation_id, order_id, (left_amount * 100000000)::bigint AS left FROM reservations \
         WHERE status = 'held' AND left_amount > 0",
    )
    .load(connection)
    .await?;
    let entry = |row: HeldRow| {
        let HeldRow {
            reservation_id,
            order_id,
            left,
        } = row;
        let held = Held {
            reservation_id,
            order_id,
            left,
        };
        (reservation_id, held)
    };
    Ok(rows.into_iter().map(entry).collect())
}

/// What a live order holds, as its shard's owner has committed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Need {
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
        "SELECT order_id, status = 'PENDING' AS pending, (reserve_left * 100000000)::bigint AS reserve_left, \
            (extract(epoch FROM clock_timestamp() - created_at) * 1000)::bigint AS age_millis \
         FROM orders WHERE status IN ('PENDING', 'OPEN', 'PARTIALLY_FILLED')",
    )
    .load(connection)
    .await?;
    let entry = |row: NeedRow| {
        let NeedRow {
            order_id,
            pending,
            reserve_left,
            age_millis,
        } = row;
        let need = Need {
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

/// Trades whose settlement the wallet has not answered.
///
/// # Errors
/// See [`PgError`].
pub async fn unsettled_trades(connection: &mut Connection) -> Result<BTreeSet<Uuid>, PgError> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = SqlUuid)]
        trade_id: Uuid,
    }
    let rows: Vec<Row> = diesel::sql_query(
        "SELECT t.trade_id FROM trades t LEFT JOIN ledger_transactions l ON l.key = 'settle:' || t.trade_id::text \
         AND l.status = 0 WHERE l.key IS NULL",
    )
    .load(connection)
    .await?;
    Ok(rows.into_iter().map(|row| row.trade_id).collect())
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
/// not published and settled yet.
///
/// # Errors
/// See [`PgError`].
pub async fn log_gaps(connection: &mut Connection) -> Result<Vec<String>, PgError> {
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
        "SELECT shard, seq, before FROM (SELECT shard, seq, lag(seq) OVER (PARTITION BY shard ORDER BY seq) AS before, \
            lag(epoch) OVER (PARTITION BY shard ORDER BY seq) AS epoch_before, epoch FROM shard_log) x \
         WHERE seq <> before + 1 OR epoch < epoch_before \
         UNION ALL SELECT s.shard, s.last_seq, max(l.seq) FROM shards s LEFT JOIN shard_log l USING (shard) \
         GROUP BY s.shard, s.last_seq HAVING s.last_seq <> coalesce(max(l.seq), s.last_seq) \
         UNION ALL SELECT s.shard, coalesce(min(l.seq), s.last_seq + 1), least(s.published_seq, s.settled_seq) \
         FROM shards s LEFT JOIN shard_log l USING (shard) GROUP BY s.shard \
         HAVING coalesce(min(l.seq), s.last_seq + 1) > least(s.published_seq, s.settled_seq) + 1 LIMIT $1",
    )
    .bind::<BigInt, _>(TOLD)
    .load(connection)
    .await?;
    let told = |row: Row| {
        let Row { shard, seq, before } = row;
        format!("shard {shard}: number {seq} after {before:?}")
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

#[cfg(test)]
mod tests;
