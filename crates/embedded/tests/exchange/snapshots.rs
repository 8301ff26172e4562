//! Snapshots are made beside the writer, from the log alone, and a start from one is a start from the whole log.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use domain::{OrderRef, Side};
use exchange::Exchange;
use journal::Snapshots;
use trading::OrderEntry;

use crate::house::{House, fund, limit, placed, replayed, until, user};

#[tokio::test]
async fn snapshots_are_made_while_the_writer_goes_on() {
    let house = House::new();
    let (exchange, _) = house.open_with(|options| {
        options.snapshot_every = 50;
        options.journal.segment_bytes = 2_048;
    });
    let users: Vec<_> = (1..=3).map(user).collect();
    fund(&exchange, &users).await;
    let exchange = Arc::new(exchange);
    let stop = Arc::new(AtomicBool::new(false));
    let mut tasks = tokio::task::JoinSet::new();
    for (number, caller) in users.into_iter().enumerate() {
        let (exchange, stop) = (Arc::clone(&exchange), Arc::clone(&stop));
        tasks.spawn(async move {
            let mut turn = number as u64;
            while !stop.load(Ordering::Acquire) {
                turn += 3;
                let side = if turn.is_multiple_of(2) {
                    Side::Buy
                } else {
                    Side::Sell
                };
                let order = limit(side, 1 + turn % 5, 95 + (turn % 11) as u32);
                let order = placed(&exchange, caller, order).await;
                if !order.state.is_final() && turn.is_multiple_of(3) {
                    let cancelled = exchange.cancel(caller, OrderRef::Id(order.order_id)).await;
                    drop(cancelled);
                }
                tokio::task::yield_now().await;
            }
        });
    }
    let snapshots = Snapshots::new(house.path());
    let newest = || snapshots.list().unwrap().last().copied().unwrap_or(0);
    until("a snapshot is made", || newest() > 0).await;
    let first = newest();
    until("another is made from it", || newest() > first).await;
    let archive = house.path().join("archive");
    until("covered segments move to the archive", || {
        fs::read_dir(&archive).unwrap().count() > 0
    })
    .await;
    stop.store(true, Ordering::Release);
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    let audit = exchange.audit().await.unwrap();
    assert_eq!(audit.faults, []);
    drop(exchange);
    assert_eq!(house.faults(), Vec::<String>::new());

    let kept = snapshots.list().unwrap();
    let latest = *kept.last().unwrap();
    assert!(kept.len() <= 3, "old ones are removed: {kept:?}");
    let whole = replayed(house.path());
    let (exchange, opened) = house.open();
    assert_eq!(
        (opened.snapshot, opened.replayed),
        (Some(latest), audit.seq - latest)
    );
    assert_eq!(exchange.audit().await.unwrap(), audit);
    exchange.stop();
    drop(exchange);
    let (seq, contents) = snapshots.latest_valid().unwrap().snapshot.unwrap();
    let restored = Exchange::restore(&contents, 99).unwrap();
    assert_eq!((seq, restored.seq()), (audit.seq, audit.seq));
    assert_eq!(
        restored.state_digest().unwrap(),
        whole.state_digest().unwrap(),
        "the same state, to the byte"
    );
}
