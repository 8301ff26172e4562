//! Cases as text: what is done to a book, and what comes of it.
//!
//! `buy|sell NAME LOTS|$BUDGET @ PRICE|market [show LOTS] [ioc|fok|post] [by OWNER] [stp MODE]`, `cancel NAME`,
//! `reduce NAME LOTS`. What comes of it: `trade MAKER TAKER LOTS @ PRICE`, `expire MAKER LOTS`, `decrement MAKER TAKER
//! LOTS`, how a taker ends that does not rest (`drop`, `spent`, `stop` with what is left; `kill`, `refuse`), `unknown
//! NAME`, and at the end the book, best first: `bid SHOWN[+HIDDEN] @ PRICE`.

use std::collections::HashMap;

use domain::{Amount, Lots, SelfTradePrevention, Side};
use matching::{Book, MatchEnd, Resting, Slot, Taker, TakerAmount};

use crate::record::{Happening, Record, price, quantity};

/// Runs a script and compares what comes of it.
pub fn check(script: &str, expected: &str) {
    let mut stage = Stage::default();
    for command in script.split(';') {
        stage.run(command);
    }
    stage.book();
    assert_eq!(stage.told.join("; "), expected, "\nscript: {script}");
}

/// Runs many.
pub fn check_all(cases: &[(&str, &str)]) {
    for (script, expected) in cases {
        check(script, expected);
    }
}

#[derive(Default)]
struct Stage {
    book: Book,
    names: Vec<String>,
    slots: HashMap<u64, Slot>,
    told: Vec<String>,
}

impl Stage {
    fn key(&mut self, name: &str) -> u64 {
        let known = self.names.iter().position(|known| known == name);
        let at = known.unwrap_or_else(|| {
            self.names.push(name.to_owned());
            self.names.len() - 1
        });
        at as u64
    }

    fn name(&self, key: u64) -> &str {
        &self.names[usize::try_from(key).unwrap()]
    }

    fn run(&mut self, command: &str) {
        let words: Vec<&str> = command.split_whitespace().collect();
        let key = self.key(words[1]);
        let slot = self.slots.get(&key).copied();
        let found = match words[0] {
            "buy" => return self.place(key, Side::Buy, &words),
            "sell" => return self.place(key, Side::Sell, &words),
            "cancel" => slot.and_then(|slot| self.book.remove(slot, key)).is_some(),
            "reduce" => {
                let to = Lots(words[2].parse().unwrap());
                slot.and_then(|slot| self.book.reduce(slot, key, to)).is_some()
            }
            other => panic!("unknown command {other}"),
        };
        if !found {
            self.told.push(format!("unknown {}", words[1]));
        }
    }

    fn place(&mut self, key: u64, side: Side, words: &[&str]) {
        let after = |word: &str| words.iter().position(|w| *w == word).map(|at| words[at + 1]);
        let owner = match after("by") {
            Some(owner) => 1000 + u32::from(owner.as_bytes()[0]),
            None => u32::try_from(key).unwrap(),
        };
        let amount = match words[2].strip_prefix('$') {
            Some(budget) => TakerAmount::Budget {
                amount: Amount(budget.parse().unwrap()),
                tick_lot: 1,
                most: Lots(u64::MAX),
            },
            None => TakerAmount::Lots(Lots(words[2].parse().unwrap())),
        };
        let limit = after("@")
            .filter(|at| *at != "market")
            .map(|at| price(at.parse().unwrap()));
        let prevention = match after("stp") {
            None => SelfTradePrevention::None,
            Some(mode) => SelfTradePrevention::from_word(mode).unwrap(),
        };
        let display = after("show").map(|lots| quantity(lots.parse().unwrap()));
        let taker = Taker {
            key,
            owner,
            side,
            limit,
            amount,
            prevention,
        };
        if words.contains(&"post") && self.book.would_take(side, limit) {
            return self.told.push(format!("refuse {}", words[1]));
        }
        if words.contains(&"fok") && !self.book.can_fill(&taker) {
            return self.told.push(format!("kill {}", words[1]));
        }
        let mut record = Record::default();
        let result = self.book.take(&taker, &mut record);
        self.tell(&record, words[1]);
        let left = match result.left {
            TakerAmount::Lots(lots) => lots.0.to_string(),
            TakerAmount::Budget { amount, .. } => format!("${}", amount.0),
        };
        let rests = limit.filter(|_| !words.contains(&"ioc") && !words.contains(&"fok"));
        match (result.end, rests, result.left) {
            (MatchEnd::Filled, ..) => {}
            (MatchEnd::SelfTrade, ..) => self.told.push(format!("stop {} {left}", words[1])),
            (MatchEnd::BudgetSpent, ..) => self.told.push(format!("spent {} {left}", words[1])),
            (MatchEnd::NoLiquidity, Some(price), TakerAmount::Lots(quantity)) => {
                let slot = self.book.rest(&Resting {
                    key,
                    owner,
                    side,
                    price,
                    quantity,
                    display,
                });
                self.slots.insert(key, slot);
            }
            (MatchEnd::NoLiquidity, ..) => self.told.push(format!("drop {} {left}", words[1])),
        }
    }

    fn tell(&mut self, record: &Record, taker: &str) {
        for happening in &record.0 {
            let line = match happening {
                Happening::Fill(fill) => {
                    let (lots, ticks) = (fill.quantity.lots().0, fill.price.ticks());
                    format!("trade {} {taker} {lots} @ {ticks}", self.name(fill.maker_key))
                }
                Happening::Expired { key, left, .. } => format!("expire {} {}", self.name(*key), left.0),
                Happening::Decremented { key, quantity, .. } => {
                    format!("decrement {} {taker} {}", self.name(*key), quantity.lots().0)
                }
                Happening::Level { side, price, shown } => {
                    assert_eq!(*shown, self.book.shown(*side, *price), "level told by the sink");
                    continue;
                }
            };
            self.told.push(line);
        }
    }

    fn book(&mut self) {
        for (side, word) in [(Side::Buy, "bid"), (Side::Sell, "ask")] {
            let levels: Vec<_> = self.book.levels(side).collect();
            assert_eq!(self.book.best(side), levels.first().map(|level| level.price));
            for level in levels {
                let at = self.book.queue(side).filter(|order| order.2 == level.price);
                let hidden: u64 = at.map(|order| order.4.0).sum();
                let hidden = if hidden > 0 {
                    format!("+{hidden}")
                } else {
                    String::new()
                };
                let (shown, ticks) = (level.shown.0, level.price.ticks());
                self.told.push(format!("{word} {shown}{hidden} @ {ticks}"));
            }
        }
    }
}
