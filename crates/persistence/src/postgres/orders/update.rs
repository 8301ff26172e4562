//! What a shard's fold has done to orders: many rows changed in one statement.

use chrono::{DateTime, Utc};
use diesel::pg::Pg;
use diesel::sql_types::{Array, BigInt, Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl as _;
use domain::{Market, OrderState, Stamp};
use uuid::Uuid;

use super::{FoldState, MarketGrids, StoredOrder, value};
use crate::postgres::{Connection, PgError, prepared};

const UPDATE: &str = "UPDATE orders o SET status = n.status::order_status_enum, quantity = n.quantity * 0.00000001, \
    filled_quantity = n.filled_quantity * 0.00000001, price = n.price * 0.00000001, updated_at = n.updated_at, \
    filled_at = n.filled_at, cancelled_at = n.cancelled_at, \
    display_quantity = n.display_quantity * 0.00000001, protection_price = n.protection_price * 0.00000001, \
    prevented_quantity = n.prevented_quantity * 0.00000001, filled_notional = n.filled_notional * 0.00000001, \
    fee_paid = n.fee_paid * 0.00000001, maker_fee = n.maker_fee * 0.00000001, taker_fee = n.taker_fee * 0.00000001, \
    expires_at = n.expires_at, triggered_at = n.triggered_at, applied_at = n.applied_at, \
    reject_reason = n.reject_reason, rank = n.rank, turn = n.turn, \
    displayed_remaining = n.displayed_remaining * 0.00000001, reserve_left = n.reserve_left * 0.00000001, \
    release_number = n.release_number, amendment = n.amendment \
    FROM UNNEST($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, \
    $23, $24, $25) AS n(order_id, status, quantity, filled_quantity, price, updated_at, filled_at, cancelled_at, \
    display_quantity, protection_price, prevented_quantity, filled_notional, fee_paid, maker_fee, taker_fee, \
    expires_at, triggered_at, applied_at, reject_reason, rank, turn, displayed_remaining, reserve_left, \
    release_number, amendment) WHERE o.order_id = n.order_id";

/// Writes what may change of these orders, each of which must have its row. Nobody else changes several orders and waits
/// for one (sweepers skip what is locked), so no two can wait for each other.
///
/// # Errors
/// See [`PgError`]; a missing row is an error too.
pub async fn update_orders(
    mut connection: &Connection,
    orders: &[StoredOrder],
    markets: &MarketGrids,
) -> Result<(), PgError> {
    if orders.is_empty() {
        return Ok(());
    }
    let mut c = Columns::default();
    for order in orders {
        let market = markets.to_write("orders", order.order.market)?;
        c.push(order, market);
    }
    let changed = prepared(
        diesel::sql_query(UPDATE)
            .into_boxed::<Pg>()
            .bind::<Array<SqlUuid>, _>(c.order_ids)
            .bind::<Array<Text>, _>(c.statuses)
            .bind::<Array<BigInt>, _>(c.quantities)
            .bind::<Array<BigInt>, _>(c.filled)
            .bind::<Array<Nullable<BigInt>>, _>(c.prices)
            .bind::<Array<Timestamptz>, _>(c.updated_at)
            .bind::<Array<Nullable<Timestamptz>>, _>(c.filled_at)
            .bind::<Array<Nullable<Timestamptz>>, _>(c.cancelled_at)
            .bind::<Array<Nullable<BigInt>>, _>(c.displays)
            .bind::<Array<Nullable<BigInt>>, _>(c.protections)
            .bind::<Array<BigInt>, _>(c.prevented)
            .bind::<Array<BigInt>, _>(c.notionals)
            .bind::<Array<BigInt>, _>(c.fees)
            .bind::<Array<BigInt>, _>(c.maker_fees)
            .bind::<Array<BigInt>, _>(c.taker_fees)
            .bind::<Array<Nullable<Timestamptz>>, _>(c.ends)
            .bind::<Array<Nullable<Timestamptz>>, _>(c.triggered_at)
            .bind::<Array<Nullable<Timestamptz>>, _>(c.applied_at)
            .bind::<Array<Nullable<Text>>, _>(c.reasons)
            .bind::<Array<Nullable<BigInt>>, _>(c.ranks)
            .bind::<Array<Nullable<BigInt>>, _>(c.turns)
            .bind::<Array<Nullable<BigInt>>, _>(c.shown)
            .bind::<Array<BigInt>, _>(c.reserve_left)
            .bind::<Array<Integer>, _>(c.releases)
            .bind::<Array<Nullable<SqlUuid>>, _>(c.amendments),
    )
    .execute(&mut connection)
    .await?;
    if changed == orders.len() {
        Ok(())
    } else {
        let missing = orders.len() - changed;
        Err(PgError::bad_row(
            "orders",
            format!("{missing} of a batch are missing"),
        ))
    }
}

#[derive(Default)]
struct Columns {
    order_ids: Vec<Uuid>,
    statuses: Vec<&'static str>,
    quantities: Vec<i64>,
    filled: Vec<i64>,
    prices: Vec<Option<i64>>,
    updated_at: Vec<DateTime<Utc>>,
    filled_at: Vec<Option<DateTime<Utc>>>,
    cancelled_at: Vec<Option<DateTime<Utc>>>,
    displays: Vec<Option<i64>>,
    protections: Vec<Option<i64>>,
    prevented: Vec<i64>,
    notionals: Vec<i64>,
    fees: Vec<i64>,
    maker_fees: Vec<i64>,
    taker_fees: Vec<i64>,
    ends: Vec<Option<DateTime<Utc>>>,
    triggered_at: Vec<Option<DateTime<Utc>>>,
    applied_at: Vec<Option<DateTime<Utc>>>,
    reasons: Vec<Option<&'static str>>,
    ranks: Vec<Option<i64>>,
    turns: Vec<Option<i64>>,
    shown: Vec<Option<i64>>,
    reserve_left: Vec<i64>,
    releases: Vec<i32>,
    amendments: Vec<Option<Uuid>>,
}

impl Columns {
    fn push(&mut self, stored: &StoredOrder, market: &Market) {
        let order = &stored.order;
        let progress = order.state.progress();
        let (filled_at, cancelled_at) = match order.state {
            OrderState::Filled(_) => (order.ended_at, None),
            _ => (None, order.ended_at),
        };
        let applied_at = Some(order.created_at).filter(|_| order.state != OrderState::Pending);
        let maybe_time = |at: Option<Stamp>| at.map(value::time);
        let priced = |price| value::price(market, price);
        self.order_ids.push(Uuid::from_u128(order.order_id.as_u128()));
        self.statuses.push(order.state.status().word());
        self.quantities.push(value::lots(market, order.quantity));
        self.filled.push(value::lots(market, progress.filled));
        self.prices.push(order.terms.price().map(priced));
        self.updated_at.push(value::time(order.updated_at));
        self.filled_at.push(maybe_time(filled_at));
        self.cancelled_at.push(maybe_time(cancelled_at));
        let display = order.display().map(|shown| value::lots(market, shown.lots()));
        self.displays.push(display);
        self.protections.push(order.protection_price.map(priced));
        self.prevented.push(value::lots(market, progress.prevented));
        self.notionals.push(value::units(order.filled_notional));
        self.fees.push(value::units(order.fee));
        self.maker_fees.push(i64::from(order.maker_fee.0));
        self.taker_fees.push(i64::from(order.taker_fee.0));
        self.ends.push(maybe_time(order.expires_at));
        self.triggered_at.push(maybe_time(order.triggered_at));
        self.applied_at.push(maybe_time(applied_at));
        self.reasons.push(order.state.reason_code());
        self.push_fold(stored.fold, market);
    }

    fn push_fold(&mut self, fold: FoldState, market: &Market) {
        let FoldState {
            rank,
            turn,
            shown,
            reserve_left,
            releases,
            amendment,
        } = fold;
        self.ranks.push(rank.map(value::count));
        self.turns.push(turn.map(value::count));
        self.shown.push(shown.map(|lots| value::lots(market, lots)));
        self.reserve_left.push(value::units(reserve_left));
        self.releases.push(releases.cast_signed());
        self.amendments
            .push(amendment.map(|id| Uuid::from_u128(id.as_u128())));
    }
}
