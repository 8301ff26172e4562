//! Which partitions there are, from when to when, and whether they are still part of their table.

use std::fmt;

use chrono::{DateTime, Utc};
use diesel::sql_types::{BigInt, Nullable, Text, Timestamptz};
use diesel::{QueryableByName, sql_query};
use diesel_async::RunQueryDsl;

use crate::postgres::{Connection, PgError};

/// A table that has partitions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Parent {
    /// By months.
    Orders,
    /// By days.
    Trades,
}

impl Parent {
    /// The table's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Orders => "orders",
            Self::Trades => "trades",
        }
    }
}

impl fmt::Display for Parent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Whether a partition is part of its table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartitionState {
    /// It is.
    Attached,
    /// It is being taken out, or that was begun and broke off.
    Detaching,
    /// It was taken out, and is dropped after this moment.
    Detached(DateTime<Utc>),
}

/// A month of orders or a day of trades.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partition {
    /// Its table.
    pub parent: Parent,
    /// Its own name: `orders_2026_11`, `trades_2026_11_23`.
    pub name: String,
    /// The first moment of its rows.
    pub begins_at: DateTime<Utc>,
    /// The first moment after its rows.
    pub ends_at: DateTime<Utc>,
    /// Whether it is part of its table.
    pub state: PartitionState,
    /// About how many rows it has, as of its last analysis.
    pub rows: u64,
    /// The bytes that it takes with its indexes.
    pub bytes: u64,
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Text)]
    parent: String,
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Text)]
    state: String,
    #[diesel(sql_type = Timestamptz)]
    begins_at: DateTime<Utc>,
    #[diesel(sql_type = Timestamptz)]
    ends_at: DateTime<Utc>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    drop_after: Option<DateTime<Utc>>,
    #[diesel(sql_type = BigInt)]
    rows: i64,
    #[diesel(sql_type = BigInt)]
    bytes: i64,
}

const LIST: &str = r"
    SELECT p.relname::text AS parent, c.relname::text AS name,
           CASE WHEN i.inhdetachpending THEN 'detaching' ELSE 'attached' END AS state,
           v7_time(substring(pg_get_expr(c.relpartbound, c.oid) FROM 'FROM \(''([0-9a-f-]{36})''\)')::uuid) AS begins_at,
           v7_time(substring(pg_get_expr(c.relpartbound, c.oid) FROM 'TO \(''([0-9a-f-]{36})''\)')::uuid) AS ends_at,
           NULL::timestamptz AS drop_after, greatest(c.reltuples, 0)::bigint AS rows,
           pg_total_relation_size(c.oid)::bigint AS bytes
      FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid JOIN pg_class p ON p.oid = i.inhparent
     WHERE i.inhparent IN (to_regclass('public.orders'), to_regclass('public.trades')) AND c.relpartbound IS NOT NULL
    UNION ALL
    SELECT d.parent, d.name, 'detached', d.begins_at, d.ends_at, d.drop_after, greatest(c.reltuples, 0)::bigint,
           pg_total_relation_size(c.oid)::bigint
      FROM detached_partitions d JOIN pg_class c ON c.oid = to_regclass('public.' || quote_ident(d.name))
     WHERE NOT c.relispartition
     ORDER BY 1, 4";

/// Every partition, those of orders first, each table's oldest first.
///
/// # Errors
/// PostgreSQL did not answer, or a partition is not one of ours.
pub async fn list(connection: &mut Connection) -> Result<Vec<Partition>, PgError> {
    let rows: Vec<Row> = sql_query(LIST).load(connection).await?;
    rows.into_iter().map(Row::partition).collect()
}

impl Row {
    fn partition(self) -> Result<Partition, PgError> {
        let Self {
            parent,
            name,
            state,
            begins_at,
            ends_at,
            drop_after,
            rows,
            bytes,
        } = self;
        let known = [Parent::Orders, Parent::Trades];
        let parent = known.into_iter().find(|known| known.name() == parent);
        let parent = parent.ok_or_else(|| PgError::bad_row("pg_inherits", &name))?;
        let state = match (state.as_str(), drop_after) {
            ("detached", Some(drop_after)) => PartitionState::Detached(drop_after),
            ("detaching", _) => PartitionState::Detaching,
            _ => PartitionState::Attached,
        };
        Ok(Partition {
            parent,
            name,
            begins_at,
            ends_at,
            state,
            rows: rows.cast_unsigned(),
            bytes: bytes.cast_unsigned(),
        })
    }
}
