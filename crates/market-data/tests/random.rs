//! Random events: each fold shows what a plain list of the events says, and survives its snapshot.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

mod tape;

use domain::{Side, Stamp};
use market_data::{Candles, Depth, Interval, Ticker, Trades};
use proptest::prelude::*;
use tape::{MARKET, MINUTE, level, market, trade};

/// Trades as (minutes since the one before, ticks, lots).
fn trades() -> impl Strategy<Value = Vec<(u64, u32, u64)>> {
    let pause = prop_oneof![4 => 0..3u64, 2 => 0..300u64, 1 => 1_400..1_500u64];
    prop::collection::vec((pause, 1..1_000u32, 1..1_000u64), 1..80)
}

/// The same as (moment, ticks, lots).
fn stamped(trades: &[(u64, u32, u64)]) -> Vec<(u64, u32, u64)> {
    let start = 1_000 * 1_440 * MINUTE + 12_345;
    trades
        .iter()
        .scan(start, |at, (pause, ticks, lots)| {
            *at += pause * MINUTE + 1;
            Some((*at, *ticks, *lots))
        })
        .collect()
}

proptest! {
    #[test]
    fn depth_equals_a_list_of_levels(
        levels in prop::collection::vec((any::<bool>(), 1..12u32, 0..4u64), 1..200),
    ) {
        let mut depth = Depth::new(MARKET);
        let mut plain: Vec<(Side, u32, u64)> = Vec::new();
        for (seq, (buys, ticks, lots)) in (1..).zip(levels) {
            let side = if buys { Side::Buy } else { Side::Sell };
            depth.apply(&level(seq, side, ticks, lots)).unwrap();
            plain.retain(|(s, t, _)| (*s, *t) != (side, ticks));
            if lots > 0 {
                plain.push((side, ticks, lots));
            }
            plain.sort_by_key(|(_, ticks, _)| *ticks);
            let of = |side| plain.iter().filter(move |(s, ..)| *s == side).map(|(_, t, l)| (*t, *l));
            let bids: Vec<_> = depth.bids().map(|level| (level.price.ticks(), level.quantity.0)).collect();
            let asks: Vec<_> = depth.asks().map(|level| (level.price.ticks(), level.quantity.0)).collect();
            prop_assert_eq!(bids, of(Side::Buy).rev().collect::<Vec<_>>());
            prop_assert_eq!(asks, of(Side::Sell).collect::<Vec<_>>());
        }
        let bytes = postcard::to_allocvec(&depth).unwrap();
        prop_assert_eq!(postcard::from_bytes::<Depth>(&bytes).unwrap(), depth);
    }

    #[test]
    fn candles_are_made_of_all_trades_and_no_others(trades in trades()) {
        let trades = stamped(&trades);
        let mut candles = Candles::new(&market(), 0, usize::MAX);
        for (number, (at, ticks, lots)) in (1..).zip(&trades) {
            candles.apply(&trade(number, *at, *ticks, *lots)).unwrap();
        }
        for interval in Interval::ALL {
            let mut seen = 0;
            for candle in candles.series(interval) {
                let inside = |at: u64| at / interval.micros() == candle.number;
                let own: Vec<_> = trades.iter().filter(|(at, ..)| inside(*at)).collect();
                let bar = &candle.bar;
                prop_assert_eq!(bar.base_volume, own.iter().map(|(_, _, lots)| u128::from(*lots)).sum::<u128>());
                let value = |(_, ticks, lots): &&(u64, u32, u64)| u128::from(*ticks) * u128::from(*lots) * 1_000;
                prop_assert_eq!(bar.quote_volume, own.iter().map(value).sum::<u128>());
                prop_assert_eq!(bar.open.ticks(), own[0].1);
                prop_assert_eq!(bar.close.ticks(), own[own.len() - 1].1);
                prop_assert_eq!(Some(bar.high.ticks()), own.iter().map(|(_, ticks, _)| *ticks).max());
                prop_assert_eq!(Some(bar.low.ticks()), own.iter().map(|(_, ticks, _)| *ticks).min());
                prop_assert_eq!(bar.trade_count, own.len() as u64);
                seen += own.len();
            }
            prop_assert_eq!(seen, trades.len(), "{}", interval.word());
        }
        let bytes = postcard::to_allocvec(&candles).unwrap();
        prop_assert_eq!(postcard::from_bytes::<Candles>(&bytes).unwrap(), candles);
    }

    #[test]
    fn the_ticker_is_the_sum_of_the_last_1440_minutes(trades in trades(), later in 0..1_600u64) {
        let trades = stamped(&trades);
        let mut ticker = Ticker::new(&market(), 0);
        for (count, (at, ticks, lots)) in (1..).zip(&trades) {
            ticker.apply(&trade(count, *at, *ticks, *lots)).unwrap();
            let now = at + later * MINUTE;
            let inside = |at: u64| at / MINUTE + 1_440 > now / MINUTE;
            let own: Vec<_> = trades[..count as usize].iter().filter(|(at, ..)| inside(*at)).collect();
            let summary = ticker.summary(Stamp::from_micros(now));
            prop_assert_eq!(summary.last.map(|price| price.ticks()), Some(*ticks));
            prop_assert_eq!(summary.day.is_some(), !own.is_empty());
            if let Some(day) = summary.day {
                prop_assert_eq!(day.base_volume, own.iter().map(|(_, _, lots)| u128::from(*lots)).sum::<u128>());
                prop_assert_eq!(day.open.ticks(), own[0].1);
                prop_assert_eq!(Some(day.high.ticks()), own.iter().map(|(_, ticks, _)| *ticks).max());
                prop_assert_eq!(Some(day.low.ticks()), own.iter().map(|(_, ticks, _)| *ticks).min());
                prop_assert_eq!(day.trade_count, own.len() as u64);
            }
        }
        let bytes = postcard::to_allocvec(&ticker).unwrap();
        prop_assert_eq!(postcard::from_bytes::<Ticker>(&bytes).unwrap(), ticker);
    }

    #[test]
    fn the_ring_of_trades_is_the_end_of_all_trades(trades in trades(), capacity in 0..50usize) {
        let trades = stamped(&trades);
        let mut ring = Trades::new(MARKET, 0, capacity);
        for (number, (at, ticks, lots)) in (1..).zip(&trades) {
            ring.apply(&trade(number, *at, *ticks, *lots)).unwrap();
        }
        let kept: Vec<u64> = ring.latest().map(|trade| trade.number).collect();
        let last: Vec<u64> = (1..=trades.len() as u64).rev().take(capacity).collect();
        prop_assert_eq!(kept, last);
        let bytes = postcard::to_allocvec(&ring).unwrap();
        prop_assert_eq!(postcard::from_bytes::<Trades>(&bytes).unwrap(), ring);
    }
}
