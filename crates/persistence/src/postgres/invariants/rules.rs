//! The rules between the tables of orders and trades, each as the statement that finds what breaks it.

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Nullable, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use super::{Connection, PgError, TOLD};

/// A rule, and what finds the rows that break it: the market, which row it is, by how much it is off, and that for people.
/// `{trades}` and `{orders}` stand for the lowest id that the oldest partition may have: of what lies before, days of trades
/// or months of orders may have been taken out. An order from before may have traded more than its trades that are still
/// there, never less.
struct Rule {
    name: &'static str,
    invariant: &'static str,
    sql: &'static str,
}

const RULES: &[Rule] = &[
    Rule {
        name: "an order's filled quantity is the sum of its trades",
        invariant: "orders",
        sql: "SELECT o.symbol AS market, 'filled of ' || o.order_id AS subject, (o.filled_quantity - coalesce(t.sum, 0))::text \
                AS amount, o.order_id || ' ' || o.filled_quantity || ' but trades ' || coalesce(t.sum, 0) AS what FROM orders o \
            LEFT JOIN (SELECT order_id, sum(quantity) AS sum FROM \
                (SELECT buyer_order_id AS order_id, quantity FROM trades UNION ALL SELECT seller_order_id, quantity FROM trades) x \
                GROUP BY order_id) t USING (order_id) \
            WHERE o.filled_quantity < coalesce(t.sum, 0) \
                OR (o.filled_quantity <> coalesce(t.sum, 0) AND o.order_id >= {trades})",
    },
    Rule {
        name: "an order's fees and notional are the sums of its trades'",
        invariant: "orders",
        sql: "SELECT o.symbol AS market, 'sums of ' || o.order_id AS subject, \
                (o.fee_paid - coalesce(t.fee, 0)) || ' ' || (o.filled_notional - coalesce(t.notional, 0)) AS amount, \
                o.order_id || ' fee ' || o.fee_paid || ' but ' || coalesce(t.fee, 0) || ', notional ' || o.filled_notional \
                || ' but ' || coalesce(t.notional, 0) AS what FROM orders o \
            LEFT JOIN (SELECT order_id, sum(fee) AS fee, sum(notional) AS notional FROM \
                (SELECT buyer_order_id AS order_id, buyer_fee AS fee, price * quantity AS notional FROM trades \
                UNION ALL SELECT seller_order_id, seller_fee, price * quantity FROM trades) x GROUP BY order_id) t USING (order_id) \
            WHERE o.fee_paid < coalesce(t.fee, 0) OR o.filled_notional < coalesce(t.notional, 0) \
                OR ((o.fee_paid <> coalesce(t.fee, 0) OR o.filled_notional <> coalesce(t.notional, 0)) AND o.order_id >= {trades})",
    },
    Rule {
        name: "a trade is of its orders' users, market, sides and prices",
        invariant: "orders",
        sql: "SELECT t.symbol AS market, 'trade ' || t.trade_id AS subject, '' AS amount, t.trade_id::text AS what FROM trades t \
            JOIN orders b ON b.order_id = t.buyer_order_id JOIN orders s ON s.order_id = t.seller_order_id \
            WHERE b.side <> 'BUY' OR s.side <> 'SELL' OR b.symbol <> t.symbol OR s.symbol <> t.symbol \
                OR b.user_id <> t.buyer_user_id OR s.user_id <> t.seller_user_id",
    },
    Rule {
        name: "a market's trades are numbered without a gap",
        invariant: "orders",
        sql: "SELECT symbol AS market, 'numbers' AS subject, (max(number) - min(number) + 1 - count(DISTINCT number))::text AS amount, \
                symbol || ' has ' || count(*) || ' trades up to number ' || max(number) AS what FROM trades \
            GROUP BY symbol HAVING count(*) <> max(number) - min(number) + 1 OR count(DISTINCT number) <> count(*)",
    },
    Rule {
        name: "the book is not crossed",
        invariant: "book",
        sql: "SELECT b.symbol AS market, 'crossed' AS subject, '' AS amount, b.symbol || ' bid ' || b.price || ' ask ' || a.price \
                AS what FROM (SELECT symbol, max(price) AS price FROM orders WHERE side = 'BUY' AND turn IS NOT NULL \
                AND status IN ('OPEN', 'PARTIALLY_FILLED') GROUP BY symbol) b \
            JOIN (SELECT symbol, min(price) AS price FROM orders WHERE side = 'SELL' AND turn IS NOT NULL \
                AND status IN ('OPEN', 'PARTIALLY_FILLED') GROUP BY symbol) a USING (symbol) WHERE b.price >= a.price",
    },
    Rule {
        name: "an order that has ended holds nothing",
        invariant: "orders",
        sql: "SELECT symbol AS market, 'ended ' || order_id AS subject, '' AS amount, order_id::text AS what FROM orders \
            WHERE status NOT IN ('PENDING', 'OPEN', 'PARTIALLY_FILLED') AND (reserve_left <> 0 OR turn IS NOT NULL)",
    },
    Rule {
        name: "a settlement is of a trade",
        invariant: "settled",
        sql: "SELECT NULL AS market, l.key AS subject, '' AS amount, l.key AS what FROM ledger_transactions l \
            LEFT JOIN trades t ON t.trade_id = substr(l.key, 8)::uuid \
            WHERE l.key LIKE 'settle:%' AND l.status = 0 AND t.trade_id IS NULL AND substr(l.key, 8)::uuid >= {trades}",
    },
    Rule {
        name: "a client order id stands for an order of its user",
        invariant: "orders",
        sql: "SELECT o.symbol AS market, 'client id ' || c.user_id || ' ' || c.client_order_id AS subject, '' AS amount, \
                c.user_id || ' ' || c.client_order_id AS what FROM client_order_ids c LEFT JOIN orders o USING (order_id) \
            WHERE (o.user_id IS DISTINCT FROM c.user_id OR o.client_order_id IS DISTINCT FROM c.client_order_id) \
                AND c.order_id >= {orders}",
    },
];

/// A row that breaks a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokenRow {
    /// The rule, in words.
    pub rule: &'static str,
    /// The kind of rule, in one word: `orders`, `book` or `settled`.
    pub invariant: &'static str,
    /// The market of the row, where there is one.
    pub market: Option<String>,
    /// Which row it is, whatever its figures are.
    pub subject: String,
    /// By how much it is off, where that can be said.
    pub amount: String,
    /// All of that for people.
    pub what: String,
}

#[derive(QueryableByName)]
struct Found {
    #[diesel(sql_type = Nullable<Text>)]
    market: Option<String>,
    #[diesel(sql_type = Text)]
    subject: String,
    #[diesel(sql_type = Text)]
    amount: String,
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

/// The statement that tells the first rows of each market that break a rule; how many is its parameter. One market's rows
/// hide no other's.
fn statement(rule: &str, trades: &str, orders: &str) -> String {
    let rule = rule.replace("{trades}", trades).replace("{orders}", orders);
    // With the limit inside, PostgreSQL reckons with finding so many soon, and compares every row with every other.
    format!(
        "WITH broken AS MATERIALIZED ({rule}) SELECT market, subject, amount, what FROM \
            (SELECT *, row_number() OVER (PARTITION BY market ORDER BY subject) AS turn FROM broken) x WHERE turn <= $1"
    )
}

/// The rows that break a rule between the tables, at most twenty of each rule and market.
///
/// # Errors
/// See [`PgError`].
pub async fn broken_rules(connection: &mut Connection) -> Result<Vec<BrokenRow>, PgError> {
    let mut broken = Vec::new();
    let (trades, orders) = (
        lowest(connection, "trades").await?,
        lowest(connection, "orders").await?,
    );
    for Rule { name, invariant, sql } in RULES {
        let rows: Vec<Found> = diesel::sql_query(statement(sql, &trades, &orders))
            .bind::<BigInt, _>(TOLD)
            .load(connection)
            .await?;
        broken.extend(rows.into_iter().map(|row| {
            let Found {
                market,
                subject,
                amount,
                what,
            } = row;
            BrokenRow {
                rule: name,
                invariant,
                market,
                subject,
                amount,
                what,
            }
        }));
    }
    Ok(broken)
}

#[cfg(test)]
mod tests;
