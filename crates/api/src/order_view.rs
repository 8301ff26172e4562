//! An order as callers see it.

use domain::{Amount, Lots, Market, Order, OrderState, Size, Terms};
use serde::Serialize;

use crate::wire::time;

/// An order as callers see it. Every field but the last is always there; what does not apply is null.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct OrderView {
    order_id: String,
    client_order_id: Option<String>,
    user_id: String,
    institution_id: Option<String>,
    symbol: String,
    side: &'static str,
    order_type: &'static str,
    status: &'static str,
    reject_reason: Option<&'static str>,
    /// Null for an order by budget.
    quantity: Option<String>,
    quote_quantity: Option<String>,
    display_quantity: Option<String>,
    filled_quantity: String,
    /// What may still trade. Null for an order by budget.
    remaining_quantity: Option<String>,
    filled_quote_quantity: String,
    average_price: Option<String>,
    price: Option<String>,
    stop_price: Option<String>,
    protection_price: Option<String>,
    time_in_force: &'static str,
    expires_at: Option<String>,
    post_only: bool,
    self_trade_prevention: &'static str,
    fee: String,
    fee_asset: String,
    deadline: String,
    created_at: String,
    updated_at: String,
    triggered_at: Option<String>,
    filled_at: Option<String>,
    cancelled_at: Option<String>,
    /// False: its money has still to be settled. Only in answers that could not wait for that.
    #[serde(skip_serializing_if = "Option::is_none")]
    settled: Option<bool>,
}

impl OrderView {
    /// The order's id.
    pub(crate) fn order_id(&self) -> &str {
        &self.order_id
    }

    /// The order in the decimals of its market.
    pub(crate) fn new(order: &Order, market: &Market) -> Self {
        // All fields by name, so that a new one must be given its place here or be passed over knowingly.
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
            maker_fee: _,
            taker_fee: _,
            deadline,
            expires_at,
            created_at,
            updated_at,
            triggered_at,
            ended_at,
        } = order;
        let base = |lots: Lots| market.base_amount(lots).to_string();
        let price = |price| market.price_amount(price).to_string();
        let (quantity, remaining, budget) = match terms.size() {
            Size::Quantity(_) => (Some(base(*quantity)), Some(base(order.remaining())), None),
            Size::Budget(budget) => (None, None, Some(budget.to_string())),
        };
        let ended_as = |matches: bool| if matches { ended_at.map(time) } else { None };
        Self {
            order_id: order_id.to_string(),
            client_order_id: client_order_id.as_ref().map(ToString::to_string),
            user_id: user_id.to_string(),
            institution_id: institution_id.map(|id| id.to_string()),
            symbol: market.symbol().to_string(),
            side: side.word(),
            order_type: terms.order_type().word(),
            status: state.status().word(),
            reject_reason: state.reason_code(),
            quantity,
            quote_quantity: budget,
            display_quantity: terms.display().map(|display| base(display.lots())),
            filled_quantity: base(order.filled()),
            remaining_quantity: remaining,
            filled_quote_quantity: filled_notional.to_string(),
            average_price: average_price(*filled_notional, market.base_amount(order.filled())),
            price: terms.price().map(price),
            stop_price: terms.stop_price().map(price),
            protection_price: protection_price.map(price),
            time_in_force: time_in_force.word(),
            expires_at: expires_at.map(time),
            post_only: matches!(terms, Terms::Limit { post_only: true, .. }),
            self_trade_prevention: self_trade_prevention.word(),
            fee: fee.to_string(),
            fee_asset: market.symbol().paid_and_received(*side).1.to_string(),
            deadline: time(*deadline),
            created_at: time(*created_at),
            updated_at: time(*updated_at),
            triggered_at: triggered_at.map(time),
            filled_at: ended_as(matches!(state, OrderState::Filled(_))),
            cancelled_at: ended_as(matches!(state, OrderState::Cancelled(..))),
            settled: None,
        }
    }

    /// The same, whose money has still to be settled.
    pub(crate) fn not_settled(self) -> Self {
        Self {
            settled: Some(false),
            ..self
        }
    }
}

/// What one whole base asset came to on average, rounded to the nearest 1e-8; none before the first fill.
fn average_price(notional: Amount, filled: Amount) -> Option<String> {
    let filled = u128::from(filled.0);
    let scaled = u128::from(notional.0) * 100_000_000 + filled / 2;
    scaled.checked_div(filled).map(domain::format_units)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_average_price_is_rounded_to_the_nearest_unit() {
        for (notional, filled, average) in [
            (0, 0, None),
            (100_000_000, 100_000_000, Some("1")),
            (100_000_000, 300_000_000, Some("0.33333333")),
            (200_000_000, 300_000_000, Some("0.66666667")),
            (i64::MAX as u64, 1, Some("9223372036854775807")),
        ] {
            assert_eq!(
                average_price(Amount(notional), Amount(filled)).as_deref(),
                average
            );
        }
    }
}
