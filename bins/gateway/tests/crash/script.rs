//! What one client asks for next: every order type, cancels, amendments, mass cancels, transfers, and repeats on purpose.

use std::collections::VecDeque;

use domain::TransferKind;
use serde_json::{Value, json};

use crate::ask::{Answer, Ask, Target, transfer};
use crate::dice::Dice;
use crate::placement::{self, PAIRS, Pair, set};

/// How many of its own orders and requests a client remembers.
const REMEMBERED: usize = 100;
/// As long as ids and keys may be: long ones make long records, and so new segments soon.
const LONGEST_NAME: usize = 100;

/// An order that the client was told of.
struct Known {
    order_id: String,
    client_id: Option<String>,
    pair: &'static Pair,
}

/// One client's plan.
pub struct Script {
    dice: Dice,
    user_id: String,
    serial: u64,
    first: VecDeque<Ask>,
    known: VecDeque<Known>,
    placements: VecDeque<Value>,
    transfers: VecDeque<Ask>,
}

impl Script {
    pub fn new(user_id: String, dice: Dice) -> Self {
        let mut script = Self {
            dice,
            user_id,
            serial: 0,
            first: VecDeque::new(),
            known: VecDeque::new(),
            placements: VecDeque::new(),
            transfers: VecDeque::new(),
        };
        for (asset, amount) in [("USDT", "20000"), ("BTC", "0.25"), ("XRP", "10000")] {
            let deposit = script.deposit(TransferKind::Deposit, asset, amount);
            script.first.push_back(deposit);
        }
        script
    }

    /// The next request.
    pub fn next(&mut self) -> Ask {
        if let Some(ask) = self.first.pop_front() {
            return ask;
        }
        match self.dice.below(100) {
            0..58 => self.place(),
            58..62 => self.place_again(),
            62..76 => self.of_known(|_, known| Ask::Cancel(known)),
            76..85 => self.amend(),
            85..91 => self.of_known(|_, known| Ask::LookUp(known)),
            91 => self.cancel_all(),
            92..98 => self.transfer(),
            _ => self.transfer_again(),
        }
    }

    /// Takes in what an answer says.
    pub fn learn(&mut self, ask: &Ask, answer: &Answer) {
        let Ask::Place(body) = ask else { return };
        let pair = PAIRS.iter().find(|pair| body["symbol"] == pair.symbol).unwrap();
        if let (201, Some(order_id)) = (answer.status, answer.order_id()) {
            let client_id = ask.client_id().map(str::to_owned);
            remember(
                &mut self.known,
                Known {
                    order_id: order_id.to_owned(),
                    client_id,
                    pair,
                },
            );
        }
    }

    fn name(&mut self) -> String {
        self.serial += 1;
        let name = format!("{}:{}:", &self.user_id[34..], self.serial);
        format!("{name:x<LONGEST_NAME$}")
    }

    fn place(&mut self) -> Ask {
        let mut body = placement::body(&mut self.dice);
        if self.dice.chance(85) {
            let name = self.name();
            set(&mut body, "client_order_id", &name);
            remember(&mut self.placements, body.clone());
        }
        Ask::Place(body)
    }

    /// A placement once more: the same, which is answered with the first order, or now and then another under its name.
    fn place_again(&mut self) -> Ask {
        let Some(mut body) = any(&mut self.dice, &self.placements).cloned() else {
            return self.place();
        };
        if self.dice.chance(20) {
            let sells = body["side"] == "BUY" && body["quote_quantity"].is_null();
            set(&mut body, "side", if sells { "SELL" } else { "BUY" });
        }
        Ask::Place(body)
    }

    fn of_known(&mut self, ask: fn(&mut Self, Target) -> Ask) -> Ask {
        let by_name = self.dice.chance(30);
        let target = any(&mut self.dice, &self.known).map(|known| match &known.client_id {
            Some(client_id) if by_name => Target::ClientId(client_id.clone()),
            _ => Target::Id(known.order_id.clone()),
        });
        match target {
            Some(target) => ask(self, target),
            None => self.place(),
        }
    }

    fn amend(&mut self) -> Ask {
        let Some(Known { order_id, pair, .. }) = any(&mut self.dice, &self.known) else {
            return self.place();
        };
        let (order_id, pair) = (order_id.clone(), *pair);
        let mut body = json!({});
        let what = self.dice.below(3);
        if what != 0 {
            set(
                &mut body,
                "quantity",
                &pair.quantity(self.dice.between(pair.lots.0, pair.lots.1)),
            );
        }
        if what != 1 {
            let ticks = pair.middle - 8 * pair.step + self.dice.below(17) * pair.step;
            set(&mut body, "price", &pair.price(ticks));
        }
        Ask::Amend { order_id, body }
    }

    fn cancel_all(&mut self) -> Ask {
        let symbol = self.dice.pick(&[None, Some("BTC/USDT"), Some("XRP/USDT")]);
        let side = self.dice.pick(&[None, Some("BUY"), Some("SELL")]);
        if self.dice.chance(70) {
            return Ask::CancelAll { symbol, side };
        }
        Ask::OperatorCancelAll {
            body: json!({ "user_id": self.user_id, "symbol": symbol, "side": side }),
        }
    }

    fn transfer(&mut self) -> Ask {
        let (asset, amount) = self
            .dice
            .pick(&[("USDT", "1500"), ("BTC", "0.02"), ("XRP", "700.5")]);
        let kind = if self.dice.chance(70) {
            TransferKind::Deposit
        } else {
            TransferKind::Withdrawal
        };
        self.deposit(kind, asset, amount)
    }

    fn deposit(&mut self, kind: TransferKind, asset: &str, amount: &str) -> Ask {
        let ask = transfer(kind, &self.name(), &self.user_id, asset, amount);
        remember(&mut self.transfers, ask.clone());
        ask
    }

    /// A transfer once more under its key: the same, or now and then another.
    fn transfer_again(&mut self) -> Ask {
        let mut again = any(&mut self.dice, &self.transfers).cloned().unwrap();
        if let (Ask::Transfer { body, .. }, true) = (&mut again, self.dice.chance(20)) {
            set(body, "amount", "77");
        }
        again
    }
}

fn remember<T>(ring: &mut VecDeque<T>, item: T) {
    if ring.len() == REMEMBERED {
        ring.pop_front();
    }
    ring.push_back(item);
}

fn any<'a, T>(dice: &mut Dice, ring: &'a VecDeque<T>) -> Option<&'a T> {
    let place = dice.below(ring.len().max(1) as u64);
    ring.get(usize::try_from(place).unwrap())
}
