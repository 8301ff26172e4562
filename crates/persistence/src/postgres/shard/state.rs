//! The markets of a shard as its owner has committed them.

use chrono::{DateTime, Utc};
use diesel::QueryableByName;
use diesel::sql_query;
use diesel::sql_types::{BigInt, Binary, Integer, Nullable, Text, Timestamptz};
use diesel_async::RunQueryDsl as _;
use domain::{Amount, MarketNumber, MarketState, Stamp};

use crate::postgres::{Connection, PgError};

/// A market that its shard's fold has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredMarket {
    /// Its number.
    pub number: MarketNumber,
    /// Its encoded definition.
    pub definition: Vec<u8>,
    /// What it takes.
    pub state: MarketState,
    /// The price of its last trade, an amount of the quote asset.
    pub last_price: Option<Amount>,
    /// The rank of the last order that entered its shard when it was written.
    pub rank: u64,
    /// The last place that was given out in the queues of its book.
    pub turn: u64,
    /// The number of its last trade.
    pub trade_number: u64,
    /// The number of its last event.
    pub event_seq: u64,
    /// The stamp of the last command of its shard when it was written.
    pub last_time: Stamp,
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Integer)]
    number: i32,
    #[diesel(sql_type = Binary)]
    definition: Vec<u8>,
    #[diesel(sql_type = Text)]
    status: String,
    #[diesel(sql_type = Nullable<BigInt>)]
    last_price: Option<i64>,
    #[diesel(sql_type = BigInt)]
    rank: i64,
    #[diesel(sql_type = BigInt)]
    turn: i64,
    #[diesel(sql_type = BigInt)]
    trade_number: i64,
    #[diesel(sql_type = BigInt)]
    event_seq: i64,
    #[diesel(sql_type = Timestamptz)]
    last_time: DateTime<Utc>,
}

const MARKETS: &str = "SELECT m.number, m.definition, s.status, (s.last_price * 100000000)::bigint AS last_price, \
    s.rank, s.turn, s.trade_number, s.event_seq, s.last_time FROM market_state s JOIN markets m USING (symbol) \
    WHERE s.shard = $1 AND s.defined ORDER BY m.number";

/// The markets that a shard's fold has, by number.
///
/// # Errors
/// See [`PgError`].
pub async fn markets_of_shard(connection: &mut Connection, shard: u32) -> Result<Vec<StoredMarket>, PgError> {
    let rows: Vec<Row> = sql_query(MARKETS)
        .bind::<Integer, _>(shard.cast_signed())
        .load(connection)
        .await?;
    rows.into_iter().map(StoredMarket::try_from).collect()
}

impl TryFrom<Row> for StoredMarket {
    type Error = PgError;

    fn try_from(row: Row) -> Result<Self, PgError> {
        let Row {
            number,
            definition,
            status,
            last_price,
            rank,
            turn,
            trade_number,
            event_seq,
            last_time,
        } = row;
        let state = MarketState::from_word(&status);
        let last_time = u64::try_from(last_time.timestamp_micros());
        Ok(Self {
            number: MarketNumber(number.cast_unsigned()),
            definition,
            state: state.ok_or_else(|| PgError::bad_row("market_state", format!("status {status}")))?,
            last_price: last_price.map(|units| Amount(units.cast_unsigned())),
            rank: rank.cast_unsigned(),
            turn: turn.cast_unsigned(),
            trade_number: trade_number.cast_unsigned(),
            event_seq: event_seq.cast_unsigned(),
            last_time: Stamp::from_micros(
                last_time.map_err(|_| PgError::bad_row("market_state", "last_time before 1970"))?,
            ),
        })
    }
}
