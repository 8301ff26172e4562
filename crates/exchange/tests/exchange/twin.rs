//! The exchange against its naive twin on random commands: the same trades in the same order, the same ends, the same
//! books.

use std::collections::BTreeMap;

use domain::{Command, Event, MarketEvent, MarketNumber, OrderState, Side};
use proptest::prelude::*;

use crate::moves::{Director, Move, USERS, trading, user};
use crate::naive::{End, Naive, Told};
use crate::properties::config;
use crate::venue::Venue;

/// What the naive twin would tell of these events. It tells the end of a maker before the end of its taker, as they come.
fn told(events: &[MarketEvent]) -> Vec<Told> {
    let mut told = Vec::new();
    for event in events {
        match &event.event {
            Event::Trade(trade) => {
                let (maker, taker) = match trade.maker_side {
                    Side::Buy => (&trade.buyer, &trade.seller),
                    Side::Sell => (&trade.seller, &trade.buyer),
                };
                told.push(Told::Trade {
                    maker: maker.order_id,
                    taker: taker.order_id,
                    price: trade.price.ticks(),
                    lots: trade.quantity.lots().0,
                });
            }
            Event::OrderTriggered { order_id, .. } => told.push(Told::Triggered(*order_id)),
            Event::OrderClosed(order) => {
                let end = match order.state {
                    OrderState::Filled(_) => End::Filled,
                    OrderState::Cancelled(_, reason) => End::Cancelled(reason),
                    OrderState::Expired(_, reason) => End::Expired(reason),
                    OrderState::Rejected(reason) => End::Rejected(reason),
                    OrderState::Pending | OrderState::Open(_) => panic!("an end in a live state"),
                };
                let progress = order.state.progress();
                told.push(Told::Ended(
                    order.order_id,
                    end,
                    progress.filled.0,
                    progress.prevented.0,
                ));
            }
            _ => {}
        }
    }
    told
}

/// A mass cancel's orders may come in any order: it is tested elsewhere.
fn sorted(mut told: Vec<Told>, command: &Command) -> Vec<Told> {
    if matches!(command, Command::CancelAll(_)) {
        told.sort_by_key(|line| format!("{line:?}"));
    }
    told
}

fn compare_books(venue: &Venue, naive: &Naive) {
    let mut levels: BTreeMap<(u32, Side, u32), u64> = BTreeMap::new();
    for (market, side, price, lots) in naive.shown() {
        *levels.entry((market, side, price)).or_default() += lots;
    }
    for number in 0..2 {
        let (_, bids, asks) = venue
            .exchange
            .engine()
            .depth(MarketNumber(number), 1_000)
            .unwrap();
        for (side, shown) in [(Side::Buy, bids), (Side::Sell, asks)] {
            for level in shown {
                let key = (number, side, level.price.ticks());
                assert_eq!(levels.remove(&key), Some(level.quantity.0), "{key:?}");
            }
        }
    }
    assert_eq!(levels, BTreeMap::new(), "levels that the exchange does not show");
}

fn play(moves: &[Move]) {
    let (mut venue, mut director, mut naive) = (Venue::new(), Director::new(), Naive::default());
    for command in director.opening([1_000_000_000, 1_000_000_000, 20_000_000_000]) {
        venue.apply(director.now, command);
    }
    for step in moves {
        // The twin knows neither client ids nor late orders' siblings by name.
        let step = match step {
            Move::Place(wish) => &Move::Place(crate::moves::Wish {
                client_id: None,
                ..wish.clone()
            }),
            other => other,
        };
        let Some(command) = director.command(step) else {
            continue;
        };
        let (_, events) = venue.apply(director.now, command.clone());
        let expected = naive.apply(director.now, &command);
        assert_eq!(
            sorted(told(&events), &command),
            sorted(expected, &command),
            "{command:?}"
        );
        compare_books(&venue, &naive);
        let engine = venue.exchange.engine();
        for number in 0..USERS {
            assert_eq!(
                engine.switch_of(user(number)),
                naive.switch_of(user(number)),
                "{number}"
            );
        }
        assert_eq!(engine.sessions().collect::<Vec<_>>(), naive.sessions());
    }
}

proptest! {
    #![proptest_config(config(400))]
    #[test]
    fn the_exchange_does_what_the_naive_twin_does(moves in prop::collection::vec(trading(), 1..150)) {
        play(&moves);
    }
}
