//! The rows of trades.

use chrono::{DateTime, Utc};
use diesel::QueryableByName;
use diesel::pg::Pg;
use diesel::sql_types::{Array, BigInt, Bool, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl as _;
use domain::{Market, OrderId, Side, Trade, TradeId, TradeSide, UserId};
use uuid::Uuid;

use super::MarketGrids;
use super::value::{self, Reader};
use crate::postgres::{Connection, PgError, prepared};

/// The columns that [`TradeRow`] reads, of a table called `t`.
pub(crate) const COLUMNS: &str = "t.trade_id, t.symbol, t.buyer_order_id, t.seller_order_id, t.buyer_user_id, \
    t.seller_user_id, (t.price * 100000000)::bigint AS price, (t.quantity * 100000000)::bigint AS quantity, \
    (t.buyer_fee * 100000000)::bigint AS buyer_fee, (t.seller_fee * 100000000)::bigint AS seller_fee, \
    t.is_buyer_maker, t.executed_at, t.number, (t.buyer_remaining * 100000000)::bigint AS buyer_remaining, \
    (t.seller_remaining * 100000000)::bigint AS seller_remaining";

/// A row; numbers are units of 1e-8.
#[derive(Debug, QueryableByName)]
pub(crate) struct TradeRow {
    #[diesel(sql_type = SqlUuid)]
    trade_id: Uuid,
    #[diesel(sql_type = Text)]
    symbol: String,
    #[diesel(sql_type = SqlUuid)]
    buyer_order_id: Uuid,
    #[diesel(sql_type = SqlUuid)]
    seller_order_id: Uuid,
    #[diesel(sql_type = SqlUuid)]
    buyer_user_id: Uuid,
    #[diesel(sql_type = SqlUuid)]
    seller_user_id: Uuid,
    #[diesel(sql_type = BigInt)]
    price: i64,
    #[diesel(sql_type = BigInt)]
    quantity: i64,
    #[diesel(sql_type = BigInt)]
    buyer_fee: i64,
    #[diesel(sql_type = BigInt)]
    seller_fee: i64,
    #[diesel(sql_type = Bool)]
    is_buyer_maker: bool,
    #[diesel(sql_type = Timestamptz)]
    executed_at: DateTime<Utc>,
    #[diesel(sql_type = Nullable<BigInt>)]
    number: Option<i64>,
    #[diesel(sql_type = BigInt)]
    buyer_remaining: i64,
    #[diesel(sql_type = BigInt)]
    seller_remaining: i64,
}

impl TradeRow {
    /// What the row says.
    ///
    /// # Errors
    /// It makes no sense, or its market is not among these.
    pub(crate) fn trade(self, markets: &MarketGrids) -> Result<Trade, PgError> {
        let market = markets.of("trades", &self.symbol)?;
        let read = Reader {
            table: "trades",
            id: self.trade_id,
            market,
        };
        let number = read.some("number", self.number)?;
        Ok(Trade {
            trade_id: TradeId::from_u128(self.trade_id.as_u128()),
            market: market.number(),
            number: read.count("number", number)?,
            price: read.price("price", self.price)?,
            quantity: read.quantity("quantity", self.quantity)?,
            buyer: TradeSide {
                order_id: OrderId::from_u128(self.buyer_order_id.as_u128()),
                user_id: UserId::from_u128(self.buyer_user_id.as_u128()),
                fee: read.amount("buyer_fee", self.buyer_fee)?,
                remaining: read.lots("buyer_remaining", self.buyer_remaining)?,
            },
            seller: TradeSide {
                order_id: OrderId::from_u128(self.seller_order_id.as_u128()),
                user_id: UserId::from_u128(self.seller_user_id.as_u128()),
                fee: read.amount("seller_fee", self.seller_fee)?,
                remaining: read.lots("seller_remaining", self.seller_remaining)?,
            },
            maker_side: if self.is_buyer_maker {
                Side::Buy
            } else {
                Side::Sell
            },
            executed_at: read.stamp("executed_at", self.executed_at)?,
        })
    }
}

const INSERT: &str = "INSERT INTO trades (trade_id, symbol, buyer_order_id, seller_order_id, buyer_user_id, \
    seller_user_id, price, quantity, buyer_fee, seller_fee, is_buyer_maker, executed_at, number, buyer_remaining, \
    seller_remaining) SELECT n.trade_id, n.symbol, n.buyer_order_id, n.seller_order_id, n.buyer_user_id, \
    n.seller_user_id, n.price * 0.00000001, n.quantity * 0.00000001, n.buyer_fee * 0.00000001, \
    n.seller_fee * 0.00000001, n.is_buyer_maker, n.executed_at, n.number, n.buyer_remaining * 0.00000001, \
    n.seller_remaining * 0.00000001 \
    FROM UNNEST($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) AS n(trade_id, symbol, \
    buyer_order_id, seller_order_id, buyer_user_id, seller_user_id, price, quantity, buyer_fee, seller_fee, \
    is_buyer_maker, executed_at, number, buyer_remaining, seller_remaining)";

/// Stores trades, in one statement. Their orders must exist.
///
/// # Errors
/// See [`PgError`].
pub async fn insert_trades(
    mut connection: &Connection,
    trades: &[Trade],
    markets: &MarketGrids,
) -> Result<(), PgError> {
    if trades.is_empty() {
        return Ok(());
    }
    let mut c = Columns::default();
    for trade in trades {
        c.push(trade, markets.to_write("trades", trade.market)?);
    }
    prepared(
        diesel::sql_query(INSERT)
            .into_boxed::<Pg>()
            .bind::<Array<SqlUuid>, _>(c.trade_ids)
            .bind::<Array<Text>, _>(c.symbols)
            .bind::<Array<SqlUuid>, _>(c.buyer_orders)
            .bind::<Array<SqlUuid>, _>(c.seller_orders)
            .bind::<Array<SqlUuid>, _>(c.buyers)
            .bind::<Array<SqlUuid>, _>(c.sellers)
            .bind::<Array<BigInt>, _>(c.prices)
            .bind::<Array<BigInt>, _>(c.quantities)
            .bind::<Array<BigInt>, _>(c.buyer_fees)
            .bind::<Array<BigInt>, _>(c.seller_fees)
            .bind::<Array<Bool>, _>(c.buyer_makers)
            .bind::<Array<Timestamptz>, _>(c.executed_at)
            .bind::<Array<BigInt>, _>(c.numbers)
            .bind::<Array<BigInt>, _>(c.buyer_rests)
            .bind::<Array<BigInt>, _>(c.seller_rests),
    )
    .execute(&mut connection)
    .await?;
    Ok(())
}

/// These trades, by id, as far as they exist.
///
/// # Errors
/// See [`PgError`]; a trade of a market that is not among these is an error too.
pub async fn trades_by_id(
    connection: &mut Connection,
    ids: &[TradeId],
    markets: &MarketGrids,
) -> Result<Vec<Trade>, PgError> {
    let ids: Vec<Uuid> = ids.iter().map(|id| Uuid::from_u128(id.as_u128())).collect();
    let sql = format!("SELECT {COLUMNS} FROM trades t WHERE t.trade_id = ANY($1) ORDER BY t.trade_id");
    let rows: Vec<TradeRow> = diesel::sql_query(sql)
        .bind::<Array<SqlUuid>, _>(ids)
        .load(connection)
        .await?;
    rows.into_iter().map(|row| row.trade(markets)).collect()
}

#[derive(Default)]
struct Columns {
    trade_ids: Vec<Uuid>,
    symbols: Vec<String>,
    buyer_orders: Vec<Uuid>,
    seller_orders: Vec<Uuid>,
    buyers: Vec<Uuid>,
    sellers: Vec<Uuid>,
    prices: Vec<i64>,
    quantities: Vec<i64>,
    buyer_fees: Vec<i64>,
    seller_fees: Vec<i64>,
    buyer_makers: Vec<bool>,
    executed_at: Vec<DateTime<Utc>>,
    numbers: Vec<i64>,
    buyer_rests: Vec<i64>,
    seller_rests: Vec<i64>,
}

impl Columns {
    fn push(&mut self, trade: &Trade, market: &Market) {
        let Trade {
            trade_id,
            market: _,
            number,
            price,
            quantity,
            buyer,
            seller,
            maker_side,
            executed_at,
        } = *trade;
        self.trade_ids.push(Uuid::from_u128(trade_id.as_u128()));
        self.symbols.push(market.symbol().to_string());
        self.buyer_orders.push(Uuid::from_u128(buyer.order_id.as_u128()));
        self.seller_orders
            .push(Uuid::from_u128(seller.order_id.as_u128()));
        self.buyers.push(Uuid::from_u128(buyer.user_id.as_u128()));
        self.sellers.push(Uuid::from_u128(seller.user_id.as_u128()));
        self.prices.push(value::price(market, price));
        self.quantities.push(value::lots(market, quantity.lots()));
        self.buyer_fees.push(value::units(buyer.fee));
        self.seller_fees.push(value::units(seller.fee));
        self.buyer_makers.push(maker_side == Side::Buy);
        self.executed_at.push(value::time(executed_at));
        self.numbers.push(value::count(number));
        self.buyer_rests.push(value::lots(market, buyer.remaining));
        self.seller_rests.push(value::lots(market, seller.remaining));
    }
}
