//! The rows of orders.

use std::borrow::Cow;

use domain::{
    Amount, CancelReason, ExpireReason, FeeRate, InstitutionId, Lots, MarketNumber, Order, OrderId,
    OrderState, OrderType, Progress, RejectReason, Size, Status, Terms, TimeInForce, UserId,
};

use super::HistoryError;
use super::codes::Code;
use super::columns::row;
use super::value::{lots, micros, ticks};

row! {
    /// An order.
    OrderRow<'a> in "orders" {
        order_id: id,
        user_id: id,
        institution_id: opt_id,
        market: int,
        side: int,
        order_type: int,
        price: opt_int,
        stop_price: opt_int,
        size: opt_int,
        quote_quantity: opt_int,
        display_quantity: opt_int,
        post_only: flag,
        time_in_force: int,
        good_till: opt_int,
        self_trade_prevention: int,
        client_order_id: opt_text,
        quantity: int,
        protection_price: opt_int,
        status: int,
        reason: opt_text,
        remaining: int,
        filled: int,
        prevented: int,
        filled_notional: int,
        fee: int,
        maker_fee: int,
        taker_fee: int,
        deadline: int,
        expires_at: opt_int,
        created_at: int,
        updated_at: int,
        triggered_at: opt_int,
        ended_at: opt_int,
    }
}

impl<'a> From<&'a Order> for OrderRow<'a> {
    fn from(order: &'a Order) -> Self {
        let Order {
            order_id,
            user_id,
            institution_id,
            market,
            side,
            terms,
            time_in_force,
            self_trade_prevention,
            client_order_id,
            quantity,
            protection_price,
            state,
            filled_notional,
            fee,
            maker_fee,
            taker_fee,
            deadline,
            expires_at,
            created_at,
            updated_at,
            triggered_at,
            ended_at,
        } = order;
        let terms = TermsColumns::from(*terms);
        let (time_code, good_till) = time_columns(*time_in_force);
        let Progress {
            remaining,
            filled,
            prevented,
        } = state.progress();
        Self {
            order_id: order_id.as_u128().into(),
            user_id: user_id.as_u128().into(),
            institution_id: institution_id.map(|id| id.as_u128().into()),
            market: i64::from(market.0),
            side: side.code(),
            order_type: terms.order_type.code(),
            price: terms.price,
            stop_price: terms.stop_price,
            size: terms.size,
            quote_quantity: terms.quote_quantity,
            display_quantity: terms.display_quantity,
            post_only: terms.post_only,
            time_in_force: time_code,
            good_till,
            self_trade_prevention: self_trade_prevention.code(),
            client_order_id: client_order_id.as_ref().map(|id| Cow::Borrowed(id.as_str())),
            quantity: quantity.0.cast_signed(),
            protection_price: protection_price.map(ticks),
            status: state.status().code(),
            reason: state.reason_code().map(Cow::Borrowed),
            remaining: remaining.0.cast_signed(),
            filled: filled.0.cast_signed(),
            prevented: prevented.0.cast_signed(),
            filled_notional: filled_notional.0.cast_signed(),
            fee: fee.0.cast_signed(),
            maker_fee: i64::from(maker_fee.0),
            taker_fee: i64::from(taker_fee.0),
            deadline: micros(*deadline),
            expires_at: expires_at.map(micros),
            created_at: micros(*created_at),
            updated_at: micros(*updated_at),
            triggered_at: triggered_at.map(micros),
            ended_at: ended_at.map(micros),
        }
    }
}

/// The number of a time in force, and the end that it names.
const fn time_columns(time_in_force: TimeInForce) -> (i64, Option<i64>) {
    match time_in_force {
        TimeInForce::Gtc => (0, None),
        TimeInForce::Ioc => (1, None),
        TimeInForce::Fok => (2, None),
        TimeInForce::Day => (3, None),
        TimeInForce::Gtd(at) => (4, Some(micros(at))),
    }
}

/// The columns of an order's terms.
struct TermsColumns {
    order_type: OrderType,
    price: Option<i64>,
    stop_price: Option<i64>,
    size: Option<i64>,
    quote_quantity: Option<i64>,
    display_quantity: Option<i64>,
    post_only: bool,
}

impl From<Terms> for TermsColumns {
    fn from(terms: Terms) -> Self {
        // What a type of order has; the accessors give none for the others.
        match terms {
            Terms::Limit {
                price: _,
                quantity: _,
                display: _,
                post_only: _,
            }
            | Terms::Market { size: _ }
            | Terms::Stop {
                stop_price: _,
                size: _,
            }
            | Terms::StopLimit {
                stop_price: _,
                price: _,
                quantity: _,
                display: _,
            } => {}
        }
        let (size, quote_quantity) = match terms.size() {
            Size::Quantity(quantity) => (Some(lots(quantity)), None),
            Size::Budget(budget) => (None, Some(budget.0.cast_signed())),
        };
        Self {
            order_type: terms.order_type(),
            price: terms.price().map(ticks),
            stop_price: terms.stop_price().map(ticks),
            size,
            quote_quantity,
            display_quantity: terms.display().map(lots),
            post_only: terms.post_only(),
        }
    }
}

impl OrderRow<'_> {
    fn terms(&self) -> Result<Terms, HistoryError> {
        let table = Self::TABLE;
        let price = || table.price("price", table.some("price", self.price)?);
        let stop_price = || table.price("stop_price", table.some("stop_price", self.stop_price)?);
        let quantity = || table.quantity("size", table.some("size", self.size)?);
        let size = || match self.quote_quantity {
            Some(budget) => Ok(Size::Budget(Amount(budget.cast_unsigned()))),
            None => quantity().map(Size::Quantity),
        };
        let display = || {
            let display = self.display_quantity;
            display
                .map(|lots| table.quantity("display_quantity", lots))
                .transpose()
        };
        Ok(match table.code("order_type", self.order_type)? {
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

    fn time_in_force(&self) -> Result<TimeInForce, HistoryError> {
        Ok(match (self.time_in_force, self.good_till) {
            (0, _) => TimeInForce::Gtc,
            (1, _) => TimeInForce::Ioc,
            (2, _) => TimeInForce::Fok,
            (3, _) => TimeInForce::Day,
            (4, Some(at)) => TimeInForce::Gtd(Self::TABLE.stamp("good_till", at)?),
            _ => return Err(Self::TABLE.malformed("time_in_force")),
        })
    }

    fn state(&self) -> Result<OrderState, HistoryError> {
        let table = Self::TABLE;
        let reason = self.reason.as_deref().unwrap_or_default();
        let progress = Progress {
            remaining: Lots(self.remaining.cast_unsigned()),
            filled: Lots(self.filled.cast_unsigned()),
            prevented: Lots(self.prevented.cast_unsigned()),
        };
        let status = table.code("status", self.status)?;
        Ok(match status {
            Status::Pending => OrderState::Pending,
            Status::Open | Status::PartiallyFilled => OrderState::Open(progress),
            Status::Filled => OrderState::Filled(progress),
            Status::Cancelled => {
                let reason = table.word("reason", reason, CancelReason::ALL, CancelReason::code)?;
                OrderState::Cancelled(progress, reason)
            }
            Status::Expired => {
                let reason = table.word("reason", reason, ExpireReason::ALL, ExpireReason::code)?;
                OrderState::Expired(progress, reason)
            }
            Status::Rejected => {
                let reason = table.word("reason", reason, RejectReason::ALL, RejectReason::code)?;
                OrderState::Rejected(reason)
            }
        })
    }
}

impl TryFrom<OrderRow<'_>> for Order {
    type Error = HistoryError;

    fn try_from(row: OrderRow<'_>) -> Result<Self, HistoryError> {
        let table = OrderRow::TABLE;
        let stamp = |column, at: Option<i64>| at.map(|at| table.stamp(column, at)).transpose();
        let name = row.client_order_id.as_deref().map(str::parse).transpose();
        let protection = row.protection_price;
        Ok(Self {
            order_id: OrderId::from_u128(row.order_id.into()),
            user_id: UserId::from_u128(row.user_id.into()),
            institution_id: row.institution_id.map(|id| InstitutionId::from_u128(id.into())),
            market: MarketNumber(table.small("market", row.market)?),
            side: table.code("side", row.side)?,
            terms: row.terms()?,
            time_in_force: row.time_in_force()?,
            self_trade_prevention: table.code("self_trade_prevention", row.self_trade_prevention)?,
            client_order_id: name.map_err(|_| table.malformed("client_order_id"))?,
            quantity: Lots(row.quantity.cast_unsigned()),
            protection_price: protection
                .map(|ticks| table.price("protection_price", ticks))
                .transpose()?,
            state: row.state()?,
            filled_notional: Amount(row.filled_notional.cast_unsigned()),
            fee: Amount(row.fee.cast_unsigned()),
            maker_fee: FeeRate(table.small("maker_fee", row.maker_fee)?),
            taker_fee: FeeRate(table.small("taker_fee", row.taker_fee)?),
            deadline: table.stamp("deadline", row.deadline)?,
            expires_at: stamp("expires_at", row.expires_at)?,
            created_at: table.stamp("created_at", row.created_at)?,
            updated_at: table.stamp("updated_at", row.updated_at)?,
            triggered_at: stamp("triggered_at", row.triggered_at)?,
            ended_at: stamp("ended_at", row.ended_at)?,
        })
    }
}
