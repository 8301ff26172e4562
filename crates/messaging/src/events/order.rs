//! An order as its messages tell it: whole where its status may be a new one, in a few words where it only moved.

use domain::{
    FeeRate, Lots, Market, Order, OrderId, OrderState, Price, Side, Size, Stamp, Status, UserId, format_units,
};
use serde::Serialize;

use super::Place;
use crate::envelope::rfc_3339;

/// The first two words of the key of an order in this status.
pub(super) const fn word(status: Status) -> &'static str {
    match status {
        Status::Pending => "order.pending",
        Status::Open => "order.open",
        Status::PartiallyFilled => "order.partially_filled",
        Status::Filled => "order.filled",
        Status::Cancelled => "order.cancelled",
        Status::Rejected => "order.rejected",
        Status::Expired => "order.expired",
    }
}

/// Named as the columns of `orders`. Numbers are decimal strings; what does not apply is null.
#[derive(Debug, Serialize)]
pub(super) struct OrderBody {
    event: &'static str,
    #[serde(flatten)]
    place: Place,
    /// When the event happened.
    at: String,
    order_id: String,
    client_order_id: Option<String>,
    user_id: String,
    institution_id: Option<String>,
    side: &'static str,
    order_type: &'static str,
    status: &'static str,
    /// Why it ended, where it did not fill.
    reject_reason: Option<&'static str>,
    /// For an order by budget: what the budget buys at one tick, at most the market's largest quantity.
    quantity: String,
    quote_quantity: Option<String>,
    display_quantity: Option<String>,
    filled_quantity: String,
    prevented_quantity: String,
    filled_notional: String,
    price: Option<String>,
    stop_price: Option<String>,
    protection_price: Option<String>,
    time_in_force: &'static str,
    expires_at: Option<String>,
    post_only: bool,
    self_trade_prevention: &'static str,
    maker_fee: String,
    taker_fee: String,
    fee_paid: String,
    fee_asset: String,
    deadline: String,
    created_at: String,
    updated_at: String,
    triggered_at: Option<String>,
    filled_at: Option<String>,
    /// When it ended in any other way: cancelled, expired, rejected.
    cancelled_at: Option<String>,
}

impl OrderBody {
    pub(super) fn new(event: &'static str, place: Place, at: Stamp, order: &Order, market: &Market) -> Self {
        let Order {
            order_id,
            user_id,
            institution_id,
            market: _,
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
        let base = |lots: Lots| market.base_amount(lots).to_string();
        let price = |price: Price| market.price_amount(price).to_string();
        let rate = |FeeRate(units): FeeRate| format_units(u128::from(units));
        let is_filled = matches!(state, OrderState::Filled(_));
        let ended = |as_filled: bool| ended_at.filter(|_| is_filled == as_filled).map(rfc_3339);
        let progress = state.progress();
        Self {
            event,
            place,
            at: rfc_3339(at),
            order_id: order_id.to_string(),
            client_order_id: client_order_id.as_ref().map(ToString::to_string),
            user_id: user_id.to_string(),
            institution_id: institution_id.map(|id| id.to_string()),
            side: side.word(),
            order_type: terms.order_type().word(),
            status: state.status().word(),
            reject_reason: state.reason_code(),
            quantity: base(*quantity),
            quote_quantity: budget(terms.size()),
            display_quantity: terms.display().map(|display| base(display.lots())),
            filled_quantity: base(progress.filled),
            prevented_quantity: base(progress.prevented),
            filled_notional: filled_notional.to_string(),
            price: terms.price().map(price),
            stop_price: terms.stop_price().map(price),
            protection_price: protection_price.map(price),
            time_in_force: time_in_force.word(),
            expires_at: expires_at.map(rfc_3339),
            post_only: terms.post_only(),
            self_trade_prevention: self_trade_prevention.word(),
            maker_fee: rate(*maker_fee),
            taker_fee: rate(*taker_fee),
            fee_paid: fee.to_string(),
            fee_asset: fee_asset(*side, market),
            deadline: rfc_3339(*deadline),
            created_at: rfc_3339(*created_at),
            updated_at: rfc_3339(*updated_at),
            triggered_at: triggered_at.map(rfc_3339),
            filled_at: ended(true),
            cancelled_at: ended(false),
        }
    }
}

/// What an order of this side receives, and pays its fee in.
fn fee_asset(side: Side, market: &Market) -> String {
    match side {
        Side::Buy => market.symbol().base.to_string(),
        Side::Sell => market.symbol().quote.to_string(),
    }
}

fn budget(size: Size) -> Option<String> {
    match size {
        Size::Budget(budget) => Some(budget.to_string()),
        Size::Quantity(_) => None,
    }
}

/// A stop was triggered.
#[derive(Debug, Serialize)]
pub(super) struct TriggeredBody {
    event: &'static str,
    #[serde(flatten)]
    place: Place,
    at: String,
    order_id: String,
    user_id: String,
    last_price: String,
}

impl TriggeredBody {
    pub(super) fn new(
        place: Place,
        at: Stamp,
        (order_id, user_id): (OrderId, UserId),
        last_price: Price,
        market: &Market,
    ) -> Self {
        Self {
            event: "order.triggered",
            place,
            at: rfc_3339(at),
            order_id: order_id.to_string(),
            user_id: user_id.to_string(),
            last_price: market.price_amount(last_price).to_string(),
        }
    }
}

/// Self-trade prevention took a part of an order away.
#[derive(Debug, Serialize)]
pub(super) struct PreventedBody {
    event: &'static str,
    #[serde(flatten)]
    place: Place,
    at: String,
    order_id: String,
    user_id: String,
    /// How much it lost.
    quantity: String,
    remaining_quantity: String,
}

impl PreventedBody {
    pub(super) fn new(
        place: Place,
        at: Stamp,
        (order_id, user_id): (OrderId, UserId),
        (quantity, remaining): (Lots, Lots),
        market: &Market,
    ) -> Self {
        Self {
            event: "order.prevented",
            place,
            at: rfc_3339(at),
            order_id: order_id.to_string(),
            user_id: user_id.to_string(),
            quantity: market.base_amount(quantity).to_string(),
            remaining_quantity: market.base_amount(remaining).to_string(),
        }
    }
}
