//! An order enters the market: it is matched, what happened is worked off step by step, and what is left rests or ends.

use domain::{
    Event, ExpireReason, Lots, Market, Order, OrderState, Price, Quantity, Side, Step, Terms, TimeInForce,
};
use matching::{Fill, MatchEnd, Resting, Sink, Taker, TakerAmount};

use crate::funds::Funds;
use crate::orders::Key;
use crate::place::budget;
use crate::turn::Turn;

/// What a match did, in order.
#[derive(Debug, Clone, Copy)]
pub(crate) enum MatchStep {
    Fill {
        maker: Key,
        price: Price,
        quantity: Quantity,
    },
    MakerExpired {
        maker: Key,
    },
    Decremented {
        maker: Key,
        quantity: Quantity,
    },
    Refilled {
        maker: Key,
    },
    Level {
        side: Side,
        price: Price,
        shown: Lots,
    },
}

/// Writes down what a match does, so that it can be worked off when the book is no longer borrowed.
struct Steps<'a>(&'a mut Vec<MatchStep>);

impl Sink for Steps<'_> {
    fn fill(&mut self, fill: Fill) {
        self.0.push(MatchStep::Fill {
            maker: Key(fill.maker_key),
            price: fill.price,
            quantity: fill.quantity,
        });
    }

    fn maker_expired(&mut self, key: u64, _price: Price, _left: Lots) {
        self.0.push(MatchStep::MakerExpired { maker: Key(key) });
    }

    fn decremented(&mut self, maker_key: u64, _price: Price, quantity: Quantity, _maker_left: Lots) {
        self.0.push(MatchStep::Decremented {
            maker: Key(maker_key),
            quantity,
        });
    }

    fn refilled(&mut self, key: u64) {
        self.0.push(MatchStep::Refilled { maker: Key(key) });
    }

    fn level(&mut self, side: Side, price: Price, shown: Lots) {
        self.0.push(MatchStep::Level { side, price, shown });
    }
}

/// An order as the book sees it when it takes.
pub(crate) fn taker(order: &Order, owner: u32, key: Key, market: &Market) -> Taker {
    let lots = match order.state {
        OrderState::Open(progress) => progress.remaining,
        _ => order.quantity,
    };
    let amount = match budget(&order.terms) {
        Some(budget) => TakerAmount::Budget {
            amount: budget - order.filled_notional,
            tick_lot: market.tick_lot(),
            most: lots,
        },
        None => TakerAmount::Lots(lots),
    };
    Taker {
        key: key.0,
        owner,
        side: order.side,
        limit: order.worst_price(),
        amount,
        prevention: order.self_trade_prevention,
    }
}

impl<F: Funds> Turn<'_, F> {
    /// Matches a live order that does not rest, then lets it rest or end, then triggers the stops that its trades reach.
    pub fn enter(&mut self, key: Key) {
        let live = self.engine.orders.live(key);
        let market = live.market;
        let row = &mut self.engine.markets[market];
        let taker = taker(&live.order, live.owner, key, &row.market);
        let before = row.reference();
        let mut steps = std::mem::take(&mut self.engine.steps);
        steps.clear();
        let end = row.book.take(&taker, &mut Steps(&mut steps)).end;
        let mut traded: Option<(Price, Price)> = None;
        for step in &steps {
            match *step {
                MatchStep::Fill {
                    maker,
                    price,
                    quantity,
                } => {
                    let (low, high) = traded.unwrap_or((price, price));
                    traded = Some((low.min(price), high.max(price)));
                    self.trade(market, key, maker, price, quantity);
                }
                MatchStep::MakerExpired { maker } => {
                    self.close(maker, Step::Cancel(domain::CancelReason::SelfTrade));
                }
                MatchStep::Decremented { maker, quantity } => {
                    self.prevent(maker, quantity);
                    self.prevent(key, quantity);
                }
                MatchStep::Refilled { maker } => {
                    let turn = self.row_mut(market).next_turn();
                    self.engine.orders.live_mut(maker).turn = turn;
                }
                MatchStep::Level { side, price, shown } => {
                    self.emit(
                        market,
                        Event::Level {
                            side,
                            price,
                            quantity: shown,
                        },
                    );
                }
            }
        }
        self.engine.steps = steps;
        if self.engine.orders.get(key).is_some() {
            self.rest_or_end(key, end);
        }
        if let Some((low, high)) = traded {
            self.trigger(market, before.unwrap_or(low), low, high);
        }
    }

    /// What is left after the match.
    fn rest_or_end(&mut self, key: Key, end: MatchEnd) {
        let order = &self.engine.orders.live(key).order;
        let step = match end {
            MatchEnd::SelfTrade => Step::Cancel(domain::CancelReason::SelfTrade),
            MatchEnd::BudgetSpent if !order.filled().is_zero() => Step::Spend,
            MatchEnd::BudgetSpent => Step::Expire(ExpireReason::Immediate),
            MatchEnd::NoLiquidity | MatchEnd::Filled if rests(order) => return self.rest(key),
            MatchEnd::NoLiquidity | MatchEnd::Filled => Step::Expire(ExpireReason::Immediate),
        };
        self.close(key, step);
    }

    fn rest(&mut self, key: Key) {
        let live = self.engine.orders.live_mut(key);
        let order = &live.order;
        let Some(price) = order.terms.price() else { return };
        let (side, market) = (order.side, live.market);
        let resting = Resting {
            key: key.0,
            owner: live.owner,
            side,
            price,
            quantity: order.remaining(),
            display: order.display(),
        };
        let row = &mut self.engine.markets[market];
        live.turn = row.next_turn();
        live.slot = Some(row.book.rest(&resting));
        let quantity = row.book.shown(side, price);
        self.emit(
            market,
            Event::Level {
                side,
                price,
                quantity,
            },
        );
    }

    /// Moves the stops that these trades reach into the market's queue.
    fn trigger(&mut self, market: usize, before: Price, low: Price, high: Price) {
        let row = &mut self.engine.markets[market];
        let last_price = row.last_price.unwrap_or(before);
        for key in row.stops.triggered(before, low, high) {
            let live = self.engine.orders.live_mut(key);
            live.order.triggered_at = Some(self.at);
            live.order.updated_at = self.at;
            let (order_id, user_id) = (live.order.order_id, live.order.user_id);
            self.emit(
                market,
                Event::OrderTriggered {
                    order_id,
                    user_id,
                    last_price,
                },
            );
            self.row_mut(market).triggered.push_back(key);
        }
    }

    /// Lets triggered stops enter, at most so many; those that they trigger come behind them. How many entered.
    pub fn run_triggered(&mut self, market: usize, limit: usize) -> usize {
        let mut entered = 0;
        while entered < limit {
            let Some(key) = self.row_mut(market).triggered.pop_front() else {
                break;
            };
            entered += 1;
            let live = self.engine.orders.live(key);
            let row = self.row(market);
            let kill = live.order.time_in_force == TimeInForce::Fok
                && !row
                    .book
                    .can_fill(&taker(&live.order, live.owner, key, &row.market));
            if kill {
                self.close(key, Step::Expire(ExpireReason::FillOrKill));
            } else {
                self.enter(key);
            }
        }
        entered
    }
}

/// Whether what is left of the order waits in the book.
const fn rests(order: &Order) -> bool {
    matches!(order.terms, Terms::Limit { .. } | Terms::StopLimit { .. })
        && !matches!(order.time_in_force, TimeInForce::Ioc | TimeInForce::Fok)
}
