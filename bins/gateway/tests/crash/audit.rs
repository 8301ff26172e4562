//! What the running gateway shows against the replayed log: every user's balances and orders, every book and tape.

use domain::{Order, Side, Trade};
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
        let id = id.parse().unwrap();
        // Those that ended long ago only history has.
        let order = twin.exchange.order(id).or_else(|| twin.closed.get(&id).cloned());
        let order = order.unwrap_or_else(|| panic!("LOST: order {id} is not in the log"));
        assert_eq!(answer.status, 200, "LOST: order {id}: {answer:?}");
        let market = twin.market(order.market);
        seen::assert_same(&answer.body, &order, market, "an acknowledged order");
    }
    history(shown, twin);
}

/// Holds all that history shows of one user against the log: every fill and every line once, none more, none less.
fn history(shown: &Shown, twin: &Twin) {
    let user_id = shown.user_id;
    // By their ids: of the same microsecond, those of one market before those of the next.
    let mut own = twin.own_trades.get(&user_id).cloned().unwrap_or_default();
    own.sort_unstable_by_key(|trade| std::cmp::Reverse(trade.trade_id));
    let of_user = |trade: &Trade| seen::own_trade(user_id, trade, twin.market(trade.market));
    let trades: Vec<Value> = own.iter().flat_map(of_user).collect();
    assert_same_lists(&shown.trades, &trades, &format!("trades of {user_id}"));
    let lines = twin.lines.get(&user_id).into_iter().flatten().rev();
    let lines: Vec<Value> = lines.map(seen::line).collect();
    assert_same_lists(&shown.ledger, &lines, &format!("ledger of {user_id}"));
    for (asset, balance) in twin.exchange.balances(user_id) {
        let lines = twin.lines.get(&user_id).into_iter().flatten();
        let lines = lines.filter(|line| line.asset == asset);
        let sums = lines.fold((0, 0), |sums, line| {
            (sums.0 + line.available, sums.1 + line.reserved)
        });
        let both = (
            balance.available.0.cast_signed(),
            balance.reserved.0.cast_signed(),
        );
        assert_eq!(sums, both, "the lines of {asset} of {user_id} sum to its balance");
    }
}

fn assert_same_lists(shown: &[Value], expected: &[Value], what: &str) {
    for (shown, expected) in shown.iter().zip(expected) {
        assert_eq!(shown, expected, "{what}");
    }
    assert_eq!(shown.len(), expected.len(), "LOST or DOUBLED: {what}");
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
