//! What can be read of history: single orders, and pages of orders, trades and candles.

use diesel::sql_types::{BigInt, Binary, Nullable, Text};
use diesel::{OptionalExtension, QueryResult, RunQueryDsl};
use domain::{MarketNumber, Order, OrderRef, Side, Stamp, Status, Trade, TradeId, UserId};
use market_data::Candle;

use super::candles::{CandleRow, seconds};
use super::codes::Code;
use super::orders::OrderRow;
use super::trades::TradeRow;
use super::value::{Bits, above, below, bound, page};
use super::{HistoryError, HistoryReader};
use crate::{CandleQuery, OrderQuery, TradeQuery};

/// Where the milliseconds stand in the 128 bits of an id.
const TIME_SHIFT: u32 = 80;

/// The number of the user ?1; NULL, which nothing is equal to, for a user without one.
macro_rules! user {
    () => {
        "(SELECT number FROM users WHERE user_id = ?1)"
    };
}

// CROSS JOIN: the narrow table first, in the order of its key.
const ORDERS: &str = concat!(
    "SELECT orders.* FROM own_orders AS own CROSS JOIN orders ON orders.order_id = own.order_id
    WHERE own.user_number = ",
    user!(),
    " AND own.order_id < ?2
    AND (?3 IS NULL OR own.market = ?3) AND (?4 IS NULL OR own.side = ?4) AND (?5 IS NULL OR own.status = ?5)
    ORDER BY own.order_id DESC LIMIT ?6"
);

const ORDER_BY_ID: &str = "SELECT * FROM orders WHERE order_id = ?2 AND user_id = ?1";

const ORDER_BY_CLIENT_ID: &str = concat!(
    "SELECT orders.* FROM client_orders AS own CROSS JOIN orders ON orders.order_id = own.order_id
    WHERE own.user_number = ",
    user!(),
    " AND own.client_order_id = ?2
    ORDER BY own.order_id DESC LIMIT 1"
);

const TRADES: &str = concat!(
    "SELECT trades.* FROM own_trades AS own
    CROSS JOIN trades ON trades.market = own.market AND trades.number = own.number
    WHERE own.user_number = ",
    user!(),
    " AND own.trade_id > ?2 AND own.trade_id < ?3 AND (?4 IS NULL OR own.market = ?4)
    AND (?6 IS NULL OR (trades.executed_at, own.trade_id) > (?6, ?7))
    ORDER BY own.trade_id DESC LIMIT ?5"
);

const TRADES_OF_ORDER: &str = "SELECT trades.* FROM order_trades AS own
    CROSS JOIN trades ON trades.market = own.market AND trades.number = own.number
    WHERE own.order_id = ?6 AND own.trade_id > ?2 AND own.trade_id < ?3 AND (?4 IS NULL OR own.market = ?4)
    AND ((trades.buyer_order_id = ?6 AND trades.buyer_user_id = ?1)
    OR (trades.seller_order_id = ?6 AND trades.seller_user_id = ?1))
    AND (?7 IS NULL OR (trades.executed_at, own.trade_id) > (?7, ?8))
    ORDER BY own.trade_id DESC LIMIT ?5";

const MARKET_TRADES: &str = "SELECT * FROM trades
    WHERE market = ?1 AND number < ?2
    ORDER BY number DESC LIMIT ?3";

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
                    .bind::<Binary, _>(user_id)
                    .bind::<Binary, _>(Bits::from(order_id.as_u128()))
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
            .bind::<Nullable<BigInt>, _>(side.map(Side::code))
            .bind::<Nullable<BigInt>, _>(status.map(Status::code))
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
        // Ids are in the order of time to the millisecond only: what happened within the same one is told apart by when.
        let passed = after
            .map(|id| self.executed_at(user_id, id).map(|at| (at, id)))
            .transpose()?;
        let above_id = passed.map(|(at, id)| match at {
            Some(_) => (id.as_u128() >> TIME_SHIFT << TIME_SHIFT).saturating_sub(1),
            None => id.as_u128(),
        });
        let mut sql = diesel::sql_query(text)
            .into_boxed()
            .bind::<Binary, _>(Bits::from(user_id.as_u128()))
            .bind::<Binary, _>(above(above_id))
            .bind::<Binary, _>(below(before.map(TradeId::as_u128)))
            .bind::<Nullable<BigInt>, _>(market.map(|market| i64::from(market.0)))
            .bind::<BigInt, _>(page(limit));
        if let Some(order_id) = order_id {
            sql = sql.bind::<Binary, _>(Bits::from(order_id.as_u128()));
        }
        let (at, id) = passed.and_then(|(at, id)| Some((at?, id))).unzip();
        let sql = sql
            .bind::<Nullable<BigInt>, _>(at.map(|at| at.micros().cast_signed()))
            .bind::<Nullable<Binary>, _>(id.map(|id: TradeId| Bits::from(id.as_u128())));
        self.run(|connection| converted::<TradeRow, _>(sql.load(connection)))
    }

    /// When a trade of a user's happened; none: the user has no such trade.
    fn executed_at(&self, user_id: UserId, id: TradeId) -> Result<Option<Stamp>, HistoryError> {
        let sql = diesel::sql_query(TRADES)
            .bind::<Binary, _>(Bits::from(user_id.as_u128()))
            .bind::<Binary, _>(above(Some(id.as_u128().saturating_sub(1))))
            .bind::<Binary, _>(below(Some(id.as_u128().saturating_add(1))))
            .bind::<Nullable<BigInt>, _>(None::<i64>)
            .bind::<BigInt, _>(1)
            .bind::<Nullable<BigInt>, _>(None::<i64>)
            .bind::<Nullable<Binary>, _>(None::<Bits>);
        let found: Vec<Trade> = self.run(|connection| converted::<TradeRow, _>(sql.load(connection)))?;
        Ok(found.first().map(|trade| trade.executed_at))
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
        self.run(|connection| converted::<TradeRow, _>(sql.load(connection)))
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
            .bind::<BigInt, _>(seconds(interval))
            .bind::<BigInt, _>(from.map_or(0, number))
            .bind::<BigInt, _>(to.map_or(i64::MAX, number))
            .bind::<BigInt, _>(page(limit));
        let mut candles: Vec<Candle> =
            self.run(|connection| converted::<CandleRow<'static>, _>(sql.load(connection)))?;
        candles.reverse();
        Ok(candles)
    }
}

/// Each row as what it stands for.
fn converted<R, T>(rows: QueryResult<Vec<R>>) -> Result<Vec<T>, HistoryError>
where
    T: TryFrom<R, Error = HistoryError>,
{
    rows?.into_iter().map(T::try_from).collect()
}
