//! The markets as the shards' owners have committed them.

use diesel::sql_types::{BigInt, Binary, Integer, Nullable, Text};
use diesel::{QueryableByName, sql_query};
use diesel_async::RunQueryDsl as _;
use domain::{MarketNumber, MarketState};

use crate::postgres::{Connection, PgError, prepared};

/// A market that its shard's fold has, at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MarketRow {
    /// Its number.
    pub number: MarketNumber,
    /// Its symbol, such as `BTC/USDT`.
    pub symbol: String,
    /// Its encoded definition.
    pub definition: Vec<u8>,
    /// The shard in which it lives.
    pub shard: u32,
    /// What it takes.
    pub state: MarketState,
    /// The price of its last trade, in units of 1e-8 of the quote asset.
    pub last_price: Option<u64>,
    /// The number of its last event.
    pub event_seq: u64,
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Integer)]
    number: i32,
    #[diesel(sql_type = Text)]
    symbol: String,
    #[diesel(sql_type = Binary)]
    definition: Vec<u8>,
    #[diesel(sql_type = Integer)]
    shard: i32,
    #[diesel(sql_type = Text)]
    status: String,
    #[diesel(sql_type = Nullable<BigInt>)]
    last_price: Option<i64>,
    #[diesel(sql_type = BigInt)]
    event_seq: i64,
}

const MARKETS: &str = "SELECT m.number, m.symbol, m.definition, s.shard, s.status, \
    (s.last_price * 100000000)::bigint AS last_price, s.event_seq \
    FROM markets m JOIN market_state s USING (symbol) WHERE s.event_seq > 0 ORDER BY m.number";

/// Every market that has had an event, by number.
///
/// # Errors
/// See [`PgError`].
pub async fn markets(connection: &mut Connection) -> Result<Vec<MarketRow>, PgError> {
    let rows: Vec<Row> = prepared(sql_query(MARKETS)).load(connection).await?;
    rows.into_iter().map(MarketRow::try_from).collect()
}

impl TryFrom<Row> for MarketRow {
    type Error = PgError;

    fn try_from(row: Row) -> Result<Self, PgError> {
        let Row {
            number,
            symbol,
            definition,
            shard,
            status,
            last_price,
            event_seq,
        } = row;
        let state = MarketState::from_word(&status);
        let state = state.ok_or_else(|| PgError::bad_row("market_state", format!("status {status}")))?;
        Ok(Self {
            number: MarketNumber(number.cast_unsigned()),
            symbol,
            definition,
            shard: shard.cast_unsigned(),
            state,
            last_price: last_price.map(i64::cast_unsigned),
            event_seq: event_seq.cast_unsigned(),
        })
    }
}

/// How far a market has come, and where it lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MarketSeq {
    /// The market.
    pub number: MarketNumber,
    /// The shard in which it lives.
    pub shard: u32,
    /// The number of its last event.
    pub event_seq: u64,
}

#[derive(QueryableByName)]
struct SeqRow {
    #[diesel(sql_type = Integer)]
    number: i32,
    #[diesel(sql_type = Integer)]
    shard: i32,
    #[diesel(sql_type = BigInt)]
    event_seq: i64,
}

const SEQS: &str = "SELECT m.number, s.shard, s.event_seq FROM markets m JOIN market_state s USING (symbol) \
    WHERE s.event_seq > 0 ORDER BY m.number";

/// How far every market has come that has had an event, by number.
///
/// # Errors
/// See [`PgError`].
pub async fn market_seqs(connection: &mut Connection) -> Result<Vec<MarketSeq>, PgError> {
    let rows: Vec<SeqRow> = prepared(sql_query(SEQS)).load(connection).await?;
    let seq = |SeqRow {
                   number,
                   shard,
                   event_seq,
               }: SeqRow| MarketSeq {
        number: MarketNumber(number.cast_unsigned()),
        shard: shard.cast_unsigned(),
        event_seq: event_seq.cast_unsigned(),
    };
    Ok(rows.into_iter().map(seq).collect())
}
