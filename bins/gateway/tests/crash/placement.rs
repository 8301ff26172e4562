//! Bodies of placements: every order type around the middle of two markets.

use domain::Stamp;
use serde_json::{Value, json};

use crate::dice::Dice;
use crate::seen;

/// A market as the script sees it: prices in ticks around a middle, quantities in lots.
pub struct Pair {
    pub symbol: &'static str,
    tick: u64,
    pub middle: u64,
    pub step: u64,
    lot: u64,
    pub lots: (u64, u64),
}

/// One in 1e-8.
const ONE: u64 = 100_000_000;

pub const PAIRS: [Pair; 2] = [
    Pair {
        symbol: "BTC/USDT",
        tick: ONE / 100,
        middle: 6_000_000,
        step: 50,
        lot: 100,
        lots: (1_000, 40_000),
    },
    Pair {
        symbol: "XRP/USDT",
        tick: ONE / 10_000,
        middle: 5_000,
        step: 1,
        lot: ONE / 10,
        lots: (200, 5_000),
    },
];

impl Pair {
    pub fn price(&self, ticks: u64) -> String {
        domain::format_units(u128::from(ticks * self.tick))
    }

    pub fn quantity(&self, lots: u64) -> String {
        domain::format_units(u128::from(lots * self.lot))
    }
}

/// The body of a placement: any type, time in force, and mode of self-trade prevention.
pub fn body(dice: &mut Dice) -> Value {
    let pair = if dice.chance(70) { &PAIRS[0] } else { &PAIRS[1] };
    let buys = dice.chance(50);
    let lots = dice.between(pair.lots.0, pair.lots.1);
    // Both sides overlap, so that about half of the orders trade.
    let away = dice.between(0, 16);
    let ticks = if buys {
        pair.middle + 4 * pair.step - away * pair.step
    } else {
        pair.middle - 4 * pair.step + away * pair.step
    };
    let mut body = json!({
        "symbol": pair.symbol,
        "side": if buys { "BUY" } else { "SELL" },
        "order_type": "LIMIT",
        "price": pair.price(ticks),
        "quantity": pair.quantity(lots),
    });
    let stop = if buys {
        pair.middle + away / 2 * pair.step
    } else {
        pair.middle - away / 2 * pair.step
    };
    match dice.below(20) {
        0 => set(&mut body, "time_in_force", "IOC"),
        1 => set(&mut body, "time_in_force", "FOK"),
        2 => set(&mut body, "time_in_force", "DAY"),
        3 => {
            let after = dice.between(500_000, 4_000_000);
            let end = Stamp::from_micros(runtime::Clock::System.wall_us() + after);
            set(&mut body, "time_in_force", "GTD");
            set(&mut body, "expires_at", &seen::time(end));
        }
        4 | 5 => body["post_only"] = true.into(),
        6 => set(&mut body, "display_quantity", &pair.quantity(lots / 4)),
        7 => market(&mut body, "MARKET"),
        8 => {
            market(&mut body, "MARKET");
            if buys {
                by_budget(&mut body);
            }
        }
        9 => {
            market(&mut body, "STOP");
            set(&mut body, "stop_price", &pair.price(stop));
        }
        10 => {
            set(&mut body, "order_type", "STOP_LIMIT");
            set(&mut body, "stop_price", &pair.price(stop));
        }
        _ => {}
    }
    if dice.chance(60) && body["quote_quantity"].is_null() {
        let modes = ["NONE", "EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH", "DECREMENT"];
        set(&mut body, "self_trade_prevention", dice.pick(&modes));
    }
    body
}

/// Gives a field this text.
pub fn set(body: &mut Value, field: &str, text: &str) {
    body[field] = text.into();
}

fn market(body: &mut Value, order_type: &str) {
    set(body, "order_type", order_type);
    body.as_object_mut().unwrap().remove("price");
    if order_type == "MARKET" {
        set(body, "time_in_force", "IOC");
    }
}

fn by_budget(body: &mut Value) {
    body.as_object_mut().unwrap().remove("quantity");
    set(body, "quote_quantity", "250");
}
