//! What is sent: the mix of places, cancels and amends, and the orders that are known to be live.

use std::str::FromStr;

use serde::Serialize;

use crate::api::User;
use crate::decimal;
use crate::dice::Dice;
use crate::market::{Market, Side};

/// The most orders that are remembered as live, a user; the gateway's own limit is above it.
const LIVE_PER_USER: usize = 2_000;

/// Shares of the operations, in any common unit.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Mix {
    pub(crate) place: f64,
    pub(crate) cancel: f64,
    pub(crate) amend: f64,
}

impl FromStr for Mix {
    type Err = String;

    /// `place=80,cancel=15,amend=5`; what is not named is 0.
    fn from_str(text: &str) -> Result<Self, String> {
        let mut mix = Self {
            place: 0.0,
            cancel: 0.0,
            amend: 0.0,
        };
        for part in text.split(',') {
            let (name, share) = part.split_once('=').ok_or_else(|| format!("`{part}` has no ="))?;
            let share: f64 = share.parse().map_err(|_| format!("`{share}` is no number"))?;
            if !share.is_finite() || share < 0.0 {
                return Err(format!("`{share}` is no share"));
            }
            match name {
                "place" => mix.place = share,
                "cancel" => mix.cancel = share,
                "amend" => mix.amend = share,
                _ => return Err(format!("`{name}` is none of place, cancel, amend")),
            }
        }
        if mix.place <= 0.0 {
            return Err("without places there is nothing to cancel or amend".to_owned());
        }
        Ok(mix)
    }
}

/// A kind of operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Op {
    Place,
    Cancel,
    Amend,
    Echo,
}

/// An order that is known to be live and that no taker reaches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Live {
    pub(crate) order_id: String,
    pub(crate) user: usize,
    market: usize,
    side: Side,
}

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Action {
    Place {
        user: usize,
        number: u64,
        market: usize,
        side: Side,
        price: i128,
        quantity: i128,
        /// Whether it rests where nobody hits it.
        deep: bool,
        taker: bool,
    },
    Cancel(Live),
    Amend {
        live: Live,
        price: i128,
        quantity: i128,
    },
    Echo,
}

impl Action {
    pub(crate) const fn op(&self) -> Op {
        match self {
            Self::Place { .. } => Op::Place,
            Self::Cancel(_) => Op::Cancel,
            Self::Amend { .. } => Op::Amend,
            Self::Echo => Op::Echo,
        }
    }

    /// Whose it is.
    pub(crate) const fn user(&self) -> usize {
        match self {
            Self::Place { user, .. } => *user,
            Self::Cancel(live) | Self::Amend { live, .. } => live.user,
            Self::Echo => 0,
        }
    }
}

/// Chooses what to do, and knows the users and markets it is chosen from.
pub(crate) struct Flow {
    pub(crate) users: Vec<User>,
    pub(crate) markets: Vec<Market>,
    /// How many of the users act.
    pub(crate) active: usize,
    run: String,
    mix: Mix,
    taker: f64,
    deep: f64,
    dice: Dice,
    next: u64,
    live: Vec<Live>,
}

impl Flow {
    /// A flow of these users on these markets; `run` makes its client order ids its own.
    pub(crate) fn new(
        users: Vec<User>,
        markets: Vec<Market>,
        run: String,
        mix: Mix,
        taker: f64,
        seed: u64,
    ) -> Self {
        // A tenth more deep orders than cancels need, so that these find one.
        let makers = mix.place * (1.0 - taker);
        let deep = if makers > 0.0 {
            ((mix.cancel * 1.1 + mix.amend * 0.1) / makers).min(1.0)
        } else {
            0.0
        };
        Self {
            active: users.len(),
            users,
            markets,
            run,
            mix,
            taker,
            deep,
            dice: Dice::new(seed, 3),
            next: 0,
            live: Vec::new(),
        }
    }

    /// The same flow from its beginning, when nothing was live yet.
    pub(crate) fn twin(&self, seed: u64) -> Self {
        let (users, markets) = (self.users.clone(), self.markets.clone());
        let mut twin = Self::new(users, markets, self.run.clone(), self.mix, self.taker, seed);
        twin.active = self.active;
        twin
    }

    /// The next thing to do. Where nothing is known to be live it is a place.
    pub(crate) fn next(&mut self) -> Action {
        let Mix { place, cancel, amend } = self.mix;
        let drawn = self.dice.unit() * (place + cancel + amend);
        if drawn >= place && !self.live.is_empty() {
            let at = self.dice.below(self.live.len());
            let live = self.live.swap_remove(at);
            if drawn < place + cancel {
                return Action::Cancel(live);
            }
            let market = &self.markets[live.market];
            let price = market.deep(live.side, &mut self.dice);
            let quantity = market.quantity(&mut self.dice);
            return Action::Amend {
                live,
                price,
                quantity,
            };
        }
        self.place()
    }

    fn place(&mut self) -> Action {
        let dice = &mut self.dice;
        let user = dice.below(self.active);
        let at = dice.below(self.markets.len());
        let market = &self.markets[at];
        let side = if dice.happens(0.5) { Side::Buy } else { Side::Sell };
        let taker = dice.happens(self.taker);
        let room = self.live.len() < self.active.saturating_mul(LIVE_PER_USER);
        let deep = !taker && room && dice.happens(self.deep);
        let price = match (taker, deep) {
            (true, _) => market.across(side),
            (false, true) => market.deep(side, dice),
            (false, false) => market.near(side, dice),
        };
        let quantity = market.quantity(dice);
        self.next += 1;
        Action::Place {
            user,
            number: self.next,
            market: at,
            side,
            price,
            quantity,
            deep,
            taker,
        }
    }

    /// Takes note of an answer; `order_id` where a placed order is open.
    pub(crate) fn answered(&mut self, action: Action, done: bool, order_id: Option<&str>) {
        match (action, order_id) {
            (
                Action::Place {
                    user,
                    market,
                    side,
                    deep: true,
                    ..
                },
                Some(order_id),
            ) if done => self.live.push(Live {
                order_id: order_id.to_owned(),
                user,
                market,
                side,
            }),
            (Action::Amend { live, .. }, _) if done => self.live.push(live),
            _ => {}
        }
    }

    /// Takes back what was not sent.
    pub(crate) fn not_sent(&mut self, action: Action) {
        if let Action::Cancel(live) | Action::Amend { live, .. } = action {
            self.live.push(live);
        }
    }

    /// The body of a place that is never sent: of the size that orders have.
    pub(crate) fn example(&mut self) -> String {
        let action = self.place();
        self.next -= 1;
        self.order(&action)
    }

    /// The client's own name for a place.
    pub(crate) fn client_order_id(&self, number: u64) -> String {
        format!("{}-{number}", self.run)
    }

    /// The body of a place.
    pub(crate) fn order(&self, action: &Action) -> String {
        let Action::Place {
            number,
            market,
            side,
            price,
            quantity,
            taker,
            ..
        } = action
        else {
            return String::new();
        };
        format!(
            r#"{{"symbol":"{}","side":"{}","order_type":"LIMIT","price":"{}","quantity":"{}","time_in_force":"{}","client_order_id":"{}-{number}"}}"#,
            self.markets[*market].symbol,
            side.word(),
            decimal::format(*price),
            decimal::format(*quantity),
            if *taker { "IOC" } else { "GTC" },
            self.run,
        )
    }
}

/// The body of an amend.
pub(crate) fn amendment(price: i128, quantity: i128) -> String {
    format!(
        r#"{{"price":"{}","quantity":"{}"}}"#,
        decimal::format(price),
        decimal::format(quantity)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flow(mix: &str, taker: f64) -> Flow {
        let users = (1..=3).map(|number| User {
            id: uuid::Uuid::from_u128(number),
            token: String::new(),
        });
        let markets = vec![crate::market::example()];
        Flow::new(
            users.collect(),
            markets,
            "r".to_owned(),
            mix.parse().unwrap(),
            taker,
            5,
        )
    }

    #[test]
    fn a_mix_is_read_or_refused() {
        let mix: Mix = "place=80,cancel=15".parse().unwrap();
        assert_eq!((mix.place, mix.cancel, mix.amend), (80.0, 15.0, 0.0));
        for text in [
            "",
            "place",
            "place=x",
            "place=-1",
            "place=0,cancel=1",
            "buy=1",
            "place=NaN",
        ] {
            assert!(text.parse::<Mix>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn nothing_is_cancelled_that_is_not_known_to_be_live() {
        let mut flow = flow("place=1,cancel=9", 0.4);
        assert!((0..100).all(|_| flow.next().op() == Op::Place));
    }

    #[test]
    fn only_acknowledged_deep_orders_are_cancelled_and_each_once() {
        let mut flow = flow("place=50,cancel=40,amend=10", 0.4);
        let mut live = std::collections::BTreeSet::new();
        let mut seen = std::collections::BTreeMap::new();
        for number in 0..5_000 {
            let action = flow.next();
            *seen.entry(action.op()).or_insert(0) += 1;
            let id = format!("order-{number}");
            match &action {
                Action::Place { deep, taker, .. } => {
                    assert!(!(*deep && *taker));
                    if *deep && number % 7 != 0 {
                        live.insert(id.clone());
                    }
                    flow.answered(action, number % 7 != 0, Some(&id));
                }
                Action::Cancel(order) => {
                    assert!(live.remove(&order.order_id));
                    flow.answered(action, true, None);
                }
                Action::Amend { live: order, .. } => {
                    assert!(live.contains(&order.order_id));
                    flow.answered(action, true, None);
                }
                Action::Echo => panic!("nothing is echoed"),
            }
        }
        assert!(seen[&Op::Cancel] > 1_000 && seen[&Op::Amend] > 300, "{seen:?}");
    }

    #[test]
    fn what_was_not_sent_can_be_chosen_again() {
        let mut flow = flow("place=1,cancel=99", 0.0);
        let place = flow.next();
        assert!(matches!(place, Action::Place { deep: true, .. }));
        flow.answered(place, true, Some("a"));
        for _ in 0..2 {
            let next = std::iter::repeat_with(|| flow.next());
            let cancel = next.into_iter().find(|one| one.op() == Op::Cancel).unwrap();
            assert!(matches!(&cancel, Action::Cancel(live) if live.order_id == "a"));
            flow.not_sent(cancel);
        }
    }

    #[test]
    fn a_body_is_json_with_the_orders_fields() {
        let mut flow = flow("place=1", 1.0);
        let action = flow.next();
        let body: serde_json::Value = serde_json::from_str(&flow.order(&action)).unwrap();
        assert_eq!(body["client_order_id"], "r-1");
        assert_eq!(body["time_in_force"], "IOC");
        assert_eq!(body["symbol"], "BTC/USDT");
    }
}
