//! New orders: many PENDING rows in one statement.

use chrono::{DateTime, Utc};
use diesel::pg::Pg;
use diesel::sql_types::{Array, BigInt, Bool, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl as _;
use domain::{Market, Place, Size};
use uuid::Uuid;

use super::{FeeRates, value};
use crate::postgres::{Connection, PgError, prepared};

/// An order to be stored as PENDING.
#[derive(Debug, Clone, Copy)]
pub struct NewOrder<'a> {
    /// What was asked for, with the order's id.
    pub place: &'a Place,
    /// Its market.
    pub market: &'a Market,
    /// Its fees.
    pub fees: FeeRates,
}

const INSERT: &str = "INSERT INTO orders (order_id, user_id, institution_id, symbol, side, order_type, status, quantity, \
    price, stop_price, time_in_force, client_order_id, created_at, updated_at, quote_quantity, display_quantity, \
    post_only, self_trade_prevention, protection_price, maker_fee, taker_fee, deadline, expires_at) \
    SELECT n.order_id, n.user_id, n.institution_id, n.symbol, n.side::order_side_enum, \
    n.order_type::order_type_enum, 'PENDING', n.quantity * 0.00000001, n.price * 0.00000001, \
    n.stop_price * 0.00000001, n.time_in_force::time_in_force_enum, n.client_order_id, n.created_at, n.created_at, \
    n.quote_quantity * 0.00000001, n.display_quantity * 0.00000001, n.post_only, n.self_trade_prevention, \
    n.protection_price * 0.00000001, n.maker_fee * 0.00000001, n.taker_fee * 0.00000001, n.deadline, n.expires_at \
    FROM UNNEST($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21) \
    AS n(order_id, user_id, institution_id, symbol, side, order_type, quantity, price, stop_price, time_in_force, \
    client_order_id, created_at, quote_quantity, display_quantity, post_only, self_trade_prevention, \
    protection_price, maker_fee, taker_fee, deadline, expires_at)";

/// Stores orders as PENDING, in one statement; their `created_at` is the millisecond of their ids.
///
/// # Errors
/// See [`PgError`]; an id that is taken, or that lies outside of the partitions, refuses all. Commands that are written with
/// their orders count on that: who inserts an order a second time must not write its command a second time.
pub async fn insert_pending(connection: &mut Connection, orders: &[NewOrder<'_>]) -> Result<(), PgError> {
    if orders.is_empty() {
        return Ok(());
    }
    let mut columns = Columns::default();
    for order in orders {
        columns.push(order);
    }
    let c = columns;
    prepared(
        diesel::sql_query(INSERT)
            .into_boxed::<Pg>()
            .bind::<Array<SqlUuid>, _>(c.order_ids)
            .bind::<Array<SqlUuid>, _>(c.user_ids)
            .bind::<Array<Nullable<SqlUuid>>, _>(c.institution_ids)
            .bind::<Array<Text>, _>(c.symbols)
            .bind::<Array<Text>, _>(c.sides)
            .bind::<Array<Text>, _>(c.order_types)
            .bind::<Array<BigInt>, _>(c.quantities)
            .bind::<Array<Nullable<BigInt>>, _>(c.prices)
            .bind::<Array<Nullable<BigInt>>, _>(c.stop_prices)
            .bind::<Array<Text>, _>(c.times_in_force)
            .bind::<Array<Nullable<Text>>, _>(c.client_order_ids)
            .bind::<Array<Timestamptz>, _>(c.created_at)
            .bind::<Array<Nullable<BigInt>>, _>(c.budgets)
            .bind::<Array<Nullable<BigInt>>, _>(c.displays)
            .bind::<Array<Bool>, _>(c.post_only)
            .bind::<Array<Text>, _>(c.preventions)
            .bind::<Array<Nullable<BigInt>>, _>(c.protections)
            .bind::<Array<BigInt>, _>(c.maker_fees)
            .bind::<Array<BigInt>, _>(c.taker_fees)
            .bind::<Array<Timestamptz>, _>(c.deadlines)
            .bind::<Array<Nullable<Timestamptz>>, _>(c.ends),
    )
    .execute(connection)
    .await?;
    Ok(())
}

#[derive(Default)]
struct Columns<'a> {
    order_ids: Vec<Uuid>,
    user_ids: Vec<Uuid>,
    institution_ids: Vec<Option<Uuid>>,
    symbols: Vec<String>,
    sides: Vec<&'static str>,
    order_types: Vec<&'static str>,
    quantities: Vec<i64>,
    prices: Vec<Option<i64>>,
    stop_prices: Vec<Option<i64>>,
    times_in_force: Vec<&'static str>,
    client_order_ids: Vec<Option<&'a str>>,
    created_at: Vec<DateTime<Utc>>,
    budgets: Vec<Option<i64>>,
    displays: Vec<Option<i64>>,
    post_only: Vec<bool>,
    preventions: Vec<&'static str>,
    protections: Vec<Option<i64>>,
    maker_fees: Vec<i64>,
    taker_fees: Vec<i64>,
    deadlines: Vec<DateTime<Utc>>,
    ends: Vec<Option<DateTime<Utc>>>,
}

impl<'a> Columns<'a> {
    fn push(&mut self, new: &NewOrder<'a>) {
        let NewOrder { place, market, fees } = *new;
        let Place {
            order_id,
            user_id,
            institution_id,
            market: _,
            side,
            terms,
            time_in_force,
            self_trade_prevention,
            client_order_id,
            received_at: _,
            deadline: _,
            protection_price,
        } = place;
        let priced = |price| value::price(market, price);
        let end = match time_in_force {
            domain::TimeInForce::Gtd(end) => Some(*end),
            _ => None,
        };
        let budget = match terms.size() {
            Size::Budget(budget) => Some(value::units(budget)),
            Size::Quantity(_) => None,
        };
        let display = terms.display().map(|shown| value::lots(market, shown.lots()));
        self.order_ids.push(Uuid::from_u128(order_id.as_u128()));
        self.user_ids.push(Uuid::from_u128(user_id.as_u128()));
        let institution_id = institution_id.map(|id| Uuid::from_u128(id.as_u128()));
        self.institution_ids.push(institution_id);
        self.symbols.push(market.symbol().to_string());
        self.sides.push(side.word());
        self.order_types.push(terms.order_type().word());
        self.quantities
            .push(value::lots(market, market.lots(terms.size())));
        self.prices.push(terms.price().map(priced));
        self.stop_prices.push(terms.stop_price().map(priced));
        self.times_in_force.push(time_in_force.word());
        self.client_order_ids
            .push(client_order_id.as_ref().map(|id| id.as_str()));
        self.created_at
            .push(value::time(value::id_stamp(order_id.as_u128())));
        self.budgets.push(budget);
        self.displays.push(display);
        self.post_only.push(terms.post_only());
        self.preventions.push(self_trade_prevention.word());
        let protection = protection_price.filter(|_| terms.price().is_none());
        self.protections.push(protection.map(priced));
        self.maker_fees.push(i64::from(fees.maker.0));
        self.taker_fees.push(i64::from(fees.taker.0));
        self.deadlines.push(value::time(place.deadline()));
        self.ends.push(end.map(value::time));
    }
}
