//! The slow twin: a list of orders in time order, searched from the start for everything.

use domain::{Lots, Price, Quantity, SelfTradePrevention as Prevention, Side};
use matching::{Fill, MatchEnd, MatchResult, Resting, Sink, Taker, TakerAmount};

use crate::record::{Happening, Record};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Order {
    pub key: u64,
    pub owner: u32,
    pub side: Side,
    pub price: Price,
    pub shown: u64,
    pub hidden: u64,
    pub display: u64,
}

#[derive(Debug, Default, Clone)]
pub struct Naive(pub Vec<Order>);

pub fn lots_at(amount: TakerAmount, price: Price) -> u64 {
    match amount {
        TakerAmount::Lots(lots) => lots.0,
        TakerAmount::Budget {
            amount,
            tick_lot,
            most,
        } => {
            let cost = u128::from(price.ticks()) * u128::from(tick_lot);
            u64::try_from((u128::from(amount.0) / cost).min(u128::from(most.0))).unwrap()
        }
    }
}

fn pay(amount: &mut TakerAmount, lots: u64, price: Price) {
    match amount {
        TakerAmount::Lots(left) => left.0 -= lots,
        TakerAmount::Budget {
            amount,
            tick_lot,
            most,
        } => {
            amount.0 -= lots * u64::from(price.ticks()) * *tick_lot;
            most.0 -= lots;
        }
    }
}

impl Naive {
    pub fn rest(&mut self, order: &Resting) {
        let Resting {
            key,
            owner,
            side,
            price,
            quantity,
            display,
        } = *order;
        let display = display.map_or(quantity.0, |display| display.lots().0);
        let shown = display.min(quantity.0);
        let hidden = quantity.0 - shown;
        self.0.push(Order {
            key,
            owner,
            side,
            price,
            shown,
            hidden,
            display,
        });
    }

    pub fn find(&self, key: u64) -> Option<&Order> {
        self.0.iter().find(|order| order.key == key)
    }

    pub fn remove(&mut self, key: u64) -> Option<Order> {
        let at = self.0.iter().position(|order| order.key == key)?;
        Some(self.0.remove(at))
    }

    pub fn reduce(&mut self, key: u64, to: u64) -> bool {
        let Some(order) = self.0.iter_mut().find(|order| order.key == key) else {
            return false;
        };
        if to >= order.shown + order.hidden {
            return false;
        }
        order.shown = order.shown.min(to);
        order.hidden = to - order.shown;
        self.0.retain(|order| order.shown > 0);
        true
    }

    /// A side's orders in priority.
    pub fn queue(&self, side: Side) -> Vec<Order> {
        let mut orders: Vec<Order> = self
            .0
            .iter()
            .filter(|order| order.side == side)
            .copied()
            .collect();
        orders.sort_by_key(|order| match side {
            Side::Buy => u32::MAX - order.price.ticks(),
            Side::Sell => order.price.ticks(),
        });
        orders
    }

    pub fn shown(&self, side: Side, price: Price) -> u64 {
        let at = self
            .0
            .iter()
            .filter(|order| order.side == side && order.price == price);
        at.map(|order| order.shown).sum()
    }

    pub fn would_take(&self, side: Side, limit: Option<Price>) -> bool {
        let within = |price: Price| match (side, limit) {
            (_, None) => true,
            (Side::Buy, Some(limit)) => price <= limit,
            (Side::Sell, Some(limit)) => price >= limit,
        };
        self.queue(side.opposite())
            .first()
            .is_some_and(|order| within(order.price))
    }

    /// By trying it on a copy.
    pub fn can_fill(&self, taker: &Taker) -> bool {
        let mut record = Record::default();
        let result = self.clone().take(taker, &mut record);
        let decremented = record
            .0
            .iter()
            .any(|h| matches!(h, Happening::Decremented { .. }));
        let traded = record.0.iter().any(|h| matches!(h, Happening::Fill(_)));
        match result.end {
            MatchEnd::Filled => !decremented,
            MatchEnd::BudgetSpent => !decremented && traded,
            MatchEnd::NoLiquidity | MatchEnd::SelfTrade => false,
        }
    }

    pub fn take(&mut self, taker: &Taker, record: &mut Record) -> MatchResult {
        let side = taker.side.opposite();
        let mut left = taker.amount;
        let mut at: Option<Price> = None;
        let end = loop {
            let none_left = match left {
                TakerAmount::Lots(lots) => lots.is_zero(),
                TakerAmount::Budget { amount, most, .. } => {
                    amount.is_zero() || most.is_zero() || at.is_some_and(|price| lots_at(left, price) == 0)
                }
            };
            if none_left {
                break match left {
                    TakerAmount::Lots(_) => MatchEnd::Filled,
                    TakerAmount::Budget { .. } => MatchEnd::BudgetSpent,
                };
            }
            if !self.would_take(taker.side, taker.limit) {
                break MatchEnd::NoLiquidity;
            }
            let maker = self.queue(side)[0];
            if lots_at(left, maker.price) == 0 {
                break MatchEnd::BudgetSpent;
            }
            let own = taker.prevention != Prevention::None && maker.owner == taker.owner;
            if own && taker.prevention == Prevention::ExpireTaker {
                break MatchEnd::SelfTrade;
            }
            if at.is_some_and(|price| price != maker.price) {
                self.leave(side, at, record);
            }
            at = Some(maker.price);
            if own && taker.prevention != Prevention::Decrement {
                self.remove(maker.key);
                let left = Lots(maker.shown + maker.hidden);
                record.maker_expired(maker.key, maker.price, left);
                if taker.prevention == Prevention::ExpireBoth {
                    break MatchEnd::SelfTrade;
                }
                continue;
            }
            let lots = lots_at(left, maker.price).min(maker.shown);
            pay(&mut left, lots, maker.price);
            let maker_left = self.lessen(maker, lots);
            let quantity = Quantity::from_lots(Lots(lots)).unwrap();
            let (maker_key, maker_owner, price) = (maker.key, maker.owner, maker.price);
            if own {
                record.decremented(maker_key, price, quantity, maker_left);
            } else {
                record.fill(Fill {
                    maker_key,
                    maker_owner,
                    price,
                    quantity,
                    maker_left,
                });
            }
        };
        self.leave(side, at, record);
        MatchResult { end, left }
    }

    fn leave(&self, side: Side, at: Option<Price>, record: &mut Record) {
        if let Some(price) = at {
            record.level(side, price, Lots(self.shown(side, price)));
        }
    }

    /// Takes lots off the displayed part; a refill goes to the back.
    fn lessen(&mut self, maker: Order, lots: u64) -> Lots {
        let at = self.0.iter().position(|order| order.key == maker.key).unwrap();
        self.0[at].shown -= lots;
        if self.0[at].shown == 0 {
            let mut order = self.0.remove(at);
            if order.hidden > 0 {
                order.shown = order.hidden.min(order.display);
                order.hidden -= order.shown;
                self.0.push(order);
            }
        }
        Lots(maker.shown + maker.hidden - lots)
    }
}
