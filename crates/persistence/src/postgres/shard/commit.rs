//! One batch of a shard in one transaction: first the compare-and-set on epoch and sequence, then everything else.

use std::time::Duration;

use chrono::{DateTime, Utc};
use diesel::pg::Pg;
use diesel::sql_query;
use diesel::sql_types::{
    Array, BigInt, Binary, Integer, Nullable, SmallInt, Text, Timestamptz, Uuid as SqlUuid,
};
use diesel_async::{AsyncConnection as _, RunQueryDsl as _};
use domain::{Market, MarketState, OrderId, Price, Stamp, Trade};
use runtime::trace::TraceContext;
use uuid::Uuid;

use super::candles::add_trades;
use super::{Cursors, Lease, ShardError, micros};
use crate::postgres::orders::value::{count, price, time};
use crate::postgres::orders::{MarketGrids, StoredOrder, insert_trades, update_orders, value};
use crate::postgres::{Connection, PgError, prepared};

/// What a market is after a batch.
#[derive(Debug, Clone)]
pub struct MarketWrite<'a> {
    /// The market.
    pub market: &'a Market,
    /// What it takes.
    pub state: MarketState,
    /// The price of its last trade.
    pub last_price: Option<Price>,
    /// The last place that was given out in the queues of its book.
    pub turn: u64,
    /// The number of its last trade.
    pub trade_number: u64,
    /// The number of its last event.
    pub event_seq: u64,
    /// Its encoded definition, where the batch defines or changes it.
    pub definition: Option<Vec<u8>>,
}

/// One batch.
#[derive(Debug)]
pub struct BatchWrite<'a> {
    /// Under which ownership; `last_seq` is that before the batch.
    pub lease: Lease,
    /// For how long the ownership is renewed.
    pub renewed_for: Duration,
    /// How far the log was followed.
    pub cursors: Cursors,
    /// The version of the rules.
    pub rules_version: u16,
    /// The encoded commands.
    pub commands: &'a [u8],
    /// The encoded events.
    pub events: &'a [u8],
    /// The traces of its commands, as far as they are recorded.
    pub traces: &'a [TraceContext],
    /// The stamp of the last command of the shard.
    pub at: Stamp,
    /// The rank of the last order that entered.
    pub rank: u64,
    /// The shard's markets.
    pub grids: &'a MarketGrids,
    /// The markets that changed, and at least one.
    pub markets: &'a [MarketWrite<'a>],
    /// The orders that changed.
    pub orders: &'a [StoredOrder],
    /// Orders that cannot be placed: their rows are rejected.
    pub unplaceable: &'a [OrderId],
    /// The trades.
    pub trades: &'a [Trade],
    /// The commands that are done.
    pub done: &'a [Uuid],
    /// A mass cancel that goes on, and how many orders it has cancelled so far.
    pub going_on: Option<(Uuid, u64)>,
}

/// Writes a batch, or nothing.
///
/// # Errors
/// The shard is another owner's by now, or see [`PgError`]. After any of them what is in memory is not to be trusted.
pub async fn commit(connection: &mut Connection, batch: &BatchWrite<'_>) -> Result<(), ShardError> {
    connection
        .transaction(async |connection: &mut Connection| {
            advance(connection, batch).await?;
            define(connection, batch).await?;
            Ok(write(connection, batch).await?)
        })
        .await
}

/// Writes what follows the fence. No statement needs what another one brings, so they are sent at once: the server does
/// them one after the other, and the answers are waited for together.
async fn write(connection: &Connection, batch: &BatchWrite<'_>) -> Result<(), PgError> {
    let BatchWrite {
        grids,
        orders,
        trades,
        ..
    } = batch;
    let (logged, updated, rejected, traded, drawn, moved, finished) = tokio::join!(
        log(connection, batch),
        update_orders(connection, orders, grids),
        reject(connection, batch),
        insert_trades(connection, trades, grids),
        add_trades(connection, trades, grids),
        update_markets(connection, batch),
        finish(connection, batch),
    );
    let mut failed: Vec<PgError> = [logged, updated, rejected, traded, drawn, moved, finished]
        .into_iter()
        .filter_map(Result::err)
        .collect();
    if failed.is_empty() {
        return Ok(());
    }
    // Behind the statement that failed all others fail too, and say only that.
    let cause = failed.iter().position(|error| !error.follows_another());
    Err(failed.swap_remove(cause.unwrap_or_default()))
}

const ADVANCE: &str = "UPDATE shards SET last_seq = $3, lease_until = clock_timestamp() + $4 * interval '1 microsecond', \
    published_seq = greatest(published_seq, $5), settled_seq = greatest(settled_seq, $6) \
    WHERE shard = $1 AND epoch = $2 AND last_seq = $3 - 1";

/// The fence: whoever has not the present epoch, or not the last number, writes nothing.
async fn advance(connection: &mut Connection, batch: &BatchWrite<'_>) -> Result<(), ShardError> {
    let lease = &batch.lease;
    let advanced = prepared(
        sql_query(ADVANCE)
            .bind::<Integer, _>(lease.shard.cast_signed())
            .bind::<BigInt, _>(count(lease.epoch))
            .bind::<BigInt, _>(count(lease.last_seq + 1))
            .bind::<BigInt, _>(micros(batch.renewed_for))
            .bind::<BigInt, _>(count(batch.cursors.published))
            .bind::<BigInt, _>(count(batch.cursors.settled)),
    )
    .execute(connection)
    .await?;
    if advanced == 1 {
        Ok(())
    } else {
        Err(ShardError::Fenced)
    }
}

const LOG: &str = "INSERT INTO shard_log (shard, seq, epoch, rules_version, commands, events, at, traces) \
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";

async fn log(mut connection: &Connection, batch: &BatchWrite<'_>) -> Result<(), PgError> {
    let traces: Vec<u8> = batch.traces.iter().flat_map(|trace| trace.to_bytes()).collect();
    let traces = (!traces.is_empty()).then_some(traces);
    prepared(
        sql_query(LOG)
            .bind::<Integer, _>(batch.lease.shard.cast_signed())
            .bind::<BigInt, _>(count(batch.lease.last_seq + 1))
            .bind::<BigInt, _>(count(batch.lease.epoch))
            .bind::<SmallInt, _>(batch.rules_version.cast_signed())
            .bind::<Binary, _>(batch.commands)
            .bind::<Binary, _>(batch.events)
            .bind::<Timestamptz, _>(time(batch.at))
            .bind::<Nullable<Binary>, _>(traces),
    )
    .execute(&mut connection)
    .await?;
    Ok(())
}

const DEFINE: &str = "INSERT INTO markets (symbol, number, definition, tick, lot, created_at, updated_at) \
    VALUES ($1, $2, $3, $4 * 0.00000001, $5 * 0.00000001, $6, $6) \
    ON CONFLICT (symbol) DO UPDATE SET definition = EXCLUDED.definition, updated_at = EXCLUDED.updated_at";

/// Writes the definitions that the batch has brought into force.
async fn define(connection: &mut Connection, batch: &BatchWrite<'_>) -> Result<(), PgError> {
    for write in batch.markets {
        let Some(encoded) = &write.definition else {
            continue;
        };
        let definition = write.market.definition();
        sql_query(DEFINE)
            .bind::<Text, _>(definition.symbol.to_string())
            .bind::<Integer, _>(definition.number.0.cast_signed())
            .bind::<Binary, _>(encoded)
            .bind::<BigInt, _>(value::units(definition.tick))
            .bind::<BigInt, _>(value::units(definition.lot))
            .bind::<Timestamptz, _>(time(batch.at))
            .execute(connection)
            .await?;
        sql_query("INSERT INTO market_state (symbol, shard) VALUES ($1, $2) ON CONFLICT DO NOTHING")
            .bind::<Text, _>(definition.symbol.to_string())
            .bind::<Integer, _>(batch.lease.shard.cast_signed())
            .execute(connection)
            .await?;
    }
    Ok(())
}

const REJECT: &str = "UPDATE orders SET status = 'REJECTED', reject_reason = 'quarantined', applied_at = $2, \
    updated_at = $2, cancelled_at = $2 WHERE order_id = ANY($1) AND status = 'PENDING'";

/// Ends the rows of orders that cannot be placed.
async fn reject(mut connection: &Connection, batch: &BatchWrite<'_>) -> Result<(), PgError> {
    if batch.unplaceable.is_empty() {
        return Ok(());
    }
    let ids: Vec<Uuid> = (batch.unplaceable.iter())
        .map(|id| Uuid::from_u128(id.as_u128()))
        .collect();
    sql_query(REJECT)
        .bind::<Array<SqlUuid>, _>(ids)
        .bind::<Timestamptz, _>(time(batch.at))
        .execute(&mut connection)
        .await?;
    Ok(())
}

const MARKETS: &str = "UPDATE market_state m SET status = n.status, last_price = n.last_price * 0.00000001, \
    rank = $7, turn = n.turn, trade_number = n.trade_number, event_seq = n.event_seq, last_time = $8, defined = true \
    FROM UNNEST($1, $2, $3, $4, $5, $6) AS n(symbol, status, last_price, turn, trade_number, event_seq) \
    WHERE m.symbol = n.symbol AND m.shard = $9";

async fn update_markets(mut connection: &Connection, batch: &BatchWrite<'_>) -> Result<(), PgError> {
    let numbers = |of: fn(&MarketWrite<'_>) -> u64| -> Vec<i64> {
        batch.markets.iter().map(|write| count(of(write))).collect()
    };
    let symbols: Vec<String> = (batch.markets.iter())
        .map(|write| write.market.symbol().to_string())
        .collect();
    let states: Vec<&str> = batch.markets.iter().map(|write| write.state.word()).collect();
    let prices: Vec<Option<i64>> = (batch.markets.iter())
        .map(|write| write.last_price.map(|last| price(write.market, last)))
        .collect();
    let at: DateTime<Utc> = time(batch.at);
    let updated = prepared(
        sql_query(MARKETS)
            .into_boxed::<Pg>()
            .bind::<Array<Text>, _>(symbols)
            .bind::<Array<Text>, _>(states)
            .bind::<Array<Nullable<BigInt>>, _>(prices)
            .bind::<Array<BigInt>, _>(numbers(|write| write.turn))
            .bind::<Array<BigInt>, _>(numbers(|write| write.trade_number))
            .bind::<Array<BigInt>, _>(numbers(|write| write.event_seq))
            .bind::<BigInt, _>(count(batch.rank))
            .bind::<Timestamptz, _>(at)
            .bind::<Integer, _>(batch.lease.shard.cast_signed()),
    )
    .execute(&mut connection)
    .await?;
    if updated == batch.markets.len() {
        Ok(())
    } else {
        let missing = batch.markets.len() - updated;
        Err(PgError::bad_row(
            "market_state",
            format!("{missing} of a shard are missing"),
        ))
    }
}

/// Takes exactly the commands that are done out of the list.
async fn finish(mut connection: &Connection, batch: &BatchWrite<'_>) -> Result<(), PgError> {
    if let Some((id, progress)) = batch.going_on {
        sql_query("UPDATE commands SET progress = $2 WHERE id = $1")
            .bind::<SqlUuid, _>(id)
            .bind::<BigInt, _>(count(progress))
            .execute(&mut connection)
            .await?;
    }
    if batch.done.is_empty() {
        return Ok(());
    }
    let gone = prepared(
        sql_query("DELETE FROM commands WHERE id = ANY($1) AND shard = $2")
            .bind::<Array<SqlUuid>, _>(batch.done)
            .bind::<Integer, _>(batch.lease.shard.cast_signed()),
    )
    .execute(&mut connection)
    .await?;
    if gone == batch.done.len() {
        Ok(())
    } else {
        let missing = batch.done.len() - gone;
        Err(PgError::bad_row(
            "commands",
            format!("{missing} that were done are gone"),
        ))
    }
}
