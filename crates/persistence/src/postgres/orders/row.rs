//! A row of `orders` as it is read.

use chrono::{DateTime, Utc};
use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Bool, Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use domain::{
    CancelReason, ExpireReason, InstitutionId, Lots, Order, OrderId, OrderState, OrderType, Progress,
    RejectReason, RequestId, SelfTradePrevention, Side, Size, Status, Terms, TimeInForce, UserId,
};
use uuid::Uuid;

use super::value::Reader;
use super::{FoldState, MarketGrids, StoredOrder};
use crate::postgres::PgError;

/// The columns that [`OrderRow`] reads, of a table called `o`.
pub(crate) const COLUMNS: &str = "o.order_id, o.user_id, o.institution_id, o.symbol, o.side::text AS side, \
    o.order_type::text AS order_type, o.status::text AS status, (o.quantity * 100000000)::bigint AS quantity, \
    (o.filled_quantity * 100000000)::bigint AS filled_quantity, (o.price * 100000000)::bigint AS price, \
    (o.stop_price * 100000000)::bigint AS stop_price, o.time_in_force::text AS time_in_force, o.client_order_id, \
    o.created_at, o.updated_at, o.filled_at, o.cancelled_at, \
    (o.quote_quantity * 100000000)::bigint AS quote_quantity, \
    (o.display_quantity * 100000000)::bigint AS display_quantity, o.post_only, o.self_trade_prevention, \
    (o.protection_price * 100000000)::bigint AS protection_price, \
    (o.prevented_quantity * 100000000)::bigint AS prevented_quantity, \
    (o.filled_notional * 100000000)::bigint AS filled_notional, (o.fee_paid * 100000000)::bigint AS fee_paid, \
    (o.maker_fee * 100000000)::bigint AS maker_fee, (o.taker_fee * 100000000)::bigint AS taker_fee, o.deadline, \
    o.expires_at, o.triggered_at, o.applied_at, o.reject_reason, o.rank, o.turn, \
    (o.displayed_remaining * 100000000)::bigint AS displayed_remaining, \
    (o.reserve_left * 100000000)::bigint AS reserve_left, o.release_number, o.amendment, \
    (o.reserved * 100000000)::bigint AS reserved";

/// A row; numbers are units of 1e-8.
#[derive(Debug, QueryableByName)]
pub(crate) struct OrderRow {
    #[diesel(sql_type = SqlUuid)]
    order_id: Uuid,
    #[diesel(sql_type = SqlUuid)]
    user_id: Uuid,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    institution_id: Option<Uuid>,
    #[diesel(sql_type = Text)]
    symbol: String,
    #[diesel(sql_type = Text)]
    side: String,
    #[diesel(sql_type = Text)]
    order_type: String,
    #[diesel(sql_type = Text)]
    status: String,
    #[diesel(sql_type = BigInt)]
    quantity: i64,
    #[diesel(sql_type = BigInt)]
    filled_quantity: i64,
    #[diesel(sql_type = Nullable<BigInt>)]
    price: Option<i64>,
    #[diesel(sql_type = Nullable<BigInt>)]
    stop_price: Option<i64>,
    #[diesel(sql_type = Text)]
    time_in_force: String,
    #[diesel(sql_type = Nullable<Text>)]
    client_order_id: Option<String>,
    #[diesel(sql_type = Timestamptz)]
    created_at: DateTime<Utc>,
    #[diesel(sql_type = Timestamptz)]
    updated_at: DateTime<Utc>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    filled_at: Option<DateTime<Utc>>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    cancelled_at: Option<DateTime<Utc>>,
    #[diesel(sql_type = Nullable<BigInt>)]
    quote_quantity: Option<i64>,
    #[diesel(sql_type = Nullable<BigInt>)]
    display_quantity: Option<i64>,
    #[diesel(sql_type = Bool)]
    post_only: bool,
    #[diesel(sql_type = Text)]
    self_trade_prevention: String,
    #[diesel(sql_type = Nullable<BigInt>)]
    protection_price: Option<i64>,
    #[diesel(sql_type = BigInt)]
    prevented_quantity: i64,
    #[diesel(sql_type = BigInt)]
    filled_notional: i64,
    #[diesel(sql_type = BigInt)]
    fee_paid: i64,
    #[diesel(sql_type = BigInt)]
    maker_fee: i64,
    #[diesel(sql_type = BigInt)]
    taker_fee: i64,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    deadline: Option<DateTime<Utc>>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    expires_at: Option<DateTime<Utc>>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    triggered_at: Option<DateTime<Utc>>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    applied_at: Option<DateTime<Utc>>,
    #[diesel(sql_type = Nullable<Text>)]
    reject_reason: Option<String>,
    #[diesel(sql_type = Nullable<BigInt>)]
    rank: Option<i64>,
    #[diesel(sql_type = Nullable<BigInt>)]
    turn: Option<i64>,
    #[diesel(sql_type = Nullable<BigInt>)]
    displayed_remaining: Option<i64>,
    #[diesel(sql_type = BigInt)]
    reserve_left: i64,
    #[diesel(sql_type = Integer)]
    release_number: i32,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    amendment: Option<Uuid>,
    #[diesel(sql_type = Nullable<BigInt>)]
    reserved: Option<i64>,
}

impl OrderRow {
    /// What the row says.
    ///
    /// # Errors
    /// It makes no sense, or its market is not among these.
    pub(crate) fn stored(self, markets: &MarketGrids) -> Result<StoredOrder, PgError> {
        let market = markets.of("orders", &self.symbol)?;
        let read = Reader {
            table: "orders",
            id: self.order_id,
            market,
        };
        let fold = self.fold(&read)?;
        let reserved = read.maybe("reserved", self.reserved, Reader::amount)?;
        let applied = read.maybe("applied_at", self.applied_at, Reader::stamp)?;
        let created = read.stamp("created_at", self.created_at)?;
        let ended = self.filled_at.or(self.cancelled_at);
        let deadline = read.some("deadline", self.deadline)?;
        let name = self.client_order_id.as_deref().map(str::parse).transpose();
        let order = Order {
            order_id: OrderId::from_u128(self.order_id.as_u128()),
            user_id: UserId::from_u128(self.user_id.as_u128()),
            institution_id: self
                .institution_id
                .map(|id| InstitutionId::from_u128(id.as_u128())),
            market: market.number(),
            side: read.word("side", &self.side, Side::ALL, Side::word)?,
            terms: self.terms(&read)?,
            time_in_force: self.time_in_force(&read)?,
            self_trade_prevention: read.word(
                "self_trade_prevention",
                &self.self_trade_prevention,
                SelfTradePrevention::ALL,
                SelfTradePrevention::word,
            )?,
            client_order_id: name.map_err(|_| read.bad("client_order_id"))?,
            quantity: read.lots("quantity", self.quantity)?,
            protection_price: read.maybe("protection_price", self.protection_price, Reader::price)?,
            state: self.state(&read)?,
            filled_notional: read.amount("filled_notional", self.filled_notional)?,
            fee: read.amount("fee_paid", self.fee_paid)?,
            maker_fee: read.fee("maker_fee", self.maker_fee)?,
            taker_fee: read.fee("taker_fee", self.taker_fee)?,
            deadline: read.stamp("deadline", deadline)?,
            expires_at: read.maybe("expires_at", self.expires_at, Reader::stamp)?,
            created_at: applied.unwrap_or(created),
            updated_at: read.stamp("updated_at", self.updated_at)?,
            triggered_at: read.maybe("triggered_at", self.triggered_at, Reader::stamp)?,
            ended_at: read.maybe("filled_at", ended, Reader::stamp)?,
        };
        Ok(StoredOrder {
            order,
            fold,
            reserved,
        })
    }

    fn fold(&self, read: &Reader<'_>) -> Result<FoldState, PgError> {
        Ok(FoldState {
            rank: read.maybe("rank", self.rank, Reader::count)?,
            turn: read.maybe("turn", self.turn, Reader::count)?,
            shown: read.maybe("displayed_remaining", self.displayed_remaining, Reader::lots)?,
            reserve_left: read.amount("reserve_left", self.reserve_left)?,
            releases: read.some("release_number", u32::try_from(self.release_number).ok())?,
            amendment: self.amendment.map(|id| RequestId::from_u128(id.as_u128())),
        })
    }

    fn terms(&self, read: &Reader<'_>) -> Result<Terms, PgError> {
        let price = || read.price("price", read.some("price", self.price)?);
        let stop_price = || read.price("stop_price", read.some("stop_price", self.stop_price)?);
        let quantity = || read.quantity("quantity", self.quantity);
        let display = || read.maybe("display_quantity", self.display_quantity, Reader::quantity);
        let size = || match self.quote_quantity {
            Some(budget) => read.amount("quote_quantity", budget).map(Size::Budget),
            None => quantity().map(Size::Quantity),
        };
        let order_type = read.word("order_type", &self.order_type, OrderType::ALL, OrderType::word)?;
        Ok(match order_type {
            OrderType::Limit => Terms::Limit {
                price: price()?,
                quantity: quantity()?,
                display: display()?,
                post_only: self.post_only,
            },
            OrderType::Market => Terms::Market { size: size()? },
            OrderType::Stop => Terms::Stop {
                stop_price: stop_price()?,
                size: size()?,
            },
            OrderType::StopLimit => Terms::StopLimit {
                stop_price: stop_price()?,
                price: price()?,
                quantity: quantity()?,
                display: display()?,
            },
        })
    }

    fn time_in_force(&self, read: &Reader<'_>) -> Result<TimeInForce, PgError> {
        Ok(match (self.time_in_force.as_str(), self.expires_at) {
            ("GTC", _) => TimeInForce::Gtc,
            ("IOC", _) => TimeInForce::Ioc,
            ("FOK", _) => TimeInForce::Fok,
            ("DAY", _) => TimeInForce::Day,
            ("GTD", Some(end)) => TimeInForce::Gtd(read.stamp("expires_at", end)?),
            _ => return Err(read.bad("time_in_force")),
        })
    }

    fn state(&self, read: &Reader<'_>) -> Result<OrderState, PgError> {
        let reason = self.reject_reason.as_deref().unwrap_or_default();
        let progress = self.progress(read)?;
        let status = read.word("status", &self.status, Status::ALL, Status::word)?;
        Ok(match status {
            Status::Pending => OrderState::Pending,
            Status::Open | Status::PartiallyFilled => OrderState::Open(progress),
            Status::Filled => OrderState::Filled(progress),
            Status::Cancelled => {
                let reason = read.word("reject_reason", reason, CancelReason::ALL, CancelReason::code)?;
                OrderState::Cancelled(progress, reason)
            }
            Status::Expired => {
                let reason = read.word("reject_reason", reason, ExpireReason::ALL, ExpireReason::code)?;
                OrderState::Expired(progress, reason)
            }
            Status::Rejected => {
                let reason = read.word("reject_reason", reason, RejectReason::ALL, RejectReason::code)?;
                OrderState::Rejected(reason)
            }
        })
    }

    /// How far it has come: an order without a rank never came to life, so nothing of it ever remained to trade.
    fn progress(&self, read: &Reader<'_>) -> Result<Progress, PgError> {
        let filled = read.lots("filled_quantity", self.filled_quantity)?;
        let prevented = read.lots("prevented_quantity", self.prevented_quantity)?;
        let quantity = read.lots("quantity", self.quantity)?;
        let rest = quantity
            .checked_sub(filled)
            .and_then(|rest| rest.checked_sub(prevented));
        let remaining = match self.rank {
            Some(_) => read.some("filled_quantity", rest)?,
            None => Lots::ZERO,
        };
        Ok(Progress {
            remaining,
            filled,
            prevented,
        })
    }
}
