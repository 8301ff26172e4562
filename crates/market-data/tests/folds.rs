//! What each fold shows after some events.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

mod tape;

use domain::Side::{Buy, Sell};
use domain::{Event, MarketEvent, MarketNumber, MarketState, Side, Stamp};
use market_data::{Applied, Candles, Depth, Interval, Level, OutOfSequence, Ticker, Trades};
use tape::{MARKET, MINUTE, level, market, numbers, price, trade};

fn shown(levels: impl Iterator<Item = Level>) -> Vec<(u32, u64)> {
    levels
        .map(|level| (level.price.ticks(), level.quantity.0))
        .collect()
}

/// Ticks and lots, best first.
type Shown = &'static [(u32, u64)];

#[test]
fn depth_shows_the_best_prices_first_and_forgets_what_is_gone() {
    let mut depth = Depth::new(MARKET);
    let steps: [(Side, u32, u64, Shown, Shown); 7] = [
        (Buy, 99, 5, &[(99, 5)], &[]),
        (Buy, 100, 1, &[(100, 1), (99, 5)], &[]),
        (Sell, 103, 2, &[(100, 1), (99, 5)], &[(103, 2)]),
        (Sell, 102, 4, &[(100, 1), (99, 5)], &[(102, 4), (103, 2)]),
        (Buy, 99, 7, &[(100, 1), (99, 7)], &[(102, 4), (103, 2)]),
        (Buy, 100, 0, &[(99, 7)], &[(102, 4), (103, 2)]),
        (Sell, 50, 0, &[(99, 7)], &[(102, 4), (103, 2)]),
    ];
    for (seq, (side, ticks, lots, bids, asks)) in (1..).zip(steps) {
        assert_eq!(depth.apply(&level(seq, side, ticks, lots)), Ok(Applied::Next));
        assert_eq!(
            (shown(depth.bids()), shown(depth.asks())),
            (bids.to_vec(), asks.to_vec())
        );
        assert_eq!(
            (depth.last_seq(), depth.level_counts()),
            (seq, (bids.len(), asks.len()))
        );
    }
}

#[test]
fn depth_goes_on_from_a_snapshot_of_its_levels() {
    let mut first = Depth::new(MARKET);
    for event in [level(1, Buy, 99, 5), level(2, Sell, 101, 3), level(3, Buy, 98, 1)] {
        first.apply(&event).unwrap();
    }
    let bids = first.bids().map(|level| (Buy, level));
    let asks = first.asks().map(|level| (Sell, level));
    let mut second = Depth::from_levels(MARKET, first.last_seq(), asks.chain(bids));
    assert_eq!(second, first);
    second.apply(&level(4, Buy, 99, 0)).unwrap();
    assert_eq!(shown(second.bids()), [(98, 1)]);
}

#[test]
fn every_fold_follows_the_sequence() {
    let mut depth = Depth::new(MARKET);
    let mut trades = Trades::new(MARKET, 0, 9);
    let mut ticker = Ticker::new(&market(), 0);
    let mut candles = Candles::new(&market(), 0, 9);
    let stranger = MarketEvent {
        market: MarketNumber(2),
        ..trade(2, 5, 10, 1)
    };
    let other = OutOfSequence::OtherMarket {
        found: MarketNumber(2),
    };
    let state = MarketEvent {
        event: Event::MarketStateChanged(MarketState::Halted),
        ..trade(2, 5, 10, 1)
    };
    for (event, applied, last_seq) in [
        (
            trade(2, 5, 10, 1),
            Err(OutOfSequence::Gap {
                expected: 1,
                found: 2,
            }),
            0,
        ),
        (trade(1, 5, 10, 1), Ok(Applied::Next), 1),
        (trade(1, 5, 10, 1), Ok(Applied::Repeat), 1),
        (stranger, Err(other), 1),
        // What a fold does not show counts in the sequence all the same.
        (state, Ok(Applied::Next), 2),
        (
            trade(u64::MAX, 5, 10, 1),
            Err(OutOfSequence::Gap {
                expected: 3,
                found: u64::MAX,
            }),
            2,
        ),
        (trade(3, 5, 10, 1), Ok(Applied::Next), 3),
    ] {
        let applies = [
            depth.apply(&event),
            trades.apply(&event),
            ticker.apply(&event),
            candles.apply(&event),
        ];
        assert_eq!(applies, [applied; 4], "{event:?}");
        let seqs = [
            depth.last_seq(),
            trades.last_seq(),
            ticker.last_seq(),
            candles.last_seq(),
        ];
        assert_eq!(seqs, [last_seq; 4], "{event:?}");
    }
    assert_eq!(trades.latest().count(), 2);
    assert_eq!(ticker.summary(Stamp::from_micros(5)).day.unwrap().trade_count, 2);
}

#[test]
fn the_last_trades_are_kept_without_their_parties() {
    let mut trades = Trades::new(MARKET, 0, 3);
    for number in 1..=5 {
        trades.apply(&trade(number, number, 100, number)).unwrap();
    }
    let numbers: Vec<u64> = trades.latest().map(|trade| trade.number).collect();
    assert_eq!(numbers, [5, 4, 3]);
    let last = trades.latest().next().unwrap();
    assert_eq!(
        (last.taker_side, last.price, last.quantity.lots().0),
        (Buy, price(100), 5)
    );
    for (number, after) in [(0, vec![3, 4, 5]), (3, vec![4, 5]), (5, vec![]), (9, vec![])] {
        let found: Vec<u64> = trades.after(number).map(|trade| trade.number).collect();
        assert_eq!(found, after, "after {number}");
    }
}

#[test]
fn nothing_is_kept_where_nothing_may_be_kept() {
    let (mut trades, mut candles) = (Trades::new(MARKET, 0, 0), Candles::new(&market(), 0, 0));
    for number in 1..4 {
        trades.apply(&trade(number, number, 1, 1)).unwrap();
        candles.apply(&trade(number, number, 1, 1)).unwrap();
    }
    assert_eq!(
        (trades.latest().count(), candles.series(Interval::Day1).len()),
        (0, 0)
    );
}

#[test]
fn candles_open_at_whole_spans_and_skip_quiet_ones() {
    let mut candles = Candles::new(&market(), 0, 100);
    let start = 1_440 * MINUTE * 20_000;
    let trades = [
        (0, 100, 10),
        (MINUTE - 1, 90, 1),
        (MINUTE, 110, 2),
        (7 * MINUTE, 105, 3),
        (1_440 * MINUTE, 101, 4),
    ];
    for (number, (micros, ticks, lots)) in (1..).zip(trades) {
        candles
            .apply(&trade(number, start + micros, ticks, lots))
            .unwrap();
    }
    let series = |interval| -> Vec<_> {
        let minutes = |candle: &market_data::Candle| (candle.opened_at(interval).micros() - start) / MINUTE;
        candles
            .series(interval)
            .map(|candle| (minutes(candle), numbers(&candle.bar)))
            .collect()
    };
    let first = (0, (100, 100, 90, 90, 11, 1_090_000, 2));
    let second = (110, 110, 110, 110, 2, 220_000, 1);
    let third = (105, 105, 105, 105, 3, 315_000, 1);
    let tomorrow = (1_440, (101, 101, 101, 101, 4, 404_000, 1));
    assert_eq!(
        series(Interval::Minute1),
        [first, (1, second), (7, third), tomorrow]
    );
    let five = (0, (100, 110, 90, 110, 13, 1_310_000, 3));
    assert_eq!(series(Interval::Minute5), [five, (5, third), tomorrow]);
    let day = (0, (100, 110, 90, 105, 16, 1_625_000, 4));
    for interval in [
        Interval::Minute15,
        Interval::Hour1,
        Interval::Hour4,
        Interval::Day1,
    ] {
        assert_eq!(series(interval), [day, tomorrow], "{}", interval.word());
    }
}

#[test]
fn only_so_many_candles_are_kept() {
    let mut candles = Candles::new(&market(), 0, 3);
    for number in 1..=10 {
        candles.apply(&trade(number, number * MINUTE, 100, 1)).unwrap();
    }
    let kept: Vec<u64> = candles
        .series(Interval::Minute1)
        .map(|candle| candle.number)
        .collect();
    assert_eq!(kept, [8, 9, 10]);
    assert_eq!(candles.series(Interval::Day1).next().unwrap().bar.trade_count, 10);
}

#[test]
fn intervals_have_words() {
    let words = Interval::ALL.map(Interval::word);
    assert_eq!(words, ["1m", "5m", "15m", "1h", "4h", "1d"]);
    assert_eq!(
        words.map(|word| Interval::from_word(word).unwrap()),
        Interval::ALL
    );
    assert_eq!(Interval::from_word("1M"), None);
}

#[test]
fn the_ticker_forgets_what_is_a_day_old_and_keeps_the_last_price() {
    let day = 1_440;
    let mut ticker = Ticker::new(&market(), 0);
    let now = |minutes: u64| Stamp::from_micros(minutes * MINUTE + MINUTE - 1);
    assert_eq!(ticker.summary(now(0)).last, None);
    ticker.apply(&trade(1, 10 * MINUTE, 100, 10)).unwrap();
    ticker.apply(&trade(2, 20 * MINUTE, 120, 1)).unwrap();
    ticker.apply(&trade(3, 30 * MINUTE, 110, 2)).unwrap();
    for (minutes, expected) in [
        (30, Some((100, 120, 100, 110, 13, 1_340_000, 3))),
        (9 + day, Some((100, 120, 100, 110, 13, 1_340_000, 3))),
        (10 + day, Some((120, 120, 110, 110, 3, 340_000, 2))),
        (20 + day, Some((110, 110, 110, 110, 2, 220_000, 1))),
        (30 + day, None),
    ] {
        let summary = ticker.summary(now(minutes));
        assert_eq!(summary.last, Some(price(110)), "{minutes}");
        assert_eq!(summary.day.as_ref().map(numbers), expected, "{minutes}");
    }
}

#[test]
fn ticker_and_candles_go_on_from_history_and_count_no_trade_twice() {
    let tape: Vec<_> = (1..=40)
        .map(|number| trade(number, number * MINUTE / 3, 100 + number as u32 % 7, number))
        .collect();
    let (mut ticker, mut candles) = (Ticker::new(&market(), 0), Candles::new(&market(), 0, 9));
    for event in &tape {
        ticker.apply(event).unwrap();
        candles.apply(event).unwrap();
    }
    // History has trades up to `known`, and the events are followed from `from`, which lies before.
    for (from, known) in [(0, 0), (0, 1), (3, 9), (9, 9), (11, 12), (25, 40), (40, 40)] {
        let (mut first, mut kept) = (Ticker::new(&market(), 0), Candles::new(&market(), 0, 2_000));
        for event in &tape[..known] {
            first.apply(event).unwrap();
            kept.apply(event).unwrap();
        }
        let minutes = kept.series(Interval::Minute1).copied();
        let last = first.summary(Stamp::from_micros(0)).last;
        let last_trade = last.map(|price| (known as u64, price));
        let mut ticker_again = Ticker::from_minutes(&market(), from as u64, last_trade, minutes);
        let series = Interval::ALL.map(|interval| (interval, kept.series(interval).copied().collect()));
        let mut candles_again = Candles::from_series(&market(), from as u64, known as u64, 9, series);
        for event in &tape[from..] {
            assert_eq!(ticker_again.apply(event), Ok(Applied::Next));
            assert_eq!(candles_again.apply(event), Ok(Applied::Next));
        }
        let now = Stamp::from_micros(40 * MINUTE / 3);
        assert_eq!(ticker_again.summary(now), ticker.summary(now), "{from} {known}");
        assert_eq!(ticker_again.last_seq(), ticker.last_seq());
        for interval in Interval::ALL {
            let shown = |candles: &Candles| candles.series(interval).copied().collect::<Vec<_>>();
            assert_eq!(
                shown(&candles_again),
                shown(&candles),
                "{from} {known} {interval:?}"
            );
        }
    }
}
