//! What nobody takes in time, and what is refused, goes to the dead letters.

use amqprs::BasicProperties;
use messaging::{DEAD_LETTER_KEY, Exchange, Queue, Subscription, Verdict};

use crate::bench::{
    Bench, PATIENCE, TRADE_KEY, envelope, header, next, next_numbers, nothing_unreadable, number_of, teller,
    trades,
};

#[tokio::test]
async fn a_trade_that_its_service_refuses_goes_to_the_dead_letters() {
    let bench = Bench::new();
    let link = bench.link().await;
    let results = link.publisher().publish_all(trades(0..4)).await;
    assert!(results.iter().all(Result::is_ok));
    let (handler, mut told) = teller(|number, _| {
        if number == 2 {
            Verdict::Reject
        } else {
            Verdict::Done
        }
    });
    let subscription = Subscription::to(Queue::WalletTrades);
    let consumer = link.consume(subscription, handler, nothing_unreadable()).unwrap();
    assert_eq!(next_numbers(&mut told, 4).await, [0, 1, 2, 3]);
    consumer.stop().await;
    bench.until_waiting(&Queue::Failed, 1).await;
    assert_eq!(bench.waiting(&Queue::WalletTrades).await, 0);

    // The dead letter is the message, envelope and all, and is consumed like any other.
    let (handler, mut told) = teller(|_, _| Verdict::Done);
    let consumer = link.consume(Subscription::to(Queue::Failed), handler, nothing_unreadable());
    assert_eq!(next(&mut told).await.0, 2);
    consumer.unwrap().stop().await;
    bench.until_waiting(&Queue::Failed, 0).await;
    link.close(PATIENCE).await;
}

#[tokio::test]
async fn a_trade_that_nobody_takes_in_time_goes_to_the_dead_letters_under_their_key() {
    let bench = Bench::new();
    let link = bench.link().await;
    let mut properties = BasicProperties::default();
    // The queue's own time is a day; the shorter one counts.
    properties.with_expiration("50").with_persistence(true);
    bench
        .publish_raw(Exchange::TradeEvents, TRADE_KEY, properties, &5_u32.to_be_bytes())
        .await;
    bench.until_waiting(&Queue::Failed, 1).await;
    let (got, properties, body) = bench.take(&Queue::Failed).await.unwrap();
    assert_eq!(number_of(&body), 5);
    assert_eq!(got.exchange(), bench.exchange(Exchange::DeadLetters));
    assert_eq!(got.routing_key(), DEAD_LETTER_KEY);
    let history = header(properties.headers().unwrap(), "x-death").unwrap();
    assert!(
        history.contains("expired") && history.contains(&bench.queue(&Queue::WalletTrades)),
        "{history}"
    );
    assert_eq!(bench.waiting(&Queue::WalletTrades).await, 0);
    link.close(PATIENCE).await;
}

#[tokio::test]
async fn the_other_queue_of_trades_has_no_dead_letters() {
    let bench = Bench::new();
    let link = bench.link().await;
    link.publisher()
        .publish(Exchange::TradeEvents, TRADE_KEY, envelope(1))
        .await
        .unwrap();
    let (handler, mut told) = teller(|_, _| Verdict::Reject);
    let subscription = Subscription::to(Queue::NotificationTrades);
    let consumer = link.consume(subscription, handler, nothing_unreadable()).unwrap();
    assert_eq!(next(&mut told).await.0, 1);
    consumer.stop().await;
    assert_eq!(bench.waiting(&Queue::NotificationTrades).await, 0);
    assert_eq!(bench.waiting(&Queue::Failed).await, 0);
    assert_eq!(bench.waiting(&Queue::WalletTrades).await, 1);
    link.close(PATIENCE).await;
}
