//! The past: own trades, the ledger and candles, seen by the first question after the answer, a page at a time.

use std::time::Duration;

use domain::{EntryType, MarketNumber, OrderId, Reference, Side::Buy, Side::Sell, Stamp, TransferKind};
use market_data::{Candle, Interval};

use crate::behaviour::Venue;
use crate::behaviour::stage::{MANY, Stage, price, whole};
use crate::{CandleFilter, EntryFilter, Queries, QueryError, TradeFilter};

pub(super) async fn own_trades_are_seen_at_once_and_filtered<V: Venue>(venue: &V) {
    let stage = Stage::open(venue).await;
    let (alice, bob, mallory) = (
        stage.user(20, 0).await,
        stage.user(0, 5_000).await,
        stage.user(0, 0).await,
    );
    let mut bids = Vec::new();
    for at in [100, 101, 102, 103] {
        stage.limits(alice, Sell, 2, at).await;
        bids.push(stage.limits(bob, Buy, 2, at).await.order_id);
        let filter = TradeFilter {
            limit: 1,
            ..TradeFilter::default()
        };
        let newest = stage.exchange().own_trades(bob, filter).await;
        let newest = newest.expect("own trades are told");
        assert_eq!(newest.first().map(|trade| trade.price), Some(price(at)));
    }
    let tape = stage.trades().await;
    let id = |place: usize| Some(tape[place].trade_id);
    let (here, elsewhere) = (Some(stage.number()), Some(MarketNumber(venue.fresh())));
    for (market, order_id, before, after, limit, expected) in [
        (None, None, None, None, MANY, vec![0, 1, 2, 3]),
        (here, None, None, None, MANY, vec![0, 1, 2, 3]),
        (elsewhere, None, None, None, MANY, vec![]),
        (None, Some(bids[2]), None, None, MANY, vec![1]),
        (None, Some(OrderId::from_u128(7)), None, None, MANY, vec![]),
        (here, None, id(1), None, MANY, vec![2, 3]),
        (here, None, id(1), None, 1, vec![2]),
        (None, None, None, id(2), MANY, vec![0, 1]),
        (None, None, id(0), id(3), MANY, vec![1, 2]),
        (None, None, None, None, 0, vec![]),
    ] {
        let filter = TradeFilter {
            market,
            order_id,
            before,
            after,
            limit,
        };
        let expected: Vec<_> = expected.into_iter().map(|place: usize| tape[place]).collect();
        for user in [alice, bob] {
            if user == alice && order_id.is_some() {
                continue;
            }
            let found = stage.exchange().own_trades(user, filter).await;
            assert_eq!(found, Ok(expected.clone()), "{filter:?}");
        }
        assert_eq!(stage.exchange().own_trades(mallory, filter).await, Ok(vec![]));
    }
    let of_bob = TradeFilter {
        order_id: Some(bids[0]),
        limit: MANY,
        ..TradeFilter::default()
    };
    assert_eq!(
        stage.exchange().own_trades(alice, of_bob).await,
        Ok(vec![]),
        "an order of somebody else's is none of the caller's"
    );
    stage.finish().await;
}

pub(super) async fn the_ledger_tells_every_change_of_a_balance<V: Venue>(venue: &V) {
    let stage = Stage::open(venue).await;
    let (alice, bob) = (stage.user(5, 0).await, stage.user(0, 1_000).await);
    let bid = stage.limits(bob, Buy, 5, 100).await;
    stage.limits(alice, Sell, 2, 100).await;
    let key = stage.key();
    let out = stage.transfer(TransferKind::Withdrawal, &key, bob, stage.quote(), whole(100));
    assert!(out.await.is_ok());
    let all = EntryFilter {
        limit: MANY,
        ..EntryFilter::default()
    };
    let lines = stage
        .exchange()
        .ledger(bob, all)
        .await
        .expect("the ledger is told");
    let last = lines.first().expect("there are lines");
    assert_eq!(
        (last.entry_type, last.available, &last.reference),
        (EntryType::Withdrawal, -10_000_000_000, &Reference::Transfer(key))
    );
    let types: Vec<_> = lines.iter().rev().map(|line| line.entry_type).collect();
    assert_eq!(types[..2], [EntryType::Deposit, EntryType::Reserve]);
    assert_eq!(lines[lines.len() - 2].reference, Reference::Order(bid.order_id));
    let of_trade = |line: &&domain::LedgerEntry| matches!(line.reference, Reference::Trade(_));
    assert!(lines.iter().filter(of_trade).count() >= 2, "{lines:?}");
    let base: Vec<_> = lines
        .iter()
        .filter(|line| line.asset == stage.base())
        .cloned()
        .collect();
    let filter = EntryFilter {
        asset: Some(stage.base()),
        ..all
    };
    assert_eq!(stage.exchange().ledger(bob, filter).await, Ok(base));
    let mut paged = Vec::new();
    loop {
        let filter = EntryFilter {
            asset: None,
            before: paged
                .last()
                .map(|line: &domain::LedgerEntry| (line.seq, line.line)),
            limit: 2,
        };
        let page = stage
            .exchange()
            .ledger(bob, filter)
            .await
            .expect("the ledger is told");
        if page.is_empty() {
            break;
        }
        paged.extend(page);
    }
    assert_eq!(paged, lines, "pages of two are the whole ledger");
    stage.finish().await;
}

async fn candles<V: Venue>(stage: &Stage<'_, V>, filter: CandleFilter) -> Vec<Candle> {
    let candles = stage.exchange().candles(stage.number(), filter).await;
    candles.expect("candles are told")
}

pub(super) async fn candles_are_seen_at_once_and_gather_their_span<V: Venue>(venue: &V) {
    let stage = Stage::open(venue).await;
    let (alice, bob) = (stage.user(50, 0).await, stage.user(0, 5_000).await);
    let filter = |interval| CandleFilter {
        interval,
        from: None,
        to: None,
        limit: MANY,
    };
    for interval in Interval::ALL {
        assert_eq!(candles(&stage, filter(interval)).await, []);
    }
    // Both trades of a minute within it, even if the case begins at its end.
    let minute = Interval::Minute1.micros();
    venue
        .pass(Duration::from_micros(minute - venue.now().micros() % minute))
        .await;
    for spans in 0..3 {
        for at in [100 + spans, 105 - spans] {
            stage.limits(alice, Sell, 2, at).await;
            stage.limits(bob, Buy, 2, at).await;
        }
        let now = candles(&stage, filter(Interval::Minute1)).await;
        assert_eq!(now.len(), spans as usize + 1);
        let bar = now.last().expect("a candle").bar;
        let told = [bar.open, bar.high, bar.low, bar.close].map(|price| price.ticks());
        assert_eq!(told, [100 + spans, 105 - spans, 100 + spans, 105 - spans]);
        assert_eq!((bar.trade_count, bar.base_volume), (2, 4));
        venue.pass(Duration::from_secs(120)).await;
    }
    let all = candles(&stage, filter(Interval::Minute1)).await;
    let numbers: Vec<_> = all.iter().map(|candle| candle.number).collect();
    assert_eq!(
        numbers,
        [numbers[0], numbers[0] + 2, numbers[0] + 4],
        "none where nothing traded"
    );
    let day: u64 = candles(&stage, filter(Interval::Day1))
        .await
        .iter()
        .map(|c| c.bar.trade_count)
        .sum();
    assert_eq!(day, 6);
    let start = |place: usize| Some(Stamp::from_micros(numbers[place] * minute));
    for (from, to, limit, expected) in [
        (start(1), None, MANY, &all[1..]),
        (None, start(2), MANY, &all[..2]),
        (start(1), start(2), MANY, &all[1..2]),
        (None, None, 2, &all[1..]),
        (None, None, 0, &[]),
    ] {
        let asked = CandleFilter {
            from,
            to,
            limit,
            ..filter(Interval::Minute1)
        };
        assert_eq!(candles(&stage, asked).await, expected, "{asked:?}");
    }
    let nowhere = MarketNumber(venue.fresh());
    let unknown = stage.exchange().candles(nowhere, filter(Interval::Hour1)).await;
    assert_eq!(unknown, Err(QueryError::NotFound));
    stage.finish().await;
}
