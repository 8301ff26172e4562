//! What a gateway begins with: shards, markets and books of one and the same moment.

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Text};
use diesel_async::RunQueryDsl as _;
use domain::Side;

use super::{MarketRow, ShardRow, markets, shards};
use crate::postgres::{Connection, PgError};

/// What a book shows at one price.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Level {
    /// The market's symbol, such as `BTC/USDT`.
    pub symbol: String,
    /// The side.
    pub side: Side,
    /// The price, in units of 1e-8 of the quote asset.
    pub price: u64,
    /// What is shown, in units of 1e-8 of the base asset: of all orders together, so more than one could have.
    pub quantity: u128,
}

/// What a gateway begins with: all of it of one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outset {
    /// How far each shard had come.
    pub shards: Vec<ShardRow>,
    /// The markets.
    pub markets: Vec<MarketRow>,
    /// The levels of all books.
    pub levels: Vec<Level>,
}

#[derive(QueryableByName)]
struct LevelRow {
    #[diesel(sql_type = Text)]
    symbol: String,
    #[diesel(sql_type = Text)]
    side: String,
    #[diesel(sql_type = BigInt)]
    price: i64,
    #[diesel(sql_type = Text)]
    quantity: String,
}

const LEVELS: &str = "SELECT symbol, side::text AS side, (price * 100000000)::bigint AS price, \
    trunc(sum(displayed_remaining) * 100000000)::text AS quantity FROM orders \
    WHERE status IN ('OPEN', 'PARTIALLY_FILLED') AND displayed_remaining > 0 GROUP BY symbol, side, price";

/// Shards, markets and books of one and the same moment.
///
/// # Errors
/// See [`PgError`].
pub async fn outset(connection: &mut Connection) -> Result<Outset, PgError> {
    connection
        .build_transaction()
        .repeatable_read()
        .read_only()
        .run(async |connection: &mut Connection| {
            Ok(Outset {
                shards: shards(connection).await?,
                markets: markets(connection).await?,
                levels: levels(connection).await?,
            })
        })
        .await
}

async fn levels(connection: &mut Connection) -> Result<Vec<Level>, PgError> {
    let rows: Vec<LevelRow> = diesel::sql_query(LEVELS).load(connection).await?;
    rows.into_iter().map(Level::try_from).collect()
}

impl TryFrom<LevelRow> for Level {
    type Error = PgError;

    fn try_from(row: LevelRow) -> Result<Self, PgError> {
        let LevelRow {
            symbol,
            side,
            price,
            quantity,
        } = row;
        let side =
            Side::from_word(&side).ok_or_else(|| PgError::bad_row("orders", format!("side {side}")))?;
        let units = quantity
            .parse()
            .map_err(|_| PgError::bad_row("orders", format!("{quantity} shown of {symbol}")))?;
        Ok(Self {
            symbol,
            side,
            price: price.cast_unsigned(),
            quantity: units,
        })
    }
}
