//! What can be read of history: single orders, and pages of orders, trades, lines and candles.

use diesel::sql_types::{BigInt, Binary, Nullable, Text};
use diesel::{OptionalExtension, QueryResult, QueryableByName, RunQueryDsl};
use domain::{Asset, LedgerEntry, MarketNumber, Order, OrderRef, Side, Status, Trade, UserId};
use market_data::Candle;

use super::candles::CandleRow;
use super::entries::EntryRow;
use super::orders::OrderRow;
use super::trades::TradeRow;
use super::value::{Bits, above, below, bound, page};
use super::{HistoryError, HistoryReader};
use crate::{CandleQuery, EntryQuery, OrderQuery, TradeQuery};

const ORDERS: &str = "SELECT * FROM orders
    WHERE user_id = ?1 AND order_id < ?2
    AND (?3 IS NULL OR market = ?3) AND (?4 IS NULL OR side = ?4) AND (?5 IS NULL OR status = ?5)
    ORDER BY order_id DESC LIMIT ?6";

const ORDER_BY_ID: &str = "SELECT * FROM orders WHERE order_id = ?1 AND +user_id = ?2";

const ORDER_BY_CLIENT_ID: &str = "SELECT * FROM orders
    WHERE user_id = ?1 AND client_order_id = ?2
    ORDER BY order_id DESC LIMIT 1";

/// Two walks along indexes, merged; a user's trade with itself comes from the first only.
const TRADES: &str = "
    SELECT * FROM trades
    WHERE buyer_user_id = ?1 AND trade_id > ?2 AND trade_id < ?3 AND (?4 IS NULL OR market = ?4)
    UNION ALL
    SELECT * FROM trades
    WHERE seller_user_id = ?1 AND trade_id > ?2 AND trade_id < ?3 AND (?4 IS NULL OR market = ?4)
    AND +buyer_user_id <> ?1
    ORDER BY trade_id DESC LIMIT ?5";

const TRADES_OF_ORDER: &str = "
    SELECT * FROM trades
    WHERE buyer_order_id = ?6 AND +buyer_user_id = ?1
    AND trade_id > ?2 AND trade_id < ?3 AND (?4 IS NULL OR +market = ?4)
    UNION ALL
    SELECT * FROM trades
    WHERE seller_order_id = ?6 AND +seller_user_id = ?1
    AND trade_id > ?2 AND trade_id < ?3 AND (?4 IS NULL OR +market = ?4)
    ORDER BY trade_id DESC LIMIT ?5";

const MARKET_TRADES: &str = "SELECT * FROM trades
    WHERE market = ?1 AND number < ?2
    ORDER BY number DESC LIMIT ?3";

const ENTRIES: &str = "SELECT * FROM ledger_entries
    WHERE user_id = ?1 AND (seq, line) < (?2, ?3)
    ORDER BY seq DESC, line DESC LIMIT ?4";

const ENTRIES_OF_ASSET: &str = "SELECT * FROM ledger_entries
    WHERE user_id = ?1 AND asset = ?5 AND (seq, line) < (?2, ?3)
    ORDER BY seq DESC, line DESC LIMIT ?4";

const SUMS: &str = "SELECT asset, sum(available) AS available, sum(reserved) AS reserved FROM ledger_entries
    WHERE user_id = ?1 GROUP BY asset ORDER BY asset";

const CANDLES: &str = "SELECT * FROM candles
    WHERE market = ?1 AND interval = ?2 AND number >= ?3 AND number < ?4
    ORDER BY number DESC LIMIT ?5";

impl HistoryReader {
    /// A user's ended order. Of several under the same client order id, the newest.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn order(&self, user_id: UserId, order: &OrderRef) -> Result<Option<Order>, HistoryError> {
        let user_id = Bits::from(user_id.as_u128());
        let row: Option<OrderRow<'static>> = self.run(|connection| {
            let row = match order {
                OrderRef::Id(order_id) => diesel::sql_query(ORDER_BY_ID)
                    .bind::<Binary, _>(Bits::from(order_id.as_u128()))
                    .bind::<Binary, _>(user_id)
                    .get_result(connection),
                OrderRef::Client(name) => diesel::sql_query(ORDER_BY_CLIENT_ID)
                    .bind::<Binary, _>(user_id)
                    .bind::<Text, _>(name.as_str())
                    .get_result(connection),
            };
            Ok(row.optional()?)
        })?;
        row.map(Order::try_from).transpose()
    }

    /// A user's ended orders, newest first by their ids.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn orders(&self, query: &OrderQuery) -> Result<Vec<Order>, HistoryError> {
        let OrderQuery {
            user_id,
            market,
            side,
            status,
            before,
            limit,
        } = *query;
        let sql = diesel::sql_query(ORDERS)
            .bind::<Binary, _>(Bits::from(user_id.as_u128()))
            .bind::<Binary, _>(below(before.map(domain::OrderId::as_u128)))
            .bind::<Nullable<BigInt>, _>(market.map(|market| i64::from(market.0)))
            .bind::<Nullable<Text>, _>(side.map(Side::word))
            .bind::<Nullable<Text>, _>(status.map(Status::word))
            .bind::<BigInt, _>(page(limit));
        self.run(|connection| converted::<OrderRow<'static>, _>(sql.load(connection)))
    }

    /// A user's trades, newest first by their ids.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn trades(&self, query: &TradeQuery) -> Result<Vec<Trade>, HistoryError> {
        let TradeQuery {
            user_id,
            market,
            order_id,
            before,
            after,
            limit,
        } = *query;
        let text = if order_id.is_some() {
            TRADES_OF_ORDER
        } else {
            TRADES
        };
        let mut sql = diesel::sql_query(text)
            .into_boxed()
            .bind::<Binary, _>(Bits::from(user_id.as_u128()))
            .bind::<Binary, _>(above(after.map(domain::TradeId::as_u128)))
            .bind::<Binary, _>(below(before.map(domain::TradeId::as_u128)))
            .bind::<Nullable<BigInt>, _>(market.map(|market| i64::from(market.0)))
            .bind::<BigInt, _>(page(limit));
        if let Some(order_id) = order_id {
            sql = sql.bind::<Binary, _>(Bits::from(order_id.as_u128()));
        }
        self.run(|connection| converted::<TradeRow<'static>, _>(sql.load(connection)))
    }

    /// A market's trades, newest first; only those with a lower number, where one is given.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn market_trades(
        &self,
        market: MarketNumber,
        before_number: Option<u64>,
        limit: usize,
    ) -> Result<Vec<Trade>, HistoryError> {
        let sql = diesel::sql_query(MARKET_TRADES)
            .bind::<BigInt, _>(i64::from(market.0))
            .bind::<BigInt, _>(before_number.map_or(i64::MAX, bound))
            .bind::<BigInt, _>(page(limit));
        self.run(|connection| converted::<TradeRow<'static>, _>(sql.load(connection)))
    }

    /// The lines of a user's ledger, newest first by record and line.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn entries(&self, query: &EntryQuery) -> Result<Vec<LedgerEntry>, HistoryError> {
        let EntryQuery {
            user_id,
            asset,
            before,
            limit,
        } = *query;
        let (seq, line) = before.unwrap_or((u64::MAX, u32::MAX));
        let text = if asset.is_some() {
            ENTRIES_OF_ASSET
        } else {
            ENTRIES
        };
        let mut sql = diesel::sql_query(text)
            .into_boxed()
            .bind::<Binary, _>(Bits::from(user_id.as_u128()))
            .bind::<BigInt, _>(bound(seq))
            .bind::<BigInt, _>(i64::from(line))
            .bind::<BigInt, _>(page(limit));
        if let Some(asset) = &asset {
            sql = sql.bind::<Text, _>(asset.as_str());
        }
        self.run(|connection| converted::<EntryRow<'static>, _>(sql.load(connection)))
    }

    /// The sums of a user's lines: available and reserved of each asset. They are the user's balances.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn sums(&self, user_id: UserId) -> Result<Vec<(Asset, i64, i64)>, HistoryError> {
        let sql = diesel::sql_query(SUMS).bind::<Binary, _>(Bits::from(user_id.as_u128()));
        let rows: Vec<SumRow> = self.run(|connection| Ok(sql.load(connection)?))?;
        let sum = |row: SumRow| {
            let asset = row.asset.parse();
            let asset = asset.map_err(|_| EntryRow::TABLE.malformed("asset"))?;
            Ok((asset, row.available, row.reserved))
        };
        rows.into_iter().map(sum).collect()
    }

    /// The latest candles of a range, oldest first.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn candles(&self, query: &CandleQuery) -> Result<Vec<Candle>, HistoryError> {
        let CandleQuery {
            market,
            interval,
            from,
            to,
            limit,
        } = *query;
        // A candle begins at its number times the interval.
        let number = |at: domain::Stamp| bound(at.micros().div_ceil(interval.micros()));
        let sql = diesel::sql_query(CANDLES)
            .bind::<BigInt, _>(i64::from(market.0))
            .bind::<Text, _>(interval.word())
            .bind::<BigInt, _>(from.map_or(0, number))
            .bind::<BigInt, _>(to.map_or(i64::MAX, number))
            .bind::<BigInt, _>(page(limit));
        let mut candles: Vec<Candle> =
            self.run(|connection| converted::<CandleRow<'static>, _>(sql.load(connection)))?;
        candles.reverse();
        Ok(candles)
    }
}

#[derive(QueryableByName)]
struct SumRow {
    #[diesel(sql_type = Text)]
    asset: String,
    #[diesel(sql_type = BigInt)]
    available: i64,
    #[diesel(sql_type = BigInt)]
    reserved: i64,
}

/// Each row as what it stands for.
fn converted<R, T>(rows: QueryResult<Vec<R>>) -> Result<Vec<T>, HistoryError>
where
    T: TryFrom<R, Error = HistoryError>,
{
    rows?.into_iter().map(T::try_from).collect()
}
