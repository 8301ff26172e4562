//! Connections that are lost come back, with everything that hung on them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use amqprs::channel::QueueDeleteArguments;
use messaging::{Exchange, PublishError, Queue, Subscription, Unknown, Verdict, hint_key};
use testbed::{Direction, Proxy};

use crate::bench::{
    Bench, PATIENCE, TRADE_KEY, envelope, eventually, next, nothing_unreadable, teller, trades, until_up,
};

/// Names on the shared broker, by way of a proxy that cuts.
async fn cuttable() -> (Bench, Proxy) {
    let bench = Bench::new();
    let port = std::env::var("TEST_RABBITMQ_PORT").unwrap_or_else(|_| "5672".to_owned());
    let proxy = Proxy::start(port.parse().unwrap()).await.unwrap();
    (bench.by_way_of(proxy.port()), proxy)
}

#[tokio::test]
async fn what_was_not_acknowledged_comes_again_after_a_lost_connection() {
    let (bench, proxy) = cuttable().await;
    let link = bench.link().await;
    let results = link.publisher().publish_all(trades(0..20)).await;
    assert!(results.iter().all(Result::is_ok));
    // The tenth cannot be dealt with before the connection was lost.
    let may_pass = Arc::new(AtomicBool::new(false));
    let passing = Arc::clone(&may_pass);
    let (handler, mut told) = teller(move |number, _| {
        if number == 10 && !passing.load(Ordering::SeqCst) {
            Verdict::Again
        } else {
            Verdict::Done
        }
    });
    let subscription = Subscription::to(Queue::WalletTrades);
    let consumer = link.consume(subscription, handler, nothing_unreadable()).unwrap();
    while next(&mut told).await.0 < 10 {}
    bench.until_waiting(&Queue::WalletTrades, 0).await;
    proxy.cut();
    bench.until_waiting(&Queue::WalletTrades, 10).await;
    assert!(!link.is_up());
    may_pass.store(true, Ordering::SeqCst);
    proxy.heal();
    let mut numbers = Vec::new();
    while numbers.last() != Some(&19) {
        let (number, is_redelivered) = next(&mut told).await;
        if is_redelivered {
            numbers.push(number);
        }
    }
    assert_eq!(numbers, (10..20).collect::<Vec<_>>());
    until_up(&link).await;
    consumer.stop().await;
    bench.until_waiting(&Queue::WalletTrades, 0).await;
    link.close(PATIENCE).await;
}

#[tokio::test]
async fn unconfirmed_messages_are_unknown_at_once_when_the_connection_is_lost() {
    let (bench, proxy) = cuttable().await;
    let link = bench.link().await;
    let publisher = link.publisher().clone();
    proxy.freeze(Direction::ToServer);
    let publishing = tokio::spawn({
        let publisher = publisher.clone();
        async move { publisher.publish_all(trades(0..50)).await }
    });
    eventually("sent", || async { publisher.counts().sent == 50 }).await;
    proxy.cut();
    let unknown = Err(PublishError::Unknown(Unknown::Closed));
    assert_eq!(publishing.await.unwrap(), vec![unknown; 50]);
    assert_eq!(publisher.counts().unknown, 50);

    // One that comes while there is no connection waits for the next.
    let waiting = tokio::spawn({
        let publisher = publisher.clone();
        async move {
            publisher
                .publish(Exchange::TradeEvents, TRADE_KEY, envelope(1))
                .await
        }
    });
    assert!(!publisher.try_publish(Exchange::ShardHints, &hint_key(0), envelope(1)));
    proxy.heal();
    assert_eq!(waiting.await.unwrap(), Ok(()));
    until_up(&link).await;
    assert!(publisher.try_publish(Exchange::ShardHints, &hint_key(0), envelope(1)));
    link.close(PATIENCE).await;
}

#[tokio::test]
async fn a_network_that_swallows_everything_is_noticed_by_the_silence() {
    let (mut bench, proxy) = cuttable().await;
    bench.settings.confirm_timeout = Duration::from_secs(1);
    let link = bench.link().await;
    let before = proxy.accepted();
    proxy.freeze(Direction::ToClient);
    let result = link
        .publisher()
        .publish(Exchange::TradeEvents, TRADE_KEY, envelope(1))
        .await;
    let timeout = Unknown::Timeout(bench.settings.confirm_timeout);
    assert_eq!(result, Err(PublishError::Unknown(timeout)));
    eventually("in trouble", || async { !link.is_up() }).await;
    // No heartbeat comes either.
    eventually("given up", || async { proxy.accepted() > before }).await;
    proxy.heal();
    until_up(&link).await;
    assert_eq!(
        link.publisher()
            .publish(Exchange::TradeEvents, TRADE_KEY, envelope(2))
            .await,
        Ok(())
    );
    link.close(PATIENCE).await;
}

#[tokio::test]
async fn a_connection_that_is_cut_in_the_middle_of_a_message_comes_back() {
    let (bench, proxy) = cuttable().await;
    let link = bench.link().await;
    let publisher = link.publisher().clone();
    for round in 0..5 {
        proxy.cut_after(Direction::ToServer, 777 * (round + 1));
        let results = publisher.publish_all(trades(0..100)).await;
        assert!(results.contains(&Err(PublishError::Unknown(Unknown::Closed))));
        proxy.heal();
        until_up(&link).await;
    }
    let results = publisher.publish_all(trades(0..100)).await;
    assert!(results.iter().all(Result::is_ok));
    link.close(PATIENCE).await;
}

#[tokio::test]
async fn queues_that_somebody_deleted_are_declared_again() {
    let bench = Bench::new();
    let link = bench.link().await;
    let (handler, mut told) = teller(|_, _| Verdict::Done);
    let subscription = Subscription::to(Queue::WalletTrades);
    let consumer = link.consume(subscription, handler, nothing_unreadable()).unwrap();
    until_up(&link).await;
    let (_connection, channel) = bench.raw().await;
    for queue in [Queue::WalletTrades, Queue::NotificationTrades] {
        let name = bench.queue(&queue);
        channel
            .queue_delete(QueueDeleteArguments::new(&name))
            .await
            .unwrap();
    }
    // The consumer is told; whoever only publishes finds out when it comes back.
    eventually("consumed", || async {
        let publish = link
            .publisher()
            .publish(Exchange::TradeEvents, TRADE_KEY, envelope(3));
        publish.await.is_ok()
    })
    .await;
    assert_eq!(next(&mut told).await.0, 3);
    consumer.stop().await;
    link.close(PATIENCE).await;
}

#[tokio::test]
async fn a_queue_of_another_form_is_named_as_the_trouble() {
    let bench = Bench::new();
    let (_connection, channel) = bench.raw().await;
    let name = bench.queue(&Queue::WalletTrades);
    let other = amqprs::channel::QueueDeclareArguments::durable_client_named(&name);
    channel.queue_declare(other).await.unwrap();
    let link = bench.link_in_the_making();
    eventually("named", || async {
        let trouble = link.trouble().unwrap_or_default();
        trouble.contains("PRECONDITION_FAILED") && trouble.contains(&name)
    })
    .await;
    channel
        .queue_delete(QueueDeleteArguments::new(&name))
        .await
        .unwrap();
    until_up(&link).await;
    link.close(PATIENCE).await;
}

#[tokio::test]
async fn a_wrong_password_is_trouble_and_is_not_shown() {
    let mut bench = Bench::new();
    let url = bench.settings.connection_url();
    let url = secrecy::ExposeSecret::expose_secret(&url).replace("guest:guest", "guest:hunter2");
    bench.settings.url = Some(url.into());
    let link = bench.link_in_the_making();
    eventually("refused", || async {
        let trouble = link.trouble().unwrap_or_default();
        trouble.contains("publishing: ") && !trouble.contains("not connected yet")
    })
    .await;
    assert!(!format!("{link:?} {:?}", link.trouble()).contains("hunter2"));
    link.close(Duration::from_secs(1)).await;
}
