//! Markets as operators define them, and the prices that intake measures from.

use diesel::QueryableByName;
use diesel::sql_query;
use diesel::sql_types::{Array, BigInt, Binary, Integer, Nullable, Text, Timestamptz};
use diesel_async::{AsyncConnection as _, RunQueryDsl as _};
use domain::{Amount, MarketDefinition, MarketNumber, Stamp};

use super::commands::{CommandRow, insert_commands};
use crate::postgres::orders::value::{time, units};
use crate::postgres::{Connection, PgError, prepared};

#[derive(QueryableByName)]
struct PriceRow {
    #[diesel(sql_type = Text)]
    symbol: String,
    #[diesel(sql_type = Nullable<BigInt>)]
    last_price: Option<i64>,
}

/// The last prices of these markets by symbol, as far as they have one.
///
/// # Errors
/// See [`PgError`].
pub async fn last_prices(
    connection: &mut Connection,
    symbols: &[String],
) -> Result<Vec<(String, Amount)>, PgError> {
    if symbols.is_empty() {
        return Ok(Vec::new());
    }
    let rows: Vec<PriceRow> = prepared(sql_query(
        "SELECT symbol, (last_price * 100000000)::bigint AS last_price FROM market_state WHERE symbol = ANY($1)",
    )
    .bind::<Array<Text>, _>(symbols))
    .load(connection)
    .await?;
    let price = |row: PriceRow| {
        let price = row.last_price?;
        Some((row.symbol, Amount(price.cast_unsigned())))
    };
    Ok(rows.into_iter().filter_map(price).collect())
}

/// A market that was defined, or is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DefinedMarket {
    /// Its number.
    pub number: MarketNumber,
    /// Its symbol, such as `BTC/USDT`.
    pub symbol: String,
    /// Its encoded definition.
    pub definition: Vec<u8>,
    /// The shard that it lives in; none: it has no state, which is a fault.
    pub shard: Option<u32>,
}

#[derive(QueryableByName)]
struct DefinedRow {
    #[diesel(sql_type = Integer)]
    number: i32,
    #[diesel(sql_type = Text)]
    symbol: String,
    #[diesel(sql_type = Binary)]
    definition: Vec<u8>,
    #[diesel(sql_type = Nullable<Integer>)]
    shard: Option<i32>,
}

/// The markets that have this one's number or its symbol: none, itself, or others that stand in its way.
///
/// # Errors
/// See [`PgError`].
pub async fn markets_like(
    connection: &mut Connection,
    definition: &MarketDefinition,
) -> Result<Vec<DefinedMarket>, PgError> {
    let rows: Vec<DefinedRow> = prepared(sql_query(
        "SELECT m.number, m.symbol, m.definition, s.shard FROM markets m LEFT JOIN market_state s USING (symbol) \
         WHERE m.number = $1 OR m.symbol = $2 ORDER BY m.number",
    )
    .bind::<Integer, _>(definition.number.0.cast_signed())
    .bind::<Text, _>(definition.symbol.to_string()))
    .load(connection)
    .await?;
    let market = |row: DefinedRow| DefinedMarket {
        number: MarketNumber(row.number.cast_unsigned()),
        symbol: row.symbol,
        definition: row.definition,
        shard: row.shard.map(i32::cast_unsigned),
    };
    Ok(rows.into_iter().map(market).collect())
}

/// What became of a new market.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Added {
    /// It lives in this shard from now on, which has the command that defines it.
    ToShard(u32),
    /// Its number or symbol was taken meanwhile.
    Taken,
    /// There are no shards.
    NoShards,
}

#[derive(QueryableByName)]
struct ShardRow {
    #[diesel(sql_type = Integer)]
    shard: i32,
}

/// Writes a new market with its encoded definition in the shard that has the fewest, and the command that defines it there,
/// in one transaction.
///
/// # Errors
/// See [`PgError`].
pub async fn add_market(
    connection: &mut Connection,
    definition: &MarketDefinition,
    encoded: &[u8],
    at: Stamp,
    command: impl Fn(u32) -> CommandRow + Send + Sync,
) -> Result<Added, PgError> {
    connection
        .transaction(async |connection| {
            let added = write_market(connection, definition, encoded, at).await?;
            if let Added::ToShard(shard) = added {
                insert_commands(connection, &[command(shard)]).await?;
            }
            Ok(added)
        })
        .await
}

async fn write_market(
    connection: &mut Connection,
    definition: &MarketDefinition,
    encoded: &[u8],
    at: Stamp,
) -> Result<Added, PgError> {
    let shards: Vec<ShardRow> = prepared(sql_query(
        "SELECT s.shard FROM shards s LEFT JOIN market_state m ON m.shard = s.shard \
         GROUP BY s.shard ORDER BY count(m.symbol), s.shard LIMIT 1",
    ))
    .load(connection)
    .await?;
    let Some(ShardRow { shard }) = shards.as_slice().first() else {
        return Ok(Added::NoShards);
    };
    let symbol = definition.symbol.to_string();
    let written = prepared(
        sql_query(
            "INSERT INTO markets (symbol, number, definition, tick, lot, created_at, updated_at) \
         VALUES ($1, $2, $3, $4 * 0.00000001, $5 * 0.00000001, $6, $6) ON CONFLICT DO NOTHING",
        )
        .bind::<Text, _>(&symbol)
        .bind::<Integer, _>(definition.number.0.cast_signed())
        .bind::<Binary, _>(encoded)
        .bind::<BigInt, _>(units(definition.tick))
        .bind::<BigInt, _>(units(definition.lot))
        .bind::<Timestamptz, _>(time(at)),
    )
    .execute(connection)
    .await?;
    if written == 0 {
        return Ok(Added::Taken);
    }
    prepared(
        sql_query("INSERT INTO market_state (symbol, shard) VALUES ($1, $2)")
            .bind::<Text, _>(&symbol)
            .bind::<Integer, _>(*shard),
    )
    .execute(connection)
    .await?;
    Ok(Added::ToShard(shard.cast_unsigned()))
}
