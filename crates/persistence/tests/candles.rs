//! Candles in history are those that the live fold makes of the same trades.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod support;

use domain::{Event, MarketEvent, MarketNumber, Trade};
use market_data::{Candle, Candles, Interval};
use persistence::{CandleQuery, HistoryBatch, HistoryError, HistoryReader, HistoryWriter};
use proptest::prelude::*;
use support::{at, batch, market, trade, user, writer};

fn folded(trades: &[Trade], number: u32) -> Candles {
    let mut candles = Candles::new(&market(number), 0, 1_000);
    let of_market = trades.iter().filter(|trade| trade.market == MarketNumber(number));
    for (seq, trade) in (1..).zip(of_market) {
        let event = MarketEvent {
            market: trade.market,
            seq,
            at: trade.executed_at,
            event: Event::Trade(Box::new(*trade)),
        };
        candles.apply(&event).unwrap();
    }
    candles
}

fn all(market: u32, interval: Interval) -> CandleQuery {
    CandleQuery {
        market: MarketNumber(market),
        interval,
        from: None,
        to: None,
        limit: 1_000,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Steps up to an hour and a little back, in transactions of any size.
    #[test]
    fn candles_equal_the_folded_ones(
        steps in proptest::collection::vec((-30_000_000..3_600_000_000_i64, 1..4_u32, any::<bool>()), 1..60),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("history.db");
        let mut writer = writer(&path);
        let (mut trades, mut waiting, mut micros) = (Vec::new(), Vec::new(), 0_i64);
        for (seq, (step, market, write)) in (1..).zip(steps) {
            micros = (micros + step).max(0);
            let trade = trade(market, seq, micros.cast_unsigned(), (seq, user(1)), (seq, user(2)));
            trades.push(trade);
            waiting.push(HistoryBatch { trades: vec![trade], ..batch(seq, seq) });
            if write {
                writer.write(&std::mem::take(&mut waiting)).unwrap();
            }
        }
        writer.write(&waiting).unwrap();
        let reader = HistoryReader::open(&path, 1).unwrap();
        for market in 1..4 {
            let folded = folded(&trades, market);
            for interval in Interval::ALL {
                let expected: Vec<Candle> = folded.series(interval).copied().collect();
                prop_assert_eq!(reader.candles(&all(market, interval)).unwrap(), expected);
            }
        }
    }
}

#[test]
fn a_range_ends_before_its_end_and_keeps_the_latest() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("history.db");
    let minute = Interval::Minute1.micros();
    let trades = (0..10).map(|number| trade(1, number, number * minute, (1, user(1)), (2, user(2))));
    let written = HistoryBatch {
        trades: trades.collect(),
        ..batch(1, 1)
    };
    writer(&path).write(&[written]).unwrap();
    let reader = HistoryReader::open(&path, 1).unwrap();
    let candles = reader.candles(&all(1, Interval::Minute1)).unwrap();
    assert_eq!(candles.len(), 10);
    let opened = |index: usize| candles[index].opened_at(Interval::Minute1);
    for (from, to, limit, expected) in [
        (Some(opened(3)), None, 99, 3..10),
        (None, Some(opened(3)), 99, 0..3),
        (
            Some(opened(3).plus_micros(1)),
            Some(opened(7).plus_micros(1)),
            99,
            4..8,
        ),
        (None, None, 4, 6..10),
        (None, Some(opened(8)), 2, 6..8),
        (Some(opened(5)), Some(opened(5)), 99, 5..5),
        (Some(at(u64::MAX / 2)), None, 99, 10..10),
    ] {
        let query = CandleQuery {
            from,
            to,
            limit,
            ..all(1, Interval::Minute1)
        };
        assert_eq!(reader.candles(&query).unwrap(), candles[expected], "{query:?}");
    }
}

#[test]
fn a_trade_of_an_unknown_market_is_refused_and_nothing_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("history.db");
    let mut writer = HistoryWriter::open(&path).unwrap();
    let written = [HistoryBatch {
        trades: vec![trade(1, 1, 1, (1, user(1)), (2, user(2)))],
        ..batch(1, 1)
    }];
    let error = writer.write(&written).unwrap_err();
    assert!(
        matches!(error, HistoryError::UnknownMarket(MarketNumber(1))),
        "{error}"
    );
    let reader = HistoryReader::open(&path, 1).unwrap();
    assert_eq!(reader.market_trades(MarketNumber(1), None, 9).unwrap(), []);
    writer.define_market(&market(1));
    writer.write(&written).unwrap();
    assert_eq!((writer.seq(), reader.seq().unwrap()), (1, 1));
}
