//! What clients ask for: every type of order around the middle of three markets, cancels, amendments, mass cancels.

use serde_json::{Value, json};

use super::decimal::{self, ONE};
use super::dice::Dice;
use super::wall;

/// The most live orders that are remembered; more are forgotten, not cancelled.
const REMEMBERED: usize = 5_000;

/// A market: prices in ticks around a middle, quantities in lots.
pub struct Pair {
    /// In a body.
    pub symbol: &'static str,
    /// In a path.
    pub dashed: &'static str,
    tick: u64,
    middle: u64,
    step: u64,
    lot: u64,
    lots: (u64, u64),
}

/// The markets of a development exchange.
pub const PAIRS: [Pair; 3] = [
    Pair {
        symbol: "BTC/USDT",
        dashed: "BTC-USDT",
        tick: ONE / 100,
        middle: 6_000_000,
        step: 50,
        lot: 100,
        lots: (1_000, 40_000),
    },
    Pair {
        symbol: "ETH/USDT",
        dashed: "ETH-USDT",
        tick: ONE / 100,
        middle: 300_000,
        step: 5,
        lot: 1_000,
        lots: (1_000, 40_000),
    },
    Pair {
        symbol: "XRP/USDT",
        dashed: "XRP-USDT",
        tick: ONE / 10_000,
        middle: 5_000,
        step: 1,
        lot: ONE / 10,
        lots: (400, 8_000),
    },
];

impl Pair {
    fn price(&self, ticks: u64) -> String {
        decimal::format(ticks * self.tick)
    }

    fn quantity(&self, lots: u64) -> String {
        decimal::format(lots * self.lot)
    }
}

/// An order that may be live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Live {
    /// Its place in the list of promises.
    pub at: usize,
    /// Its place among the markets.
    pub pair: usize,
}

/// One thing to ask for.
#[derive(Debug)]
pub enum Action {
    /// A new order of a user, under a name of its own.
    Place {
        /// Whose.
        user: usize,
        /// Its market.
        pair: usize,
        /// Its name.
        client_id: String,
        /// Its body.
        body: Value,
    },
    /// A cancel.
    Cancel(Live),
    /// Another price or quantity.
    Amend(Live, Value),
    /// A cancel of all orders of a user in a market.
    CancelAll {
        /// Whose.
        user: usize,
        /// Where.
        pair: usize,
    },
}

/// Chooses what to ask for.
pub struct Flow {
    dice: Dice,
    users: usize,
    serial: u64,
    live: Vec<Live>,
}

impl Flow {
    /// For so many users.
    pub const fn new(dice: Dice, users: usize) -> Self {
        Self {
            dice,
            users,
            serial: 0,
            live: Vec::new(),
        }
    }

    /// The next thing to ask for.
    pub fn next(&mut self) -> Action {
        let thrown = self.dice.below(1_000);
        if thrown < 4 {
            let (user, pair) = (self.dice.place(self.users), self.dice.place(PAIRS.len()));
            return Action::CancelAll { user, pair };
        }
        if thrown >= 780 && !self.live.is_empty() {
            let at = self.dice.place(self.live.len());
            let live = self.live.swap_remove(at);
            if thrown < 930 {
                return Action::Cancel(live);
            }
            let body = self.amendment(live.pair);
            return Action::Amend(live, body);
        }
        self.place()
    }

    /// An order rests, as far as is known: it may be cancelled or amended.
    pub fn rests(&mut self, live: Live) {
        self.live.push(live);
        if self.live.len() > REMEMBERED {
            let at = self.dice.place(self.live.len());
            self.live.swap_remove(at);
        }
    }

    /// Dice for one action.
    pub fn dice(&mut self) -> Dice {
        self.serial += 1;
        self.dice.fork(self.serial)
    }

    fn amendment(&mut self, pair: usize) -> Value {
        let dice = &mut self.dice;
        let pair = &PAIRS[pair];
        let mut body = json!({});
        let what = dice.below(3);
        if what != 0 {
            body["quantity"] = pair.quantity(dice.between(pair.lots.0, pair.lots.1)).into();
        }
        if what != 1 {
            let ticks = pair.middle - 16 * pair.step + dice.below(33) * pair.step;
            body["price"] = pair.price(ticks).into();
        }
        body
    }

    fn place(&mut self) -> Action {
        self.serial += 1;
        let client_id = format!("chaos-{}", self.serial);
        let dice = &mut self.dice;
        let (user, at) = (dice.place(self.users), dice.place(PAIRS.len()));
        let pair = &PAIRS[at];
        let buys = dice.chance(50);
        let lots = dice.between(pair.lots.0, pair.lots.1);
        // Both sides overlap, so that about half of the orders trade.
        let away = dice.between(0, 20) * pair.step;
        let ticks = if buys {
            pair.middle + 5 * pair.step - away
        } else {
            pair.middle - 5 * pair.step + away
        };
        let stop = if buys {
            pair.middle + away
        } else {
            pair.middle - away
        };
        let mut body = json!({
            "symbol": pair.symbol,
            "side": if buys { "BUY" } else { "SELL" },
            "order_type": "LIMIT",
            "price": pair.price(ticks),
            "quantity": pair.quantity(lots),
            "client_order_id": client_id,
        });
        vary(&mut body, pair, (buys, lots, stop), dice);
        Action::Place {
            user,
            pair: at,
            client_id,
            body,
        }
    }
}

/// Makes some of the orders others than limit orders.
fn vary(body: &mut Value, pair: &Pair, (buys, lots, stop): (bool, u64, u64), dice: &mut Dice) {
    match dice.below(50) {
        0..4 => body["time_in_force"] = "IOC".into(),
        4 => body["time_in_force"] = "FOK".into(),
        5 => body["time_in_force"] = "DAY".into(),
        6 => {
            body["time_in_force"] = "GTD".into();
            body["expires_at"] = wall::text_after(dice.millis(1_000, 8_000)).into();
        }
        7..10 => body["post_only"] = true.into(),
        // Shown enough for whatever quantity an amendment makes of it.
        10..12 => {
            let shown = (lots / 4).max(pair.lots.1.div_ceil(100));
            body["display_quantity"] = pair.quantity(shown).into();
        }
        12..16 => market(body, "MARKET"),
        16 if buys => {
            market(body, "MARKET");
            body["quote_quantity"] = "250".into();
            remove(body, "quantity");
        }
        17 => {
            market(body, "STOP");
            body["stop_price"] = pair.price(stop).into();
        }
        18 => {
            body["order_type"] = "STOP_LIMIT".into();
            body["stop_price"] = pair.price(stop).into();
        }
        // More than anybody has.
        19 => body["quantity"] = pair.quantity(lots * 20_000).into(),
        // Out of the band.
        20 => body["price"] = pair.price(pair.middle * 3).into(),
        _ => {}
    }
    if dice.chance(40) {
        let modes = ["NONE", "EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH"];
        body["self_trade_prevention"] = dice.pick(&modes, "NONE").into();
    }
}

fn market(body: &mut Value, order_type: &str) {
    body["order_type"] = order_type.into();
    remove(body, "price");
    if order_type == "MARKET" {
        body["time_in_force"] = "IOC".into();
    }
}

fn remove(body: &mut Value, field: &str) {
    if let Some(fields) = body.as_object_mut() {
        fields.remove(field);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_kinds_of_actions_and_orders_come_up_and_names_are_given_once() {
        let mut flow = Flow::new(Dice::new(3), 5);
        let (mut names, mut kinds) = (
            std::collections::BTreeSet::new(),
            std::collections::BTreeMap::new(),
        );
        for at in 0..5_000 {
            let kind = match flow.next() {
                Action::Place {
                    client_id,
                    body,
                    pair,
                    ..
                } => {
                    assert_eq!(body["client_order_id"], client_id.as_str());
                    assert!(names.insert(client_id));
                    flow.rests(Live { at, pair });
                    format!("{} {}", body["order_type"], body["time_in_force"])
                }
                Action::Cancel(_) => "cancel".to_owned(),
                Action::Amend(_, body) => {
                    assert!(!body.as_object().unwrap().is_empty());
                    "amend".to_owned()
                }
                Action::CancelAll { .. } => "cancel all".to_owned(),
            };
            *kinds.entry(kind).or_insert(0) += 1;
        }
        assert_eq!(kinds.len(), 11, "{kinds:?}");
    }

    #[test]
    fn what_rests_is_cancelled_or_amended_once_and_little_is_remembered() {
        let mut flow = Flow::new(Dice::new(3), 5);
        for at in 0..REMEMBERED + 10 {
            flow.rests(Live { at, pair: 0 });
        }
        assert_eq!(flow.live.len(), REMEMBERED);
        let mut hit = std::collections::BTreeSet::new();
        for _ in 0..1_000 {
            if let Action::Cancel(live) | Action::Amend(live, _) = flow.next() {
                assert!(hit.insert(live.at));
            }
        }
        assert!(hit.len() > 100);
    }
}
