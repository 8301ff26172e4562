//! The demonstration's trading floor: one step quotes, takes, amends or cancels in one market.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};

use api::Exchange;
use domain::{
    Market, MarketNumber, MarketState, OrderId, OrderRef, Price, Quantity, SelfTradePrevention, Side, Size,
    Terms, TimeInForce,
};
use trading::{Amendment, Caller, NewOrder, Placed};

use super::dice::Dice;

/// Orders that the floor keeps in each market; the oldest gives way to the next.
const QUOTES: usize = 120;
/// Quotes lie up to so many parts of ten thousand from the fair price.
const SPREAD: u64 = 40;
/// The fair price moves by up to so many parts of a hundred thousand in a step.
const DRIFT: u64 = 40;
/// The least and the largest value of an order, in whole units of the quote asset.
const VALUE: (u64, u64) = (10, 2_000);
/// Units of 1e-8 in the whole.
const ONE: u64 = 100_000_000;

/// What the floor knows of one market.
#[derive(Debug)]
struct Pit {
    /// The price around which it quotes, in ticks.
    fair: u64,
    quotes: VecDeque<(Caller, OrderId)>,
}

/// The floor.
#[derive(Debug)]
pub(super) struct Floor {
    users: Vec<Caller>,
    dice: Dice,
    pits: HashMap<MarketNumber, Pit>,
}

impl Floor {
    pub(super) fn new(users: Vec<Caller>, dice: Dice) -> Self {
        Self {
            users,
            dice,
            pits: HashMap::new(),
        }
    }

    /// Does one thing in one market. What the exchange refuses is passed over: the next step does something else.
    pub(super) async fn step(&mut self, exchange: &dyn Exchange) {
        let markets = exchange.markets();
        let open: Vec<_> = markets
            .all()
            .iter()
            .filter(|view| view.state == MarketState::Open)
            .collect();
        let Some(view) = open.get(self.dice.below(open.len() as u64) as usize) else {
            return;
        };
        let market = &view.market;
        let Some(caller) = self
            .users
            .get(self.dice.below(self.users.len() as u64) as usize)
            .copied()
        else {
            return;
        };
        let Some(fair) = self.fair(exchange, market).await else {
            return;
        };
        match self.dice.below(100) {
            0..65 => self.quote(exchange, market, caller, fair).await,
            65..88 => self.take(exchange, market, caller, fair).await,
            88..95 => self.amend(exchange, market, fair).await,
            _ => self.cancel_oldest(exchange, market).await,
        }
    }

    /// The fair price after its next move; none where the market has no price at all yet.
    async fn fair(&mut self, exchange: &dyn Exchange, market: &Market) -> Option<u64> {
        let number = market.number();
        if let Entry::Vacant(vacant) = self.pits.entry(number) {
            let last = exchange
                .trades(number, 1)
                .await
                .ok()?
                .first()
                .map(|trade| trade.price);
            let start = last.or(market.definition().initial_price)?;
            vacant.insert(Pit {
                fair: u64::from(start.ticks()),
                quotes: VecDeque::new(),
            });
        }
        let pit = self.pits.get_mut(&number)?;
        let most = (pit.fair * DRIFT / 100_000).max(1);
        let highest = u64::from(market.definition().max_price.ticks()) / 2;
        pit.fair = (pit.fair + self.dice.below(2 * most + 1))
            .saturating_sub(most)
            .clamp(2, highest.max(2));
        Some(pit.fair)
    }

    async fn quote(&mut self, exchange: &dyn Exchange, market: &Market, caller: Caller, fair: u64) {
        let side = self.side();
        let away = (fair * (1 + self.dice.below(SPREAD)) / 10_000).max(1);
        let ticks = match side {
            Side::Buy => fair.saturating_sub(away),
            Side::Sell => fair + away,
        };
        let (Some(price), Some(quantity)) = (price(ticks), self.quantity(market, ticks)) else {
            return;
        };
        let terms = Terms::Limit {
            price,
            quantity,
            display: None,
            post_only: false,
        };
        let order = Self::order(market, side, terms, TimeInForce::Gtc);
        if let Ok(Placed::New(order) | Placed::Pending(order)) = exchange.place(caller, order).await
            && !order.state.is_final()
            && let Some(pit) = self.pits.get_mut(&market.number())
        {
            pit.quotes.push_back((caller, order.order_id));
            if pit.quotes.len() > QUOTES {
                self.cancel_oldest(exchange, market).await;
            }
        }
    }

    async fn take(&mut self, exchange: &dyn Exchange, market: &Market, caller: Caller, fair: u64) {
        let Some(quantity) = self.quantity(market, fair) else {
            return;
        };
        let side = self.side();
        let (terms, time_in_force) = if self.dice.percent(50) {
            let size = Size::Quantity(quantity);
            (Terms::Market { size }, TimeInForce::Ioc)
        } else {
            let away = fair * SPREAD / 10_000;
            let ticks = match side {
                Side::Buy => fair + away,
                Side::Sell => fair.saturating_sub(away),
            };
            let Some(price) = price(ticks) else {
                return;
            };
            let terms = Terms::Limit {
                price,
                quantity,
                display: None,
                post_only: false,
            };
            (terms, TimeInForce::Ioc)
        };
        let order = Self::order(market, side, terms, time_in_force);
        // A refusal is a part of market life.
        let _ = exchange.place(caller, order).await;
    }

    async fn amend(&mut self, exchange: &dyn Exchange, market: &Market, fair: u64) {
        let quantity = self.quantity(market, fair);
        let quote = self.pits.get(&market.number()).and_then(|pit| {
            let at = self.dice.below(pit.quotes.len() as u64) as usize;
            pit.quotes.get(at).copied()
        });
        if let Some((caller, id)) = quote {
            let amendment = Amendment {
                price: None,
                quantity,
            };
            // It may have ended meanwhile.
            let _ = exchange.amend(caller, OrderRef::Id(id), amendment).await;
        }
    }

    async fn cancel_oldest(&mut self, exchange: &dyn Exchange, market: &Market) {
        let oldest = self
            .pits
            .get_mut(&market.number())
            .and_then(|pit| pit.quotes.pop_front());
        if let Some((caller, id)) = oldest {
            // It may have ended meanwhile.
            let _ = exchange.cancel(caller, OrderRef::Id(id)).await;
        }
    }

    fn side(&mut self) -> Side {
        if self.dice.percent(50) {
            Side::Buy
        } else {
            Side::Sell
        }
    }

    /// A quantity within the market's limits that comes to a usual value at this price.
    fn quantity(&mut self, market: &Market, ticks: u64) -> Option<Quantity> {
        let (least, most) = VALUE;
        let value = (least + self.dice.below(most - least)) * ONE;
        let lot_value = market.tick_lot().checked_mul(ticks).filter(|value| *value > 0)?;
        let definition = market.definition();
        let lots = (value / lot_value).clamp(definition.min_quantity.0, definition.max_quantity.0);
        Quantity::from_lots(domain::Lots(lots))
    }

    fn order(market: &Market, side: Side, terms: Terms, time_in_force: TimeInForce) -> NewOrder {
        NewOrder {
            market: market.number(),
            side,
            terms,
            time_in_force,
            self_trade_prevention: SelfTradePrevention::ExpireTaker,
            // Without names: each would be remembered for a day.
            client_order_id: None,
            deadline: None,
        }
    }
}

fn price(ticks: u64) -> Option<Price> {
    u32::try_from(ticks).ok().and_then(Price::from_ticks)
}
