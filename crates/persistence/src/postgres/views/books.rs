//! What a gateway begins with: shards, markets, books and counts of live orders of one and the same moment.

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl as _;
use domain::{Side, UserId};
use uuid::Uuid;

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
    /// How many live orders users have.
    pub live: Vec<LiveCount>,
}

/// How many live orders a user has in a market: those that rest, and stops that wait.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveCount {
    /// The user.
    pub user_id: UserId,
    /// The market's symbol, such as `BTC/USDT`.
    pub symbol: String,
    /// How many.
    pub count: u32,
}

#[derive(QueryableByName)]
struct LiveRow {
    #[diesel(sql_type = SqlUuid)]
    user_id: Uuid,
    #[diesel(sql_type = Text)]
    symbol: String,
    #[diesel(sql_type = BigInt)]
    count: i64,
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

const LIVE: &str = "SELECT user_id, symbol, count(*) AS count FROM orders \
    WHERE status IN ('OPEN', 'PARTIALLY_FILLED') GROUP BY user_id, symbol";

/// Shards, markets, books and counts of live orders of one and the same moment.
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
                live: live(connection).await?,
            })
        })
        .await
}

async fn levels(connection: &mut Connection) -> Result<Vec<Level>, PgError> {
    let rows: Vec<LevelRow> = diesel::sql_query(LEVELS).load(connection).await?;
    rows.into_iter().map(Level::try_from).collect()
}

async fn live(connection: &mut Connection) -> Result<Vec<LiveCount>, PgError> {
    let rows: Vec<LiveRow> = diesel::sql_query(LIVE).load(connection).await?;
    let count = |row: LiveRow| {
        let LiveRow {
            user_id,
            symbol,
            count,
        } = row;
        LiveCount {
            user_id: UserId::from_u128(user_id.as_u128()),
            symbol,
            count: u32::try_from(count).unwrap_or(u32::MAX),
        }
    };
    Ok(rows.into_iter().map(count).collect())
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
