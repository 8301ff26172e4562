//! Brokers that are killed, frozen, purged, or out of disk.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use messaging::{Exchange, PublishError, Queue, Subscription, Unknown, Verdict};
use testbed::{Options, RabbitMq};
use tokio::time::Instant;

use crate::bench::{
    Bench, PATIENCE, TRADE_KEY, envelope, eventually, next, nothing_unreadable, teller, trades, until_up,
};

#[tokio::test]
async fn nothing_that_was_confirmed_is_lost_when_the_broker_is_killed() {
    let mut broker = RabbitMq::start(Options::new()).await.unwrap();
    let bench = Bench::on(broker.port());
    let link = bench.link().await;
    let publisher = link.publisher().clone();
    let stop = Arc::new(AtomicBool::new(false));
    let publishing = tokio::spawn({
        let (publisher, stop) = (publisher.clone(), Arc::clone(&stop));
        async move {
            let mut confirmed = BTreeSet::new();
            let mut first = 0;
            while !stop.load(Ordering::SeqCst) {
                let results = publisher.publish_all(trades(first..first + 50)).await;
                for (number, result) in (first..).zip(results) {
                    if result.is_ok() {
                        confirmed.insert(number);
                    }
                }
                first += 50;
            }
            confirmed
        }
    });
    for _ in 0..2 {
        let before = publisher.counts().confirmed;
        eventually("under load", || async {
            publisher.counts().confirmed > before + 500
        })
        .await;
        broker.kill();
        eventually("noticed", || async { !link.is_up() }).await;
        broker.start_again().await.unwrap();
        until_up(&link).await;
    }
    stop.store(true, Ordering::SeqCst);
    let confirmed = publishing.await.unwrap();
    assert!(publisher.counts().unknown > 0, "the kills came in between");
    let (handler, mut told) = teller(|_, _| Verdict::Done);
    let subscription = Subscription::to(Queue::WalletTrades);
    let consumer = link.consume(subscription, handler, nothing_unreadable()).unwrap();
    let mut found = BTreeSet::new();
    while !confirmed.is_subset(&found) {
        found.insert(next(&mut told).await.0);
    }
    consumer.stop().await;
    link.close(PATIENCE).await;
}

#[tokio::test]
async fn a_frozen_broker_costs_no_more_than_the_timeout_and_a_purged_one_nothing_else() {
    let mut broker = RabbitMq::start(Options::new()).await.unwrap();
    let mut bench = Bench::on(broker.port());
    bench.settings.confirm_timeout = Duration::from_secs(2);
    let link = bench.link().await;
    let publisher = link.publisher().clone();
    let (handler, mut told) = teller(|_, _| Verdict::Done);
    let subscription = Subscription::to(Queue::WalletTrades);
    let consumer = link.consume(subscription, handler, nothing_unreadable()).unwrap();
    until_up(&link).await;
    broker.pause().unwrap();
    let results = publisher.publish_all(trades(0..10)).await;
    let is_unknown = |result: &Result<(), PublishError>| matches!(result, Err(PublishError::Unknown(_)));
    assert!(results.iter().all(is_unknown), "{results:?}");
    eventually("in trouble", || async {
        let trouble = link.trouble().unwrap_or_default();
        trouble.contains("has not confirmed") || trouble.contains("lost")
    })
    .await;
    // Longer than the heartbeats allow: the connections are given up.
    eventually("given up", || async {
        let trouble = link.trouble().unwrap_or_default();
        trouble.contains("consuming: ") && trouble.contains("publishing: ")
    })
    .await;
    broker.resume().unwrap();
    until_up(&link).await;
    assert_eq!(
        publisher
            .publish(Exchange::TradeEvents, TRADE_KEY, envelope(99))
            .await,
        Ok(())
    );
    // What was unknown may have arrived too.
    while next(&mut told).await.0 != 99 {}

    broker.purge_all().await.unwrap();
    assert_eq!(bench.waiting(&Queue::NotificationTrades).await, 0);
    assert!(link.is_up(), "{:?}", link.trouble());
    let result = publisher
        .publish(Exchange::TradeEvents, TRADE_KEY, envelope(100))
        .await;
    assert_eq!(result, Ok(()));
    while next(&mut told).await.0 != 100 {}
    consumer.stop().await;
    link.close(PATIENCE).await;
}

#[tokio::test]
async fn a_broker_out_of_disk_is_trouble_while_consumers_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let port = testbed::Port::free().unwrap();
    let place = || Options::new().dir(folder.path()).port(port.number());
    let mut bench = Bench::on(port.number());
    bench.settings.confirm_timeout = Duration::from_secs(1);

    let broker = RabbitMq::start(place()).await.unwrap();
    let link = bench.link().await;
    let results = link.publisher().publish_all(trades(0..10)).await;
    assert!(results.iter().all(Result::is_ok));
    drop(broker);

    // More than there is anywhere: publishers are not read from.
    let limit = "1000000000000000";
    let broker = RabbitMq::start(place().setting("disk_free_limit.absolute", limit)).await;
    let broker = broker.unwrap();
    eventually("in trouble", || async {
        let trouble = link.trouble().unwrap_or_default();
        trouble.contains("has not confirmed")
    })
    .await;
    let begun = Instant::now();
    let result = link
        .publisher()
        .publish(Exchange::TradeEvents, TRADE_KEY, envelope(11))
        .await;
    let timeout = Unknown::Timeout(bench.settings.confirm_timeout);
    assert_eq!(result, Err(PublishError::Unknown(timeout)));
    assert!(begun.elapsed() < PATIENCE);
    let (handler, mut told) = teller(|_, _| Verdict::Done);
    let subscription = Subscription::to(Queue::WalletTrades);
    let consumer = link.consume(subscription, handler, nothing_unreadable()).unwrap();
    for number in 0..10 {
        assert_eq!(next(&mut told).await.0, number);
    }
    bench.until_waiting(&Queue::WalletTrades, 0).await;
    drop(broker);

    let broker = RabbitMq::start(place()).await.unwrap();
    until_up(&link).await;
    let result = link
        .publisher()
        .publish(Exchange::TradeEvents, TRADE_KEY, envelope(12))
        .await;
    assert_eq!(result, Ok(()));
    consumer.stop().await;
    link.close(PATIENCE).await;
    drop(broker);
}
