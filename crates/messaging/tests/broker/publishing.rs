//! What becomes of published messages.

use std::collections::BTreeMap;
use std::time::Duration;

use amqprs::channel::{QueueBindArguments, QueueDeclareArguments, QueueDeleteArguments};
use amqprs::{FieldTable, FieldValue};
use bytes::Bytes;
use domain::Stamp;
use messaging::{
    Exchange, JSON, MAX_BODY_BYTES, Message, PublishCounts, PublishError, Queue, Subscription, Unknown,
    Verdict, hint_key,
};
use runtime::trace::TraceContext;
use uuid::Uuid;

use crate::bench::{
    Bench, PATIENCE, TRADE_KEY, envelope, eventually, header, next, next_numbers, nothing_unreadable,
    number_of, teller, trade, trades,
};

#[tokio::test]
async fn confirmed_events_are_in_every_queue_that_takes_them_in_their_order() {
    let bench = Bench::new();
    let link = bench.link().await;
    // More than may be sent without being confirmed.
    let results = link.publisher().publish_all(trades(0..2_500)).await;
    assert_eq!(results.len(), 2_500);
    assert!(results.iter().all(Result::is_ok), "{results:?}");
    let counts = link.publisher().counts();
    let expected = PublishCounts {
        sent: 2_500,
        confirmed: 2_500,
        ..PublishCounts::default()
    };
    assert_eq!(counts, expected);

    assert_eq!(bench.waiting(&Queue::NotificationTrades).await, 2_500);
    let (handler, mut told) = teller(|_, _| Verdict::Done);
    let consumer = link.consume(
        Subscription::to(Queue::WalletTrades),
        handler,
        nothing_unreadable(),
    );
    let numbers = next_numbers(&mut told, 2_500).await;
    assert!(numbers.iter().copied().eq(0..2_500));
    consumer.unwrap().stop().await;
    bench.until_waiting(&Queue::WalletTrades, 0).await;
    link.close(PATIENCE).await;
}

#[tokio::test]
async fn a_message_that_no_queue_takes_is_an_error_and_its_neighbours_are_not() {
    let bench = Bench::new();
    let link = bench.link().await;
    let nowhere = |number| Message {
        exchange: Exchange::OrderEvents,
        key: "order.filled.BTC-USDT".to_owned(),
        ..trade(number)
    };
    let messages = (0..600).map(|n| if n % 3 == 1 { nowhere(n) } else { trade(n) });
    let results = link.publisher().publish_all(messages.collect()).await;
    for (number, result) in results.iter().enumerate() {
        match result {
            Ok(()) => assert_ne!(number % 3, 1),
            Err(PublishError::Unroutable(words)) => {
                assert!(number % 3 == 1 && words.contains("NO_ROUTE"), "{words}");
            }
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!(link.publisher().counts().returned, 200);
    assert_eq!(bench.waiting(&Queue::WalletTrades).await, 400);
    link.close(PATIENCE).await;
}

#[tokio::test]
async fn a_key_that_amqp_cannot_carry_is_refused_before_it_is_sent() {
    let bench = Bench::new();
    let link = bench.link().await;
    let publisher = link.publisher().clone();
    let key = "x".repeat(256);
    let refused = publisher.publish(Exchange::TradeEvents, &key, envelope(1)).await;
    assert!(matches!(refused, Err(PublishError::Unroutable(_))), "{refused:?}");
    assert!(!publisher.try_publish(Exchange::GatewayNews, &key, envelope(1)));
    let longest = publisher
        .publish(Exchange::TradeEvents, &key[..255], envelope(1))
        .await;
    assert!(matches!(longest, Err(PublishError::Unroutable(words)) if words.contains("NO_ROUTE")));
    let good = publisher
        .publish(Exchange::TradeEvents, TRADE_KEY, envelope(1))
        .await;
    assert_eq!(good, Ok(()));
    link.close(PATIENCE).await;
}

#[tokio::test]
async fn a_message_that_the_broker_refuses_is_an_error() {
    let bench = Bench::new();
    let link = bench.link().await;
    let (connection, channel) = bench.raw().await;
    let full = format!("{}full", bench.exchange(Exchange::OrderEvents));
    let mut arguments = FieldTable::new();
    arguments.insert("x-max-length".try_into().unwrap(), FieldValue::l(1));
    arguments.insert("x-overflow".try_into().unwrap(), "reject-publish".into());
    let mut queue = QueueDeclareArguments::new(&full);
    channel
        .queue_declare(queue.arguments(arguments).finish())
        .await
        .unwrap();
    let bind = QueueBindArguments::new(&full, bench.exchange(Exchange::OrderEvents), "order.#");
    channel.queue_bind(bind).await.unwrap();
    let mut nacked = 0;
    for number in 0..20 {
        let key = "order.open.BTC-USDT";
        match link
            .publisher()
            .publish(Exchange::OrderEvents, key, envelope(number))
            .await
        {
            Ok(()) => {}
            Err(PublishError::Nacked) => nacked += 1,
            Err(other) => panic!("{other}"),
        }
    }
    assert!(nacked > 0);
    assert_eq!(link.publisher().counts().nacked, nacked);
    channel
        .queue_delete(QueueDeleteArguments::new(&full))
        .await
        .unwrap();
    connection.close().await.unwrap();
    link.close(PATIENCE).await;
}

#[tokio::test]
async fn nobody_waits_for_room_that_does_not_come() {
    // Nobody listens there.
    let port = testbed::Port::free().unwrap();
    let mut bench = Bench::on(port.number());
    bench.settings.confirm_timeout = Duration::from_millis(500);
    let link = bench.link_in_the_making();
    let publisher = link.publisher().clone();
    assert!(!publisher.try_publish(Exchange::ShardHints, &hint_key(0), envelope(1)));
    assert_eq!(publisher.counts().dropped, 1);
    assert!(!link.is_up());

    let large = || {
        let body = Bytes::from(vec![0; MAX_BODY_BYTES - 1024]);
        messaging::Envelope::new(Uuid::from_u128(1), "test", JSON, Stamp::FIRST, body).unwrap()
    };
    let waiting: Vec<_> = (0..6)
        .map(|_| {
            let publisher = publisher.clone();
            tokio::spawn(async move { publisher.publish(Exchange::TradeEvents, TRADE_KEY, large()).await })
        })
        .collect();
    let mut full = 0;
    for answer in waiting {
        let timeout = Unknown::Timeout(bench.settings.confirm_timeout);
        match answer.await.unwrap() {
            Err(PublishError::Full) => full += 1,
            other => assert_eq!(other, Err(PublishError::Unknown(timeout))),
        }
    }
    assert_eq!(full, 2, "64 MiB may wait");
    link.close(Duration::from_millis(100)).await;
}

#[tokio::test]
async fn what_waits_when_a_link_is_closed_is_unknown() {
    let port = testbed::Port::free().unwrap();
    let link = Bench::on(port.number()).link_in_the_making();
    let publisher = link.publisher().clone();
    let waiting = tokio::spawn({
        let publisher = publisher.clone();
        async move { publisher.publish_all(trades(0..3)).await }
    });
    tokio::task::yield_now().await;
    link.close(Duration::from_millis(50)).await;
    let unknown = Err(PublishError::Unknown(Unknown::Closed));
    assert_eq!(waiting.await.unwrap(), vec![unknown.clone(); 3]);
    let late = publisher
        .publish(Exchange::TradeEvents, TRADE_KEY, envelope(1))
        .await;
    assert_eq!(late, unknown);
}

#[tokio::test]
async fn what_was_taken_before_a_link_is_closed_is_confirmed() {
    let bench = Bench::new();
    let link = bench.link().await;
    let publisher = link.publisher().clone();
    let publishing = tokio::spawn(async move { publisher.publish_all(trades(0..1_000)).await });
    let publisher = link.publisher().clone();
    eventually("begun", || async { publisher.counts().sent > 0 }).await;
    link.close(PATIENCE).await;
    let results = publishing.await.unwrap();
    let confirmed = results.iter().filter(|result| result.is_ok()).count();
    let counts = publisher.counts();
    assert_eq!((counts.sent, counts.unknown), (confirmed as u64, 0), "{counts:?}");
    assert_eq!(bench.waiting(&Queue::WalletTrades).await as usize, confirmed);
}

#[tokio::test]
async fn an_envelope_arrives_as_it_was_sent_and_others_can_read_its_headers() {
    let bench = Bench::new();
    let link = bench.link().await;
    let trace = TraceContext::parse("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    let sent = envelope(7).traced(trace);
    for _ in 0..2 {
        let publish = link
            .publisher()
            .publish(Exchange::TradeEvents, TRADE_KEY, sent.clone());
        publish.await.unwrap();
    }
    let (received, mut told) = tokio::sync::mpsc::unbounded_channel();
    struct Keeper(tokio::sync::mpsc::UnboundedSender<messaging::Delivery>);
    #[async_trait::async_trait]
    impl messaging::Handler for Keeper {
        async fn handle(&mut self, delivery: &messaging::Delivery) -> Verdict {
            let _ = self.0.send(delivery.clone());
            Verdict::Done
        }
    }
    let subscription = Subscription::to(Queue::WalletTrades);
    let consumer = link.consume(subscription, Keeper(received), nothing_unreadable());
    let delivery = next(&mut told).await;
    assert_eq!(delivery.envelope, sent);
    assert_eq!(
        (
            delivery.exchange.as_str(),
            delivery.key.as_str(),
            delivery.is_redelivered
        ),
        (bench.exchange(Exchange::TradeEvents), TRADE_KEY, false)
    );
    consumer.unwrap().stop().await;

    let (_, properties, body) = bench.take(&Queue::NotificationTrades).await.unwrap();
    assert_eq!(number_of(&body), 7);
    let headers = properties.headers().unwrap();
    let names = ["created_at", "market", "seq", "tag", "traceparent", "version"];
    let values: BTreeMap<&str, String> = names
        .into_iter()
        .filter_map(|name| Some((name, header(headers, name)?)))
        .collect();
    let words = format!(
        "{:?} {:?} {:?} {:?} {:?} {values:?}",
        properties.content_type(),
        properties.message_type(),
        properties.message_id(),
        properties.timestamp(),
        properties.delivery_mode(),
    );
    assert_eq!(
        words,
        "Some(\"application/octet-stream\") Some(\"test\") Some(\"00000000-0000-0000-0000-000000000008\") \
         Some(1790000000) Some(2) {\"created_at\": \"2026-09-21T14:13:20.123456Z\", \"market\": \"BTC/USDT\", \
         \"seq\": \"7\", \"tag\": \"2\", \
         \"traceparent\": \"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\", \"version\": \"1\"}"
    );
    link.close(PATIENCE).await;
}

#[tokio::test]
async fn the_largest_body_arrives_whole() {
    let bench = Bench::new();
    let link = bench.link().await;
    let body: Vec<u8> = (0..MAX_BODY_BYTES).map(|at| (at % 251) as u8).collect();
    let large = messaging::Envelope::new(
        Uuid::from_u128(1),
        "test",
        JSON,
        Stamp::FIRST,
        Bytes::from(body.clone()),
    );
    let publish = link
        .publisher()
        .publish(Exchange::TradeEvents, TRADE_KEY, large.unwrap());
    assert_eq!(publish.await, Ok(()));
    let (_, _, received) = bench.take(&Queue::WalletTrades).await.unwrap();
    assert!(received == body);
    link.close(PATIENCE).await;
}

#[tokio::test]
async fn of_many_hints_one_waits_and_news_reach_every_gateway() {
    let bench = Bench::new();
    let link = bench.link().await;
    let publisher = link.publisher().clone();
    for number in 0..50 {
        assert!(publisher.try_publish(Exchange::ShardHints, &hint_key(1), envelope(number)));
    }
    eventually("confirmed", || async { publisher.counts().confirmed >= 50 }).await;
    bench.until_waiting(&Queue::ShardHints(1), 1).await;
    assert_eq!(bench.waiting(&Queue::ShardHints(0)).await, 0);

    let other = bench.link().await;
    let mut gateways = Vec::new();
    for link in [&link, &other] {
        let (handler, told) = teller(|_, _| Verdict::Done);
        let consumer = link.consume(
            Subscription::to(Queue::GatewayNews),
            handler,
            nothing_unreadable(),
        );
        crate::bench::until_up(link).await;
        gateways.push((consumer.unwrap(), told));
    }
    assert!(publisher.try_publish(Exchange::GatewayNews, "", envelope(77)));
    for (consumer, mut told) in gateways {
        assert_eq!(next(&mut told).await.0, 77);
        consumer.stop().await;
    }
}
