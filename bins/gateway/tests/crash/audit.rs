//! What the running gateway shows against the replayed log: every user's balances and orders, every book and tape.

use domain::{Order, Side};
use serde_json::{Value, json};

use crate::client::Shown;
use crate::seen;
use crate::twin::Twin;

/// Holds what the API shows of one user against the log.
pub fn user(shown: &Shown, twin: &Twin) {
    let balances: Vec<_> = twin
        .exchange
        .balances(shown.user_id)
        .into_iter()
        .map(|(asset, balance)| {
            json!({
                "asset": asset.as_str(),
                "available_balance": balance.available.to_string(),
                "reserved_balance": balance.reserved.to_string(),
                "version": balance.version,
            })
        })
        .collect();
    assert_eq!(
        shown.balances,
        json!({ "balances": balances }),
        "balances of {}",
        shown.user_id
    );
    let live: Vec<&Order> = twin.exchange.live_orders_of(shown.user_id).collect();
    let open = shown.open["orders"].as_array().unwrap();
    assert_eq!(open.len(), live.len(), "open orders of {}", shown.user_id);
    for order in live {
        let id = order.order_id.to_string();
        let found = open.iter().find(|open| open["order_id"] == id);
        let found = found.unwrap_or_else(|| panic!("LOST: the open order {id} is not shown"));
        seen::assert_same(found, order, twin.market(order.market), "an open order");
    }
    for (id, answer) in &shown.orders {
        // Orders that ended very long ago are forgotten, by the replay too.
        match twin.exchange.order(id.parse().unwrap()) {
            Some(order) => {
                assert_eq!(answer.status, 200, "LOST: order {id}: {answer:?}");
                seen::assert_same(
                    &answer.body,
                    &order,
                    twin.market(order.market),
                    "an acknowledged order",
                );
            }
            None => {
                assert_eq!(answer.status, 404, "order {id}: {answer:?}");
                assert!(
                    twin.closed.contains_key(&id.parse().unwrap()),
                    "LOST: order {id} is not in the log"
                );
            }
        }
    }
}

/// Holds what the API shows of a market against the log.
pub fn market(symbol: &str, depth: &Value, trades: &Value, twin: &Twin) {
    let market = twin
        .exchange
        .engine()
        .markets()
        .find(|(market, _)| market.symbol().dashed() == symbol);
    let market = market.unwrap().0;
    let (seq, bids, asks) = twin.exchange.engine().depth(market.number(), 1_000).unwrap();
    assert_eq!(depth["last_seq"], seq, "events of {symbol}");
    for (side, levels) in [("bids", bids), ("asks", asks)] {
        let rows = levels.iter().map(|level| {
            json!([
                market.price_amount(level.price).to_string(),
                market.base_amount(level.quantity).to_string()
            ])
        });
        let rows: Vec<Value> = rows.collect();
        assert_eq!(depth[side], json!(rows), "{side} of {symbol}");
    }
    let tape = twin.exchange.trades(market.number()).map(|trade| {
        json!({
            "trade_id": trade.trade_id.to_string(),
            "symbol": market.symbol().to_string(),
            "price": market.price_amount(trade.price).to_string(),
            "quantity": market.base_amount(trade.quantity.lots()).to_string(),
            "quote_quantity": trade.notional(market).to_string(),
            "is_buyer_maker": trade.maker_side == Side::Buy,
            "executed_at": seen::time(trade.executed_at),
        })
    });
    assert_eq!(
        trades["trades"],
        json!(tape.collect::<Vec<_>>()),
        "trades of {symbol}"
    );
}
