//! The book against its naive twin on random commands.

use domain::{Amount, Lots, Price, SelfTradePrevention, Side};
use matching::{Book, MatchEnd, Resting, Slot, Taker, TakerAmount};
use proptest::prelude::*;

use crate::naive::Naive;
use crate::record::{Record, price, quantity};

#[derive(Debug, Clone, Copy)]
enum Command {
    Place {
        taker: Taker,
        display: Option<u64>,
        style: Style,
    },
    Remove {
        nth: usize,
    },
    Reduce {
        nth: usize,
        to: u64,
    },
    Snapshot,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Style {
    Rest,
    ImmediateOrCancel,
    FillOrKill,
    PostOnly,
}

#[derive(Default)]
struct Twins {
    fast: Book,
    naive: Naive,
    /// Every order that ever rested, so that stale slots are used too.
    slots: Vec<(u64, Slot)>,
    next_key: u64,
}

impl Twins {
    fn run(&mut self, command: Command) {
        match command {
            Command::Place {
                taker,
                display,
                style,
            } => self.place(taker, display, style),
            Command::Remove { nth } => {
                let Some((key, slot)) = self.nth(nth) else { return };
                let removed = self.fast.remove(slot, key);
                let expected = self.naive.remove(key);
                assert_eq!(
                    removed.map(|r| (r.side, r.price, r.left.0)),
                    expected.map(|o| (o.side, o.price, o.shown + o.hidden))
                );
                assert_eq!(self.fast.resting(slot, key), None);
            }
            Command::Reduce { nth, to } => {
                let Some((key, slot)) = self.nth(nth) else { return };
                let before = self.naive.find(key).map(|o| o.shown + o.hidden);
                let reduced = self.fast.reduce(slot, key, Lots(to));
                assert_eq!(reduced.is_some(), self.naive.reduce(key, to));
                assert_eq!(
                    reduced.map(|r| r.by.0),
                    reduced.and(before).map(|before| before - to)
                );
            }
            Command::Snapshot => self.snapshot(),
        }
    }

    /// Recent orders more often than old ones.
    fn nth(&self, nth: usize) -> Option<(u64, Slot)> {
        let back = nth % self.slots.len().clamp(1, 300);
        self.slots.iter().rev().nth(back).copied()
    }

    fn place(&mut self, mut taker: Taker, display: Option<u64>, style: Style) {
        self.next_key += 1;
        taker.key = self.next_key;
        let would_take = self.fast.would_take(taker.side, taker.limit);
        assert_eq!(
            would_take,
            self.naive.would_take(taker.side, taker.limit),
            "{taker:?}"
        );
        let can_fill = self.fast.can_fill(&taker);
        assert_eq!(can_fill, self.naive.can_fill(&taker), "{taker:?}");
        if (style == Style::PostOnly && would_take) || (style == Style::FillOrKill && !can_fill) {
            return;
        }
        let (mut fast, mut naive) = (Record::default(), Record::default());
        let result = self.fast.take(&taker, &mut fast);
        assert_eq!(result, self.naive.take(&taker, &mut naive), "{taker:?}");
        assert_eq!(fast, naive, "{taker:?}");
        if style == Style::FillOrKill {
            assert!(matches!(result.end, MatchEnd::Filled | MatchEnd::BudgetSpent));
        }
        let rests = matches!(style, Style::Rest | Style::PostOnly) && result.end == MatchEnd::NoLiquidity;
        if let (true, Some(price), TakerAmount::Lots(quantity_left)) = (rests, taker.limit, result.left) {
            let Taker { key, owner, side, .. } = taker;
            let display = display.map(quantity);
            let order = Resting {
                key,
                owner,
                side,
                price,
                quantity: quantity_left,
                display,
            };
            self.naive.rest(&order);
            self.slots.push((key, self.fast.rest(&order)));
        }
    }

    /// Puts everything into a new book, as a snapshot does.
    fn snapshot(&mut self) {
        let mut book = Book::with_capacity(self.fast.len());
        self.slots.clear();
        for side in [Side::Buy, Side::Sell] {
            for (slot, key, price, shown, hidden) in self.fast.queue(side) {
                let view = self.fast.resting(slot, key).unwrap();
                let display = self.naive.find(key).map(|order| quantity(order.display));
                let quantity = shown + hidden;
                let order = Resting {
                    key,
                    owner: view.owner,
                    side,
                    price,
                    quantity,
                    display,
                };
                self.slots.push((key, book.restore(&order, shown)));
            }
        }
        self.fast = book;
    }

    fn compare(&self) {
        for side in [Side::Buy, Side::Sell] {
            let expected = self.naive.queue(side);
            let queue: Vec<_> = self.fast.queue(side).collect();
            assert_eq!(
                queue
                    .iter()
                    .map(|(_, key, price, shown, hidden)| (*key, *price, shown.0, hidden.0))
                    .collect::<Vec<_>>(),
                expected
                    .iter()
                    .map(|o| (o.key, o.price, o.shown, o.hidden))
                    .collect::<Vec<_>>()
            );
            for (order, (slot, key, ..)) in expected.iter().zip(queue) {
                let view = self.fast.resting(slot, key).unwrap();
                assert_eq!((view.side, view.owner), (side, order.owner));
            }
            assert_eq!(self.fast.best(side), expected.first().map(|order| order.price));
            let mut prices: Vec<Price> = expected.iter().map(|order| order.price).collect();
            prices.dedup();
            let levels: Vec<_> = self.fast.levels(side).collect();
            assert_eq!(levels.iter().map(|level| level.price).collect::<Vec<_>>(), prices);
            for level in levels {
                assert_eq!(level.shown.0, self.naive.shown(side, level.price));
                assert_eq!(level.shown, self.fast.shown(side, level.price));
                assert_eq!(self.fast.shown(side.opposite(), level.price), Lots::ZERO);
                let orders = expected.iter().filter(|order| order.price == level.price).count();
                assert_eq!(level.orders as usize, orders);
            }
        }
        assert_eq!(self.fast.len(), self.naive.0.len());
        assert_eq!(self.fast.is_empty(), self.naive.0.is_empty());
        let levels = self.fast.levels(Side::Buy).count() + self.fast.levels(Side::Sell).count();
        assert_eq!(self.fast.level_count(), levels);
    }
}

fn modes() -> impl Strategy<Value = SelfTradePrevention> {
    prop::sample::select(SelfTradePrevention::ALL)
}

fn prices() -> impl Strategy<Value = u32> {
    prop_oneof![
        12 => 990u32..1010,
        1 => 1u32..5,
        1 => 70_000u32..70_005,
        1 => u32::MAX - 3..=u32::MAX,
        1 => 1u32..=u32::MAX,
    ]
}

fn commands() -> impl Strategy<Value = Command> {
    let side = prop_oneof![Just(Side::Buy), Just(Side::Sell)];
    let style = prop_oneof![
        6 => Just(Style::Rest),
        1 => Just(Style::ImmediateOrCancel),
        1 => Just(Style::FillOrKill),
        1 => Just(Style::PostOnly),
    ];
    let amount = prop_oneof![
        8 => (1u64..30).prop_map(|lots| TakerAmount::Lots(Lots(lots))),
        1 => (0u64..60_000, 1u64..3, 1u64..40).prop_map(|(amount, tick_lot, most)| TakerAmount::Budget {
            amount: Amount(amount),
            tick_lot,
            most: Lots(most),
        }),
    ];
    let limit = prop_oneof![9 => prices().prop_map(Some), 1 => Just(None)];
    let display = prop::option::weighted(0.3, 1u64..8);
    let place = (side, limit, amount, 0u32..4, modes(), display, style).prop_map(
        |(side, limit, amount, owner, prevention, display, style)| {
            let taker = Taker {
                key: 0,
                owner,
                side,
                limit: limit.map(price),
                amount,
                prevention,
            };
            Command::Place {
                taker,
                display,
                style,
            }
        },
    );
    prop_oneof![
        12 => place,
        4 => (0usize..1000).prop_map(|nth| Command::Remove { nth }),
        3 => (0usize..1000, 0u64..20).prop_map(|(nth, to)| Command::Reduce { nth, to }),
        1 => Just(Command::Snapshot),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn the_fast_book_equals_the_naive_one(commands in prop::collection::vec(commands(), 1..120)) {
        let mut twins = Twins::default();
        for command in commands {
            twins.run(command);
            twins.compare();
        }
    }
}

/// splitmix64.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % limit
    }

    fn command(&mut self, centre: u64, width: u64) -> Command {
        match self.below(10) {
            0..=2 => {
                return Command::Remove {
                    nth: self.below(300) as usize,
                };
            }
            3 => {
                return Command::Reduce {
                    nth: self.below(300) as usize,
                    to: self.below(20),
                };
            }
            _ => {}
        }
        let side = if self.below(2) == 0 { Side::Buy } else { Side::Sell };
        let ticks = (centre + self.below(width))
            .saturating_sub(width / 2)
            .clamp(1, u64::from(u32::MAX));
        let prevention = SelfTradePrevention::ALL[self.below(5) as usize];
        let styles = [
            Style::Rest,
            Style::Rest,
            Style::Rest,
            Style::ImmediateOrCancel,
            Style::FillOrKill,
        ];
        let taker = Taker {
            key: 0,
            owner: self.below(20) as u32,
            side,
            limit: Some(price(ticks as u32)),
            amount: TakerAmount::Lots(Lots(1 + self.below(20))),
            prevention,
        };
        let display = (self.below(5) == 0).then(|| 1 + self.below(5));
        Command::Place {
            taker,
            display,
            style: styles[self.below(5) as usize],
        }
    }
}

/// Long sessions whose prices wander, jump, and spread, so that the dense window of prices moves and grows many times.
#[test]
fn the_fast_book_equals_the_naive_one_wherever_prices_go() {
    for seed in 0..6u64 {
        let mut random = Random(seed);
        let mut twins = Twins::default();
        let mut centre = [1_000, 100_000, 1, 3_000_000_000, u64::from(u32::MAX), 66_000][seed as usize];
        let widths = [10, 300, 5_000, 200_000, 3_000_000, 40];
        for round in 0..12_000u64 {
            if round % 3_000 == 2_999 {
                centre = random.below(1 << 32);
            }
            centre += random.below(60);
            let width = widths[(round / 2_000) as usize];
            twins.run(random.command(centre, width));
            if round % 50 == 0 {
                twins.compare();
            }
        }
        twins.run(Command::Snapshot);
        twins.compare();
    }
}
