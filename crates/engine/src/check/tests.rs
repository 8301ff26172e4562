//! Several faults of an engine at once, made by hand: none hides another.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

use domain::{
    Amount, Command, DefineMarket, FeeRate, Lots, MarketDefinition, Merge, Place, Price, Quantity, Release,
    Reserve, SelfTradePrevention, Settle, Stamp, Terms, TimeInForce, UserId,
};

use super::*;
use crate::{Answer, Funds, FundsSlot};

const NOW: Stamp = Stamp::from_micros(5_000_000);

/// Grants everything.
struct Generous;

impl Funds for Generous {
    fn reserve(&mut self, _: &Reserve) -> Option<FundsSlot> {
        Some(FundsSlot(1))
    }

    fn settle(&mut self, _: &Settle, _: FundsSlot, _: FundsSlot) {}

    fn release(&mut self, _: &Release, _: FundsSlot) {}

    fn merge(&mut self, _: &Merge, _: FundsSlot, _: FundsSlot) {}

    fn close(&mut self, _: OrderId, _: FundsSlot) {}
}

fn definition(number: u32, symbol: &str) -> MarketDefinition {
    MarketDefinition {
        number: MarketNumber(number),
        symbol: symbol.parse().unwrap(),
        tick: Amount(100_000_000),
        lot: Amount(100_000_000),
        min_quantity: Lots(1),
        max_quantity: Lots(100),
        max_price: Price::from_ticks(1_000).unwrap(),
        min_notional: Amount::ZERO,
        market_band: None,
        limit_band: None,
        initial_price: None,
        maker_fee: FeeRate(0),
        taker_fee: FeeRate(0),
        max_open_orders: 100,
    }
}

fn bid(number: u128, market: u32) -> Place {
    Place {
        order_id: OrderId::from_u128(number),
        user_id: UserId::from_u128(number),
        institution_id: None,
        market: MarketNumber(market),
        side: Side::Buy,
        terms: Terms::Limit {
            price: Price::from_ticks(90).unwrap(),
            quantity: Quantity::from_lots(Lots(2)).unwrap(),
            display: None,
            post_only: false,
        },
        time_in_force: TimeInForce::Gtc,
        self_trade_prevention: SelfTradePrevention::ExpireTaker,
        client_order_id: None,
        received_at: NOW,
        deadline: None,
        protection_price: None,
    }
}

/// Markets 1, 2 and 3, each with two bids of two lots: 11 and 12, 21 and 22, 31 and 32.
fn engine() -> Engine {
    let (mut engine, mut events) = (Engine::new(1), Vec::new());
    for (number, symbol) in [(1, "ABC/USD"), (2, "DEF/USD"), (3, "GHI/USD")] {
        let definition = definition(number, symbol);
        let define = Command::DefineMarket(DefineMarket { definition });
        engine.apply(NOW, &define, &mut Generous, &mut events);
        for order in [1, 2].map(|last| u128::from(number) * 10 + last) {
            let place = Command::Place(bid(order, number));
            let answer = engine.apply(NOW, &place, &mut Generous, &mut events);
            assert_eq!(answer, Answer::Placed(OrderId::from_u128(order)));
        }
    }
    assert_eq!((engine.faults(), engine.check()), (vec![], Ok(())));
    engine
}

/// Holds something for an order that it does not need.
fn hold_too_much(engine: &mut Engine, order: u128) -> EngineFault {
    let id = OrderId::from_u128(order);
    let key = engine.orders.by_id(id).unwrap();
    engine.orders.live_mut(key).reserved += Amount(1);
    EngineFault::Order(id)
}

/// Takes the first order out of a market's book and leaves it among the live ones.
fn lose(engine: &mut Engine, market: usize) {
    let row = &mut engine.markets[market];
    let (slot, key, ..) = row.book.queue(Side::Buy).next().unwrap();
    row.book.remove(slot, key).unwrap();
}

#[test]
fn the_first_fault_of_a_market_hides_none_of_another() {
    let mut engine = engine();
    let [first, _, other] = [11, 12, 31].map(|order| hold_too_much(&mut engine, order));
    assert_eq!(engine.faults(), [first.clone(), other]);
    assert_eq!(engine.check(), Err(first));
}

#[test]
fn a_fault_of_a_market_hides_no_wrong_count_and_makes_none() {
    let mut engine = engine();
    let wrong = hold_too_much(&mut engine, 21);
    assert_eq!(engine.faults(), std::slice::from_ref(&wrong));
    // A timer of an order that does not expire.
    let key = engine.orders.by_id(OrderId::from_u128(12)).unwrap();
    engine.timers.insert((NOW, 1, key));
    assert_eq!(engine.faults(), [wrong, EngineFault::Count]);
}

#[test]
fn an_order_that_no_book_has_is_a_wrong_count() {
    let mut engine = engine();
    lose(&mut engine, 2);
    assert_eq!(engine.faults(), [EngineFault::Count]);
}
