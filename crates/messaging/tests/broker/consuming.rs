//! What consumers get, in which order, and what their verdicts do.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use messaging::{Delivery, Exchange, Handler, LinkError, Queue, Subscription, Verdict};
use tokio::sync::Semaphore;

use crate::bench::{
    Bench, PATIENCE, TRADE_KEY, envelope, eventually, next, next_numbers, nothing_unreadable, teller, trades,
};

#[tokio::test]
async fn consumers_of_one_queue_share_its_messages() {
    let bench = Bench::new();
    let link = bench.link().await;
    let (one, mut told_one) = teller(|_, _| Verdict::Done);
    let (two, mut told_two) = teller(|_, _| Verdict::Done);
    let subscription = Subscription::to(Queue::WalletTrades).prefetch(10);
    let one = link
        .consume(subscription.clone(), one, nothing_unreadable())
        .unwrap();
    let two = link.consume(subscription, two, nothing_unreadable()).unwrap();
    crate::bench::until_up(&link).await;
    let results = link.publisher().publish_all(trades(0..400)).await;
    assert!(results.iter().all(Result::is_ok));
    let mut all = BTreeSet::new();
    let (mut first, mut second) = (0, 0);
    while all.len() < 400 {
        let number = tokio::select! {
            Some((number, _)) = told_one.recv() => { first += 1; number }
            Some((number, _)) = told_two.recv() => { second += 1; number }
        };
        assert!(all.insert(number), "{number} came twice");
    }
    assert!(first > 0 && second > 0, "{first} and {second}");
    one.stop().await;
    two.stop().await;
    bench.until_waiting(&Queue::WalletTrades, 0).await;
    link.close(PATIENCE).await;
}

/// Deals with a delivery when it is let.
struct Slow {
    let_go: Arc<Semaphore>,
    begun: Arc<AtomicUsize>,
}

#[async_trait]
impl Handler for Slow {
    async fn handle(&mut self, _delivery: &Delivery) -> Verdict {
        self.begun.fetch_add(1, Ordering::SeqCst);
        self.let_go.acquire().await.unwrap().forget();
        Verdict::Done
    }
}

#[tokio::test]
async fn no_more_than_the_prefetch_leave_the_queue_before_one_is_dealt_with() {
    let bench = Bench::new();
    let link = bench.link().await;
    let results = link.publisher().publish_all(trades(0..100)).await;
    assert!(results.iter().all(Result::is_ok));
    let (let_go, begun) = (Arc::new(Semaphore::new(0)), Arc::new(AtomicUsize::new(0)));
    let slow = Slow {
        let_go: Arc::clone(&let_go),
        begun: Arc::clone(&begun),
    };
    let subscription = Subscription::to(Queue::WalletTrades).prefetch(20);
    let consumer = link.consume(subscription, slow, nothing_unreadable()).unwrap();
    bench.until_waiting(&Queue::WalletTrades, 80).await;
    assert_eq!(begun.load(Ordering::SeqCst), 1, "one after the other");
    // Eleven are acknowledged together: more than half of the prefetch.
    let_go.add_permits(11);
    bench.until_waiting(&Queue::WalletTrades, 69).await;

    // The one at hand is finished, what is dealt with is acknowledged, the rest goes back.
    let stopping = tokio::spawn(consumer.stop());
    tokio::task::yield_now().await;
    let_go.add_permits(100);
    stopping.await.unwrap();
    assert_eq!(begun.load(Ordering::SeqCst), 12);
    bench.until_waiting(&Queue::WalletTrades, 88).await;
    link.close(PATIENCE).await;
}

#[tokio::test]
async fn a_delivery_that_cannot_be_dealt_with_yet_comes_again_before_those_behind_it() {
    let bench = Bench::new();
    let link = bench.link().await;
    let results = link.publisher().publish_all(trades(0..5)).await;
    assert!(results.iter().all(Result::is_ok));
    let mut left = 3;
    let (handler, mut told) = teller(move |number, _| {
        if number == 1 && left > 0 {
            left -= 1;
            Verdict::Again
        } else {
            Verdict::Done
        }
    });
    let subscription = Subscription::to(Queue::WalletTrades);
    let consumer = link.consume(subscription, handler, nothing_unreadable()).unwrap();
    assert_eq!(next_numbers(&mut told, 8).await, [0, 1, 1, 1, 1, 2, 3, 4]);
    consumer.stop().await;
    bench.until_waiting(&Queue::WalletTrades, 0).await;
    link.close(PATIENCE).await;
}

#[tokio::test]
async fn a_consumer_that_cannot_deal_with_a_delivery_stops_when_asked_and_gives_it_back() {
    let bench = Bench::new();
    let link = bench.link().await;
    let results = link.publisher().publish_all(trades(0..3)).await;
    assert!(results.iter().all(Result::is_ok));
    let (handler, mut told) = teller(|number, _| {
        if number == 1 {
            Verdict::Again
        } else {
            Verdict::Done
        }
    });
    let subscription = Subscription::to(Queue::WalletTrades);
    let consumer = link.consume(subscription, handler, nothing_unreadable()).unwrap();
    assert_eq!(next_numbers(&mut told, 2).await, [0, 1]);
    consumer.stop().await;
    bench.until_waiting(&Queue::WalletTrades, 2).await;

    let (handler, mut told) = teller(|_, _| Verdict::Done);
    let subscription = Subscription::to(Queue::WalletTrades);
    let consumer = link.consume(subscription, handler, nothing_unreadable()).unwrap();
    assert_eq!(next(&mut told).await, (1, true));
    assert_eq!(next(&mut told).await.0, 2);
    consumer.stop().await;
    link.close(PATIENCE).await;
}

#[tokio::test]
async fn a_requeued_delivery_comes_again_as_often_as_it_takes() {
    let bench = Bench::new();
    let link = bench.link().await;
    link.publisher()
        .publish(Exchange::TradeEvents, TRADE_KEY, envelope(9))
        .await
        .unwrap();
    // More often than the limit that some brokers set by default: there must be none.
    let mut left = 30;
    let (handler, mut told) = teller(move |_, _| {
        left -= 1;
        if left > 0 { Verdict::Requeue } else { Verdict::Done }
    });
    let subscription = Subscription::to(Queue::WalletTrades);
    let consumer = link.consume(subscription, handler, nothing_unreadable()).unwrap();
    assert_eq!(next_numbers(&mut told, 30).await, [9; 30]);
    consumer.stop().await;
    assert_eq!(bench.waiting(&Queue::WalletTrades).await, 0);
    assert_eq!(bench.waiting(&Queue::Failed).await, 0);
    link.close(PATIENCE).await;
}

#[tokio::test]
async fn a_service_gets_orders_by_a_queue_and_a_pattern_of_its_own() {
    let bench = Bench::new().with_queue("audit.orders", Exchange::OrderEvents, "order.filled.*");
    let link = bench.link().await;
    let publisher = link.publisher().clone();
    let filled = publisher.publish(Exchange::OrderEvents, "order.filled.ETH-USDT", envelope(1));
    assert_eq!(filled.await, Ok(()));
    let open = publisher.publish(Exchange::OrderEvents, "order.open.ETH-USDT", envelope(2));
    assert!(open.await.is_err(), "nobody wants it");
    let (handler, mut told) = teller(|_, _| Verdict::Done);
    let subscription = Subscription::to(Queue::Own("audit.orders".to_owned()));
    let consumer = link.consume(subscription, handler, nothing_unreadable()).unwrap();
    assert_eq!(next(&mut told).await.0, 1);
    consumer.stop().await;
    link.close(PATIENCE).await;
}

#[tokio::test]
async fn a_queue_that_the_topology_does_not_have_is_refused() {
    let bench = Bench::new();
    let link = bench.link().await;
    for queue in [Queue::ShardHints(2), Queue::Own("nobodys".to_owned())] {
        let (handler, _told) = teller(|_, _| Verdict::Done);
        let refused = link.consume(Subscription::to(queue.clone()), handler, nothing_unreadable());
        assert_eq!(refused.err(), Some(LinkError::UnknownQueue(queue)));
    }
    assert!(link.is_up());
    link.close(PATIENCE).await;
}

#[tokio::test]
async fn a_dropped_consumer_stops_and_is_no_part_of_the_link_any_more() {
    let bench = Bench::new();
    let link = bench.link().await;
    let (handler, mut told) = teller(|_, _| Verdict::Done);
    let subscription = Subscription::to(Queue::WalletTrades);
    drop(link.consume(subscription, handler, nothing_unreadable()).unwrap());
    // Its handler goes with its task.
    assert_eq!(tokio::time::timeout(PATIENCE, told.recv()).await, Ok(None));
    eventually("up", || async { link.is_up() }).await;
    link.close(PATIENCE).await;
}
