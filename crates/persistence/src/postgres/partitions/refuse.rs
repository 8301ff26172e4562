//! What keeps a partition from being taken out.

use chrono::{DateTime, Utc};
use diesel::sql_types::{BigInt, Nullable, Text, Timestamptz};
use diesel::{QueryableByName, sql_query};
use diesel_async::RunQueryDsl;

use super::{Parent, Partition, PartitionState};
use crate::postgres::{Connection, PgError};

#[derive(QueryableByName)]
struct Found {
    #[diesel(sql_type = BigInt)]
    live: i64,
    #[diesel(sql_type = Nullable<Text>)]
    trades: Option<String>,
    #[diesel(sql_type = BigInt)]
    commands: i64,
}

#[derive(QueryableByName)]
struct Oldest {
    #[diesel(sql_type = Nullable<Timestamptz>)]
    at: Option<DateTime<Utc>>,
}

#[derive(QueryableByName)]
struct Referring {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

const OF_ORDERS: &str = "WITH bounds AS (SELECT v7_floor($1) AS low, v7_floor($2) AS high)
    SELECT (SELECT count(*) FROM orders o WHERE o.order_id >= v7_floor($1) AND o.order_id < v7_floor($2)
             AND o.status IN ('PENDING', 'OPEN', 'PARTIALLY_FILLED')) AS live,
           (SELECT tableoid::regclass::text FROM trades t
             WHERE t.buyer_order_id >= low AND t.buyer_order_id < high
                OR t.seller_order_id >= low AND t.seller_order_id < high LIMIT 1) AS trades,
           (SELECT count(*) FROM commands c WHERE c.order_id >= low AND c.order_id < high) AS commands
      FROM bounds";

/// Why this partition cannot be taken out now; none: it can. `all` are those of both tables.
pub(super) async fn refusal(
    connection: &mut Connection,
    partition: &Partition,
    all: &[Partition],
) -> Result<Option<String>, PgError> {
    let open = "SELECT min(l.at) AS at FROM shard_log l JOIN shards s USING (shard)
                 WHERE l.seq > least(s.settled_seq, s.published_seq)";
    let open: Oldest = sql_query(open).get_result(connection).await?;
    if let Some(at) = open.at.filter(|at| *at < partition.ends_at) {
        return Ok(Some(format!(
            "a batch of {at} is not published or not settled yet"
        )));
    }
    match partition.parent {
        Parent::Trades => Ok(None),
        Parent::Orders => refusal_of_orders(connection, partition, all).await,
    }
}

async fn refusal_of_orders(
    connection: &mut Connection,
    partition: &Partition,
    all: &[Partition],
) -> Result<Option<String>, PgError> {
    let found: Found = sql_query(OF_ORDERS)
        .bind::<Timestamptz, _>(partition.begins_at)
        .bind::<Timestamptz, _>(partition.ends_at)
        .get_result(connection)
        .await?;
    let Found {
        live,
        trades,
        commands,
    } = found;
    if live > 0 {
        return Ok(Some(format!("{live} of its orders are live")));
    }
    if let Some(table) = trades {
        return Ok(Some(format!("{table} has trades of its orders")));
    }
    if commands > 0 {
        return Ok(Some(format!("{commands} commands about its orders wait")));
    }
    let detached =
        |one: &&Partition| one.parent == Parent::Trades && matches!(one.state, PartitionState::Detached(_));
    for trades in all.iter().filter(detached) {
        // A table that was taken out keeps its foreign keys until it is dropped. The name is the catalogue's own.
        let referring = format!(
            "SELECT count(*) AS count FROM public.{} t WHERE t.buyer_order_id >= v7_floor($1) AND t.buyer_order_id < v7_floor($2)
                 OR t.seller_order_id >= v7_floor($1) AND t.seller_order_id < v7_floor($2)",
            quoted(&trades.name)
        );
        let referring: Referring = sql_query(referring)
            .bind::<Timestamptz, _>(partition.begins_at)
            .bind::<Timestamptz, _>(partition.ends_at)
            .get_result(connection)
            .await?;
        if referring.count > 0 {
            return Ok(Some(format!(
                "{}, taken out but not dropped yet, has trades of its orders",
                trades.name
            )));
        }
    }
    Ok(None)
}

/// A name as SQL takes it.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
