//! An order as the API must show it, worked out here once more from the replayed order.

use chrono::{DateTime, SecondsFormat};
use domain::{
    Amount, LedgerEntry, Lots, Market, Order, OrderState, Reference, Side, Size, Stamp, Terms, Trade, UserId,
};
use serde_json::{Map, Value, json};

/// All fields of the order as the API must show them.
pub fn order(order: &Order, market: &Market) -> Map<String, Value> {
    let base = |lots: Lots| market.base_amount(lots).to_string();
    let price = |price| market.price_amount(price).to_string();
    let (quantity, remaining, budget) = match order.terms.size() {
        Size::Quantity(_) => (Some(base(order.quantity)), Some(base(order.remaining())), None),
        Size::Budget(budget) => (None, None, Some(budget.to_string())),
    };
    let fee_asset = if order.side == Side::Buy {
        market.symbol().base
    } else {
        market.symbol().quote
    };
    let when = |matches: bool| order.ended_at.filter(|_| matches).map(time);
    let seen = json!({
        "order_id": order.order_id.to_string(),
        "client_order_id": order.client_order_id.as_ref().map(ToString::to_string),
        "user_id": order.user_id.to_string(),
        "institution_id": order.institution_id.map(|id| id.to_string()),
        "symbol": market.symbol().to_string(),
        "side": order.side.word(),
        "order_type": order.terms.order_type().word(),
        "status": order.state.status().word(),
        "reject_reason": order.state.reason_code(),
        "quantity": quantity,
        "quote_quantity": budget,
        "display_quantity": order.terms.display().map(|display| base(display.lots())),
        "filled_quantity": base(order.filled()),
        "remaining_quantity": remaining,
        "filled_quote_quantity": order.filled_notional.to_string(),
        "average_price": average(order.filled_notional, market.base_amount(order.filled())),
        "price": order.terms.price().map(price),
        "stop_price": order.terms.stop_price().map(price),
        "protection_price": order.protection_price.map(price),
        "time_in_force": order.time_in_force.word(),
        "expires_at": order.expires_at.map(time),
        "post_only": matches!(order.terms, Terms::Limit { post_only: true, .. }),
        "self_trade_prevention": order.self_trade_prevention.word(),
        "fee": order.fee.to_string(),
        "fee_asset": fee_asset.to_string(),
        "deadline": time(order.deadline),
        "created_at": time(order.created_at),
        "updated_at": time(order.updated_at),
        "triggered_at": order.triggered_at.map(time),
        "filled_at": when(matches!(order.state, OrderState::Filled(_))),
        "cancelled_at": when(matches!(order.state, OrderState::Cancelled(..))),
    });
    match seen {
        Value::Object(fields) => fields,
        _ => unreachable!("an object was written above"),
    }
}

/// A trade as the API shows it to a user: once for each side that is the user's.
pub fn own_trade(user_id: UserId, trade: &Trade, market: &Market) -> Vec<Value> {
    let symbol = market.symbol();
    let sides = [
        (Side::Buy, &trade.buyer, symbol.base),
        (Side::Sell, &trade.seller, symbol.quote),
    ];
    let own = sides.into_iter().filter(|(_, party, _)| party.user_id == user_id);
    own.map(|(side, party, receives)| {
        json!({
            "trade_id": trade.trade_id.to_string(),
            "symbol": symbol.to_string(),
            "order_id": party.order_id.to_string(),
            "side": side.word(),
            "role": if trade.maker_side == side { "MAKER" } else { "TAKER" },
            "price": market.price_amount(trade.price).to_string(),
            "quantity": market.base_amount(trade.quantity.lots()).to_string(),
            "quote_quantity": trade.notional(market).to_string(),
            "fee": party.fee.to_string(),
            "fee_asset": receives.to_string(),
            "executed_at": time(trade.executed_at),
        })
    })
    .collect()
}

/// A line of the ledger as the API shows it.
pub fn line(line: &LedgerEntry) -> Value {
    let signed = |units: i64| {
        let digits = domain::format_units(u128::from(units.unsigned_abs()));
        if units < 0 { format!("-{digits}") } else { digits }
    };
    let (reference_type, reference_id) = match &line.reference {
        Reference::Order(id) => ("ORDER", id.to_string()),
        Reference::Amendment(id) => ("AMENDMENT", id.to_string()),
        Reference::Trade(id) => ("TRADE", id.to_string()),
        Reference::Transfer(key) => ("TRANSFER", key.to_string()),
    };
    json!({
        "entry_id": format!("{}-{}", line.seq, line.line),
        "asset": line.asset.to_string(),
        "entry_type": line.entry_type.word(),
        "available_change": signed(line.available),
        "reserved_change": signed(line.reserved),
        "reference_type": reference_type,
        "reference_id": reference_id,
        "created_at": time(line.at),
    })
}

/// A moment as the API shows it.
pub fn time(at: Stamp) -> String {
    let micros = i64::try_from(at.micros()).unwrap();
    DateTime::from_timestamp_micros(micros)
        .unwrap()
        .to_rfc3339_opts(SecondsFormat::Micros, true)
}

fn average(notional: Amount, filled: Amount) -> Option<String> {
    let filled = u128::from(filled.0);
    (filled > 0).then(|| domain::format_units((u128::from(notional.0) * 100_000_000 + filled / 2) / filled))
}

/// Fails unless the API's order is this one, field by field, and no other field is there.
pub fn assert_same(shown: &Value, replayed: &Order, market: &Market, what: &str) {
    let expected = order(replayed, market);
    let shown = shown
        .as_object()
        .unwrap_or_else(|| panic!("{what}: no order: {shown}"));
    for (field, value) in shown {
        let wanted = expected.get(field);
        assert_eq!(
            Some(value),
            wanted,
            "{what}: {field} of order {}",
            replayed.order_id
        );
    }
    assert_eq!(
        shown.len(),
        expected.len(),
        "{what}: fields are missing in {shown:?}"
    );
}
