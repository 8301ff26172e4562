//! When nothing may go on: a command that panics the fold, a log that cannot be written.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use domain::{Command, MarketState, OrderRef, Side, Size, Terms};
use embedded::{Embedded, Options, Probe};
use exchange::{LogBody, LogEntry};
use trading::{EntryError, NewOrder, OrderEntry, OrderFilter, Queries, QueryError};

use crate::house::{ALICE, BOB, BTC, House, fund, is_unavailable, limit, lots, placed, replayed, until};

/// Panics at an order for this many lots, as a fold with a fault in it would.
const POISON_LOTS: u64 = 666;

fn faulty(options: &mut Options) {
    options.probe = Probe::new(|command| {
        let Command::Place(place) = command else { return };
        if place.terms.size() == Size::Quantity(lots(POISON_LOTS)) {
            panic!("the fold has a fault");
        }
    });
}

/// The poison files, oldest first.
fn poison(dir: &Path) -> Vec<std::path::PathBuf> {
    let Ok(entries) = fs::read_dir(dir.join("poison")) else {
        return Vec::new();
    };
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "bin"));
    files.sort();
    files
}

/// Sends the poison, and waits until the writer has died of it.
async fn die(house: &House, exchange: &Embedded) {
    let faults = house.faults().len();
    let answer = exchange.place(BOB, limit(Side::Buy, POISON_LOTS, 7)).await;
    assert_eq!(answer, Err(EntryError::OutcomeUnknown));
    until("the fatal hook fires", || house.faults().len() > faults).await;
}

#[tokio::test]
async fn a_command_that_panics_the_fold_is_written_down_and_never_logged() {
    let house = House::new();
    let (exchange, _) = house.open_with(faulty);
    fund(&exchange, &[ALICE, BOB]).await;
    let kept = placed(&exchange, ALICE, limit(Side::Buy, 5, 100)).await;
    let before = exchange.audit().await.unwrap();
    die(&house, &exchange).await;
    let faults = house.faults();
    assert_eq!(faults.len(), 1, "{faults:?}");
    assert!(faults[0].contains("the fold has a fault"), "{faults:?}");
    let refused = exchange.place(ALICE, limit(Side::Buy, 1, 60)).await;
    assert!(is_unavailable(&refused, "stopped"), "{refused:?}");
    assert!(!exchange.health().await.ready);
    drop(exchange);

    let files = poison(house.path());
    assert_eq!(files.len(), 1);
    let entry = LogEntry::decode(&fs::read(&files[0]).unwrap()).unwrap();
    match entry.body {
        LogBody::Command(Command::Place(place)) => assert_eq!(place.user_id, BOB.user_id),
        other => panic!("{other:?}"),
    }
    let text = fs::read_to_string(files[0].with_extension("txt")).unwrap();
    assert!(
        text.contains("the fold has a fault") && text.contains("666"),
        "{text}"
    );

    let again = replayed(house.path());
    assert_eq!((again.seq(), again.event_digest()), (before.seq, before.digest));
    let (exchange, opened) = house.open();
    assert_eq!(opened.halted, Vec::new());
    assert_eq!(exchange.order(ALICE, OrderRef::Id(kept.order_id)).await, Ok(kept));
    let all = OrderFilter {
        limit: 10,
        ..OrderFilter::default()
    };
    assert_eq!(
        exchange.orders(BOB, all).await,
        Ok(Vec::new()),
        "the poison left nothing behind"
    );
}

#[tokio::test]
async fn nothing_of_a_batch_with_poison_in_it_is_answered_or_logged() {
    let house = House::new();
    let gate = Arc::new(tokio::sync::Semaphore::new(0));
    let (probe_gate, waiting) = (
        Arc::clone(&gate),
        Arc::new(std::sync::atomic::AtomicBool::new(false)),
    );
    let held = Arc::clone(&waiting);
    let (exchange, _) = house.open_with(|options| {
        options.probe = Probe::new(move |command| {
            let Command::Place(place) = command else { return };
            match place.terms.size() {
                Size::Quantity(size) if size == lots(POISON_LOTS) => panic!("the fold has a fault"),
                // The first of the batch waits until all of it has come.
                Size::Quantity(size) if size == lots(1) => {
                    held.store(true, std::sync::atomic::Ordering::Release);
                    while probe_gate.available_permits() == 0 {
                        std::thread::sleep(Duration::from_millis(1));
                    }
                }
                _ => {}
            }
        });
    });
    fund(&exchange, &[ALICE, BOB]).await;
    let before = exchange.audit().await.unwrap();
    let (first, second, third) = (
        exchange.place(ALICE, limit(Side::Buy, 1, 100)),
        exchange.place(ALICE, limit(Side::Buy, 2, 100)),
        exchange.place(BOB, limit(Side::Buy, POISON_LOTS, 7)),
    );
    let opened = async {
        until("the writer holds the first, the rest waits", || {
            waiting.load(std::sync::atomic::Ordering::Acquire) && exchange.waiting() == 3
        })
        .await;
        gate.add_permits(1);
    };
    let look = exchange.balances(ALICE);
    let (first, second, look, third, ()) = tokio::join!(first, second, look, third, opened);
    assert_eq!(first, Err(EntryError::OutcomeUnknown));
    assert_eq!(second, Err(EntryError::OutcomeUnknown));
    assert_eq!(third, Err(EntryError::OutcomeUnknown));
    assert_eq!(
        look,
        Err(QueryError::Unavailable),
        "nobody sees what is not durable"
    );
    drop(exchange);
    assert_eq!(replayed(house.path()).seq(), before.seq);
}

#[tokio::test]
async fn after_three_deaths_within_ten_minutes_the_market_starts_halted() {
    let house = House::new();
    let (exchange, _) = house.open_with(faulty);
    fund(&exchange, &[ALICE, BOB]).await;
    let resting = placed(&exchange, ALICE, limit(Side::Buy, 5, 100)).await;
    drop(exchange);
    // The two deaths before the pause do not count.
    for (wait_s, halted) in [
        (0, vec![]),
        (601, vec![]),
        (0, vec![]),
        (0, vec![]),
        (0, vec![BTC]),
    ] {
        let (exchange, opened) = house.open_with(faulty);
        assert_eq!(opened.halted, Vec::new());
        die(&house, &exchange).await;
        drop(exchange);
        house.clock.advance(Duration::from_secs(wait_s));
        let (exchange, opened) = house.open();
        assert_eq!(opened.halted, halted, "{} deaths so far", house.faults().len());
        if opened.halted.is_empty() {
            continue;
        }
        let refused = exchange.place(BOB, limit(Side::Buy, POISON_LOTS, 7)).await;
        assert!(matches!(refused, Err(EntryError::Rejected(_))), "{refused:?}");
        let refused = exchange.cancel(ALICE, OrderRef::Id(resting.order_id)).await;
        assert_eq!(refused, Err(EntryError::MarketState(MarketState::Halted)));
        trading::Operations::set_market_state(&exchange, BTC, MarketState::Open)
            .await
            .unwrap();
        exchange
            .cancel(ALICE, OrderRef::Id(resting.order_id))
            .await
            .unwrap();
    }
    house.clock.advance(Duration::from_secs(601));
    let (_exchange, opened) = house.open();
    assert_eq!(opened.halted, Vec::new(), "old deaths are forgiven");
}

#[tokio::test]
async fn a_tick_that_panics_is_fatal_too() {
    let house = House::new();
    let (exchange, _) = house.open_with(|options| {
        options.probe = Probe::new(|command| {
            if matches!(command, Command::Tick) {
                panic!("even a tick can be poison");
            }
        });
    });
    fund(&exchange, &[ALICE]).await;
    let day = NewOrder {
        time_in_force: domain::TimeInForce::Day,
        ..limit(Side::Buy, 5, 100)
    };
    placed(&exchange, ALICE, day).await;
    house.clock.advance(Duration::from_secs(24 * 3_600));
    until("the fatal hook fires", || !house.faults().is_empty()).await;
    drop(exchange);
    assert_eq!(poison(house.path()).len(), 1);
    let (exchange, _) = house.open();
    let at_market = NewOrder {
        terms: Terms::Market {
            size: Size::Quantity(lots(1)),
        },
        time_in_force: domain::TimeInForce::Ioc,
        ..limit(Side::Sell, 1, 1)
    };
    let refused = exchange.place(ALICE, at_market).await;
    assert!(refused.is_ok(), "{refused:?}");
}

#[tokio::test]
async fn a_log_that_cannot_be_written_stops_everything_and_answers_nothing() {
    let house = House::new();
    // Every batch begins a new segment, so that taking the directory away makes the next write fail.
    let (exchange, _) = house.open_with(|options| options.journal.segment_bytes = 1);
    fund(&exchange, &[ALICE, BOB]).await;
    let kept = placed(&exchange, ALICE, limit(Side::Buy, 5, 100)).await;
    let mut updates = trading::Feeds::updates(&exchange);
    let (journal, away) = (house.path().join("journal"), house.path().join("away"));
    fs::rename(&journal, &away).unwrap();
    let answers = tokio::join!(
        exchange.place(ALICE, limit(Side::Buy, 1, 60)),
        exchange.place(ALICE, limit(Side::Buy, 2, 60)),
        exchange.cancel(ALICE, OrderRef::Id(kept.order_id)),
    );
    let unknown = |error: Option<EntryError>| {
        matches!(
            error,
            Some(EntryError::OutcomeUnknown | EntryError::Unavailable { .. })
        )
    };
    assert!(unknown(answers.0.err()) && unknown(answers.1.err()) && unknown(answers.2.err()));
    until("the fatal hook fires", || !house.faults().is_empty()).await;
    assert!(house.faults()[0].contains("journal"), "{:?}", house.faults());
    let refused = exchange.place(ALICE, limit(Side::Buy, 1, 60)).await;
    assert!(is_unavailable(&refused, "stopped"), "{refused:?}");
    assert_eq!(exchange.balances(ALICE).await, Err(QueryError::Unavailable));
    assert!(!exchange.health().await.ready);
    while let Ok(update) = updates.try_recv() {
        assert!(
            update.events.iter().all(|event| event.at <= kept.updated_at),
            "nothing is told that is not durable"
        );
    }
    fs::rename(&away, &journal).unwrap();
    exchange.stop();
    drop(exchange);
    assert_eq!(house.faults().len(), 1, "{:?}", house.faults());
    let (exchange, opened) = house.open();
    assert_eq!(
        opened.snapshot, None,
        "a state that is not durable is no snapshot"
    );
    assert_eq!(
        exchange.order(ALICE, OrderRef::Id(kept.order_id)).await,
        Ok(kept.clone())
    );
    let all = OrderFilter {
        limit: 10,
        ..OrderFilter::default()
    };
    assert_eq!(exchange.orders(ALICE, all).await, Ok(vec![kept]));
}
