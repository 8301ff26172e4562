//! Bugs that other order books have had (and have), each by its name.

use domain::{Amount, Lots, SelfTradePrevention, Side};
use matching::{Book, MatchEnd, Resting, Slot, Taker, TakerAmount};

use crate::record::{Happening, Record, price};
use crate::script::check;

fn order(key: u64, side: Side, ticks: u32, lots: u64) -> Resting {
    let (price, quantity) = (price(ticks), Lots(lots));
    Resting {
        key,
        owner: 1,
        side,
        price,
        quantity,
        display: None,
    }
}

fn taker(side: Side, lots: u64) -> Taker {
    let amount = TakerAmount::Lots(Lots(lots));
    Taker {
        key: 0,
        owner: 2,
        side,
        limit: None,
        amount,
        prevention: SelfTradePrevention::None,
    }
}

fn take(book: &mut Book, side: Side, lots: u64) -> Vec<(u64, u64)> {
    let mut record = Record::default();
    book.take(&taker(side, lots), &mut record);
    let fills = record.0.iter().filter_map(|happening| match happening {
        Happening::Fill(fill) => Some((fill.maker_key, fill.quantity.lots().0)),
        _ => None,
    });
    fills.collect()
}

#[test]
fn a_stale_slot_never_reaches_the_order_that_stands_there_now() {
    let mut book = Book::new();
    let old = book.rest(&order(1, Side::Buy, 100, 5));
    assert_eq!(take(&mut book, Side::Sell, 5), [(1, 5)]);
    let new = book.rest(&order(2, Side::Buy, 100, 7));
    assert_eq!(old, new, "the place is used again");
    assert_eq!(book.remove(old, 1), None);
    assert_eq!(book.reduce(old, 1, Lots(1)), None);
    assert_eq!(book.resting(old, 1), None);
    assert_eq!(book.shown(Side::Buy, price(100)), Lots(7));
    assert_eq!(book.remove(new, 2).map(|removed| removed.left), Some(Lots(7)));
    assert_eq!(
        book.remove(new, 2),
        None,
        "a free place holds nobody, not even its last order"
    );
}

#[test]
fn a_slot_of_another_book_is_stale_too() {
    let mut large = Book::new();
    let slots: Vec<Slot> = (1..9)
        .map(|key| large.rest(&order(key, Side::Buy, 100, 5)))
        .collect();
    let mut empty = Book::new();
    for (slot, key) in slots.into_iter().zip(1..) {
        assert_eq!(empty.remove(slot, key), None);
    }
}

#[test]
fn filled_orders_leave_the_index() {
    // parity 122: filled orders never left the map.
    let mut book = Book::new();
    for round in 0..1000 {
        book.rest(&order(round, Side::Buy, 100, 5));
        take(&mut book, Side::Sell, 5);
    }
    assert!(book.is_empty());
    assert_eq!(
        (book.len(), book.level_count(), book.best(Side::Buy)),
        (0, 0, None)
    );
}

#[test]
fn a_partly_filled_maker_keeps_its_place() {
    // OrderBook-rs 88.
    check(
        "sell a 5 @ 100; sell b 5 @ 100; buy c 2 @ 100; buy d 4 @ 100",
        "trade a c 2 @ 100; trade a d 3 @ 100; trade b d 1 @ 100; ask 4 @ 100",
    );
}

#[test]
fn a_reduced_maker_keeps_its_place() {
    // geseq/orderbook 29.
    check(
        "sell a 5 @ 100; sell b 5 @ 100; reduce a 4; buy c 5 @ 100",
        "trade a c 4 @ 100; trade b c 1 @ 100; ask 4 @ 100",
    );
}

#[test]
fn a_snapshot_keeps_the_order_of_the_queue() {
    // geseq/orderbook 30, 31: snapshots must be first in, first out.
    let mut book = Book::new();
    for key in 1..=5 {
        book.rest(&order(key, Side::Sell, 100, 2));
    }
    let slot = book.queue(Side::Sell).nth(1).map(|(slot, ..)| slot).unwrap();
    book.remove(slot, 2).unwrap();
    book.rest(&order(6, Side::Sell, 100, 2));
    let keys: Vec<u64> = book.queue(Side::Sell).map(|(_, key, ..)| key).collect();
    assert_eq!(keys, [1, 3, 4, 5, 6]);
}

#[test]
fn the_new_head_has_no_link_to_the_freed_place() {
    // llc-993/matching-core: after a match the best order kept a link to the freed slot and a later use of it broke.
    let mut book = Book::new();
    book.rest(&order(1, Side::Sell, 100, 5));
    let head = book.rest(&order(2, Side::Sell, 100, 5));
    book.rest(&order(3, Side::Sell, 100, 5));
    assert_eq!(take(&mut book, Side::Buy, 5), [(1, 5)]);
    // The freed place is taken by an order of another price, which must not be touched by what follows.
    let other = book.rest(&order(4, Side::Sell, 101, 5));
    assert!(book.remove(head, 2).is_some());
    assert_eq!(take(&mut book, Side::Buy, 5), [(3, 5)]);
    assert_eq!(book.resting(other, 4).map(|view| view.shown), Some(Lots(5)));
    assert_eq!(take(&mut book, Side::Buy, 5), [(4, 5)]);
    assert!(book.is_empty());
}

#[test]
fn an_emptied_level_is_no_phantom() {
    check(
        "sell a 5 @ 100; sell b 5 @ 105; cancel a; buy c 1 @ 102",
        "bid 1 @ 102; ask 5 @ 105",
    );
    check(
        "sell a 5 @ 100; sell b 5 @ 105; buy c 5 @ 100; buy d 1 @ 102",
        "trade a c 5 @ 100; bid 1 @ 102; ask 5 @ 105",
    );
    check("buy a 5 @ 100; cancel a; sell b 5 @ 90", "ask 5 @ 90");
    check(
        "sell a 5 @ 100 by x; buy b 1 @ 100 by x stp EXPIRE_BOTH; buy c 5 @ 100",
        "expire a 5; stop b 1; bid 5 @ 100",
    );
}

#[test]
fn the_best_price_is_never_stale() {
    let mut book = Book::new();
    let slots: Vec<Slot> = (1..=5)
        .map(|key| book.rest(&order(key, Side::Buy, 100 + key as u32, 1)))
        .collect();
    for key in (1..=5).rev() {
        assert_eq!(book.best(Side::Buy), Some(price(100 + key as u32)));
        book.remove(slots[key as usize - 1], key);
    }
    assert_eq!(book.best(Side::Buy), None);
}

#[test]
fn a_trade_has_the_makers_price() {
    check("sell a 5 @ 100; buy b 5 @ 120", "trade a b 5 @ 100");
    check("buy a 5 @ 120; sell b 5 @ 100", "trade a b 5 @ 120");
}

#[test]
fn nothing_trades_through_its_limit() {
    // matchcore 0.4.0.
    check(
        "sell a 1 @ 100; sell b 1 @ 101; sell c 1 @ 102; buy d 9 @ 101 ioc",
        "trade a d 1 @ 100; trade b d 1 @ 101; drop d 7; ask 1 @ 102",
    );
    check(
        "buy a 1 @ 100; buy b 1 @ 99; buy c 1 @ 98; sell d 9 @ 99",
        "trade a d 1 @ 100; trade b d 1 @ 99; bid 1 @ 98; ask 7 @ 99",
    );
}

#[test]
fn the_remainder_of_ioc_and_fok_does_not_rest() {
    check(
        "sell a 1 @ 100; buy b 9 @ 100 ioc; sell c 1 @ 100",
        "trade a b 1 @ 100; drop b 8; ask 1 @ 100",
    );
    check(
        "sell a 1 @ 100; buy b 9 @ 100 fok; buy c 1 @ 100",
        "kill b; trade a c 1 @ 100",
    );
}

#[test]
fn a_refused_fok_changes_nothing() {
    check(
        "sell a 9 @ 100 show 2; sell b 2 @ 100; buy c 12 @ 100 fok; buy d 3 @ 100",
        "kill c; trade a d 2 @ 100; trade b d 1 @ 100; ask 3+5 @ 100",
    );
}

#[test]
fn there_is_no_capacity_at_which_orders_are_dropped() {
    // One level with many orders, and many levels with one: nothing is silently lost.
    let mut book = Book::new();
    for key in 1..=100_000 {
        book.rest(&order(key, Side::Buy, 100, 1));
    }
    for key in 1..=100_000 {
        book.rest(&order(100_000 + key, Side::Sell, 1000 + 7 * key as u32, 1));
    }
    assert_eq!((book.len(), book.level_count()), (200_000, 100_001));
    let level = book.levels(Side::Buy).next().unwrap();
    assert_eq!((level.orders, level.shown), (100_000, Lots(100_000)));
    assert_eq!(take(&mut book, Side::Buy, 100_001).len(), 100_000);
    assert_eq!(take(&mut book, Side::Sell, 100_001).len(), 100_000);
    assert!(book.is_empty());
}

#[test]
fn a_price_beyond_sixteen_bits_is_not_cut() {
    // QuantCup's prices have 16 bits.
    check(
        "sell a 1 @ 65537; buy b 1 @ 65536; buy c 1 @ 1",
        "bid 1 @ 65536; bid 1 @ 1; ask 1 @ 65537",
    );
    check(
        "sell a 1 @ 4294967295; buy b 1 @ 4294967294; sell c 1 @ 65536",
        "trade b c 1 @ 4294967294; ask 1 @ 4294967295",
    );
}

#[test]
fn totals_beyond_what_a_number_holds_break_nothing() {
    let huge = u64::MAX;
    let mut book = Book::new();
    let first = book.rest(&order(1, Side::Sell, 100, huge));
    book.rest(&order(2, Side::Sell, 100, huge));
    let mut all = taker(Side::Buy, huge);
    assert!(book.can_fill(&all) || book.shown(Side::Sell, price(100)) < Lots(huge));
    all.amount = TakerAmount::Budget {
        amount: Amount(u64::MAX),
        tick_lot: u64::MAX,
        most: Lots(u64::MAX),
    };
    assert!(!book.can_fill(&all), "a lot that costs more than any budget");
    let result = book.take(&all, &mut Record::default());
    assert_eq!((result.end, result.left), (MatchEnd::BudgetSpent, all.amount));
    assert_eq!(
        book.remove(first, 1).map(|removed| removed.left),
        Some(Lots(huge))
    );
    assert_eq!(book.shown(Side::Sell, price(100)), Lots(huge));
    assert_eq!(take(&mut book, Side::Buy, huge), [(2, huge)]);
    assert!(book.is_empty());
}

#[test]
fn an_amount_of_nothing_takes_nothing() {
    let mut book = Book::new();
    book.rest(&order(1, Side::Sell, 100, 5));
    for (amount, end, fits) in [
        (TakerAmount::Lots(Lots::ZERO), MatchEnd::Filled, true),
        (
            TakerAmount::Budget {
                amount: Amount::ZERO,
                tick_lot: 1,
                most: Lots(u64::MAX),
            },
            MatchEnd::BudgetSpent,
            false,
        ),
        (
            TakerAmount::Budget {
                amount: Amount(5),
                tick_lot: 0,
                most: Lots(u64::MAX),
            },
            MatchEnd::BudgetSpent,
            false,
        ),
    ] {
        let nothing = Taker {
            amount,
            ..taker(Side::Buy, 0)
        };
        let mut record = Record::default();
        assert_eq!(book.can_fill(&nothing), fits);
        assert_eq!(book.take(&nothing, &mut record).end, end);
        assert_eq!(record, Record::default());
    }
    assert_eq!(book.len(), 1);
}

#[test]
fn a_slot_outlives_refills_and_reductions() {
    // CppTrader 42: a handle went stale when the order it named was matched again.
    let mut book = Book::new();
    let display = domain::Quantity::from_lots(Lots(2));
    let slot = book.rest(&Resting {
        display,
        ..order(1, Side::Sell, 100, 9)
    });
    book.rest(&order(2, Side::Sell, 100, 5));
    assert_eq!(take(&mut book, Side::Buy, 3), [(1, 2), (2, 1)]);
    assert!(book.reduce(slot, 1, Lots(4)).is_some());
    let view = book.resting(slot, 1).unwrap();
    assert_eq!(
        (view.shown, view.hidden, view.owner, view.price),
        (Lots(2), Lots(2), 1, price(100))
    );
    assert_eq!(take(&mut book, Side::Buy, 7), [(2, 4), (1, 2), (1, 1)]);
    assert_eq!(book.remove(slot, 1).map(|removed| removed.left), Some(Lots(1)));
}
