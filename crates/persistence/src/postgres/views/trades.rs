//! Trades: a market's latest, and a page of a user's, newest first.

use chrono::{DateTime, Utc};
use diesel::pg::Pg;
use diesel::sql_types::{BigInt, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel::{QueryableByName, sql_query};
use diesel_async::RunQueryDsl as _;
use domain::{Market, Stamp, Trade, TradeId};
use uuid::Uuid;

use super::{id, page};
use crate::TradeQuery;
use crate::postgres::orders::MarketGrids;
use crate::postgres::orders::trades::{COLUMNS, TradeRow};
use crate::postgres::orders::value::{id_stamp, time};
use crate::postgres::{Connection, PgError, prepared};

/// How far back the newest partitions reach that are looked through before all others.
const RECENT_MICROS: u64 = 2 * 24 * 3_600 * 1_000_000;
const MILLI: u64 = 1_000;
/// More than the clocks of two programs ever differ.
const CLOCKS_DIFFER: u64 = 3_600 * 1_000_000;

/// A market's latest trades, newest first; at most so many. `now` is only a hint where to look first.
///
/// # Errors
/// See [`PgError`].
pub async fn market_trades(
    connection: &mut Connection,
    market: &Market,
    limit: usize,
    now: Stamp,
    markets: &MarketGrids,
) -> Result<Vec<Trade>, PgError> {
    if limit == 0 {
        return Ok(Vec::new());
    }
    let sql = format!(
        "SELECT {COLUMNS} FROM trades t WHERE t.symbol = $1 AND t.number IS NOT NULL \
         AND t.trade_id >= $2 AND t.trade_id < $3 ORDER BY t.number DESC LIMIT $4"
    );
    let mut trades: Vec<Trade> = Vec::new();
    for (from, to) in windows(now) {
        let left = limit - trades.len();
        let rows: Vec<TradeRow> = prepared(
            sql_query(&sql)
                .bind::<Text, _>(market.symbol().to_string())
                .bind::<SqlUuid, _>(from)
                .bind::<SqlUuid, _>(to)
                .bind::<BigInt, _>(page(left)),
        )
        .load(connection)
        .await?;
        for row in rows {
            trades.push(row.trade(markets)?);
        }
        // They are numbered from 1 without a gap: the first has none before it.
        let has_all = trades.last().is_some_and(|trade| trade.number == 1);
        if trades.len() >= limit || has_all {
            break;
        }
    }
    Ok(trades)
}

/// A page of a user's trades, newest first by time and id. `now` is only a hint where to look first.
///
/// # Errors
/// See [`PgError`]; a trade of a market that is not among these is an error too.
pub async fn own_trades(
    connection: &mut Connection,
    query: &TradeQuery,
    now: Stamp,
    markets: &MarketGrids,
) -> Result<Vec<Trade>, PgError> {
    let TradeQuery {
        user_id,
        market,
        order_id,
        before,
        after,
        limit,
    } = *query;
    let symbol = match market {
        None => None,
        Some(number) => match markets.numbered(number) {
            Some(market) => Some(market.symbol().to_string()),
            None => return Ok(Vec::new()),
        },
    };
    if limit == 0 {
        return Ok(Vec::new());
    }
    let last = (Stamp::from_micros(u64::MAX), TradeId::from_u128(u128::MAX));
    let first = (Stamp::FIRST, TradeId::from_u128(0));
    let before = place(connection, before).await?;
    let hint = before.map_or(now, |(at, _)| at);
    let before = before.unwrap_or(last);
    let after = place(connection, after).await?.unwrap_or(first);
    // Nothing of the order happened before it came, but for what clocks may differ: its id is of another one.
    let since = order_id.map_or(Uuid::nil(), |order_id| {
        let came = id_stamp(order_id.as_u128()).micros();
        floor(Stamp::from_micros(came.saturating_sub(CLOCKS_DIFFER)))
    });
    let sql = own_sql(order_id.is_some());
    let mut trades: Vec<Trade> = Vec::new();
    for (from, to) in windows(hint) {
        // What cannot hold any of them is passed over by its bounds alone.
        let from = from.max(since).max(floor(after.0));
        let to = to.min(floor(before.0.plus_micros(MILLI)));
        if from >= to {
            continue;
        }
        let mut query = sql_query(&sql)
            .into_boxed::<Pg>()
            .bind::<SqlUuid, _>(id(user_id.as_u128()))
            .bind::<Nullable<Text>, _>(symbol.as_deref())
            .bind::<Timestamptz, _>(time(before.0))
            .bind::<SqlUuid, _>(id(before.1.as_u128()))
            .bind::<Timestamptz, _>(time(after.0))
            .bind::<SqlUuid, _>(id(after.1.as_u128()))
            .bind::<SqlUuid, _>(from)
            .bind::<SqlUuid, _>(to)
            .bind::<BigInt, _>(page(limit - trades.len()));
        if let Some(order_id) = order_id {
            query = query.bind::<SqlUuid, _>(id(order_id.as_u128()));
        }
        let rows: Vec<TradeRow> = prepared(query).load(connection).await?;
        for row in rows {
            trades.push(row.trade(markets)?);
        }
        if trades.len() >= limit {
            break;
        }
    }
    Ok(trades)
}

/// Both sides, by the index of each user's or each order's. A trade of the user with itself is one trade: the seller's
/// side leaves out what the buyer's has.
fn own_sql(of_order: bool) -> String {
    let side = |side: &str, besides: &str| {
        let order = if of_order {
            format!(" AND t.{side}_order_id = $10")
        } else {
            String::new()
        };
        format!(
            "(SELECT {COLUMNS} FROM trades t WHERE t.{side}_user_id = $1{order}{besides} \
             AND t.number IS NOT NULL AND ($2 IS NULL OR t.symbol = $2) \
             AND (t.executed_at, t.trade_id) < ($3, $4) AND (t.executed_at, t.trade_id) > ($5, $6) \
             AND t.trade_id >= $7 AND t.trade_id < $8 ORDER BY t.executed_at DESC, t.trade_id DESC LIMIT $9)"
        )
    };
    let buys = side("buyer", "");
    let sells = if of_order {
        side("seller", "")
    } else {
        side("seller", " AND t.buyer_user_id <> $1")
    };
    format!(
        "SELECT * FROM ({buys} UNION ALL {sells}) sides ORDER BY executed_at DESC, trade_id DESC LIMIT $9"
    )
}

#[derive(QueryableByName)]
struct Executed {
    #[diesel(sql_type = Timestamptz)]
    executed_at: DateTime<Utc>,
}

/// Where a trade stands among all, or where an unknown id would stand.
async fn place(
    connection: &mut Connection,
    trade: Option<TradeId>,
) -> Result<Option<(Stamp, TradeId)>, PgError> {
    let Some(trade_id) = trade else {
        return Ok(None);
    };
    let found: Vec<Executed> = prepared(
        sql_query("SELECT executed_at FROM trades WHERE trade_id = $1")
            .bind::<SqlUuid, _>(id(trade_id.as_u128())),
    )
    .load(connection)
    .await?;
    let micros = |row: &Executed| u64::try_from(row.executed_at.timestamp_micros()).ok();
    let at = match found.iter().find_map(micros) {
        Some(micros) => Stamp::from_micros(micros),
        None => id_stamp(trade_id.as_u128()),
    };
    Ok(Some((at, trade_id)))
}

/// The lowest id of a moment's millisecond.
fn floor(at: Stamp) -> Uuid {
    Uuid::from_u128(u128::from(at.millis()) << 80)
}

/// The ranges of ids to look through, one after the other: what is recent, then all before it.
fn windows(now: Stamp) -> [(Uuid, Uuid); 2] {
    let recent = floor(Stamp::from_micros(now.micros().saturating_sub(RECENT_MICROS)));
    [(recent, Uuid::max()), (Uuid::nil(), recent)]
}
