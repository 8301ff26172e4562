//! Messages that nobody can read are kept first and acknowledged then, and do not block those behind them.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use amqprs::{BasicProperties, FieldTable, FieldValue};
use async_trait::async_trait;
use messaging::{DecodeError, Exchange, Queue, Subscription, Undecodable, Unreadable, Verdict};
use tokio::sync::mpsc;

use crate::bench::{Bench, PATIENCE, TRADE_KEY, envelope, next, teller};

/// Keeps messages, after it has failed so often.
struct Shelf {
    kept: mpsc::UnboundedSender<Unreadable>,
    failures: AtomicUsize,
}

#[async_trait]
impl Undecodable for Shelf {
    async fn keep(&self, message: &Unreadable) -> Result<(), Box<dyn Error + Send + Sync>> {
        let left = self
            .failures
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        if left.is_ok() {
            return Err("no room on the shelf".into());
        }
        self.kept.send(message.clone())?;
        Ok(())
    }
}

fn shelf(failures: usize) -> (Arc<Shelf>, mpsc::UnboundedReceiver<Unreadable>) {
    let (kept, told) = mpsc::unbounded_channel();
    let failures = AtomicUsize::new(failures);
    (Arc::new(Shelf { kept, failures }), told)
}

fn of_version(version: FieldValue) -> BasicProperties {
    let mut headers = FieldTable::new();
    headers.insert("version".try_into().unwrap(), version);
    let mut properties = BasicProperties::default();
    properties.with_headers(headers);
    properties
}

#[tokio::test]
async fn strangers_messages_are_kept_as_they_came() {
    let bench = Bench::new();
    let link = bench.link().await;
    for (properties, body) in [
        (BasicProperties::default(), "no envelope at all"),
        (of_version(FieldValue::l(2)), "from the future"),
        (of_version("one".into()), "a version in words"),
        (of_version(FieldValue::B(1)), "no id"),
    ] {
        bench
            .publish_raw(Exchange::TradeEvents, TRADE_KEY, properties, body.as_bytes())
            .await;
    }
    let publish = link
        .publisher()
        .publish(Exchange::TradeEvents, TRADE_KEY, envelope(1));
    publish.await.unwrap();

    let (handler, mut told) = teller(|_, _| Verdict::Done);
    let (shelf, mut kept) = shelf(2);
    let consumer = link.consume(Subscription::to(Queue::WalletTrades), handler, shelf);
    for (body, error) in [
        ("no envelope at all", DecodeError::Version(None)),
        ("from the future", DecodeError::Version(Some(2))),
        ("a version in words", DecodeError::Version(None)),
        ("no id", DecodeError::Missing("message_id")),
    ] {
        let message = next(&mut kept).await;
        let expected = Unreadable {
            queue: bench.queue(&Queue::WalletTrades),
            exchange: bench.exchange(Exchange::TradeEvents).to_owned(),
            key: TRADE_KEY.to_owned(),
            error,
            body: body.as_bytes().to_vec().into(),
        };
        assert_eq!(message, expected);
    }
    assert_eq!(next(&mut told).await.0, 1, "the readable one behind them");
    consumer.unwrap().stop().await;
    assert_eq!(bench.waiting(&Queue::WalletTrades).await, 0);
    assert_eq!(bench.waiting(&Queue::Failed).await, 0);
    link.close(PATIENCE).await;
}

#[tokio::test]
async fn a_body_that_the_handler_cannot_read_is_kept_too() {
    let bench = Bench::new();
    let link = bench.link().await;
    for number in 0..3 {
        let publish = link
            .publisher()
            .publish(Exchange::TradeEvents, TRADE_KEY, envelope(number));
        publish.await.unwrap();
    }
    let (handler, mut told) = teller(|number, _| match number {
        1 => Verdict::Unreadable("odd".to_owned()),
        _ => Verdict::Done,
    });
    let (shelf, mut kept) = shelf(0);
    let consumer = link.consume(Subscription::to(Queue::WalletTrades), handler, shelf);
    let message = next(&mut kept).await;
    assert_eq!(message.error, DecodeError::Body("odd".to_owned()));
    assert_eq!(message.body, 1_u32.to_be_bytes().to_vec());
    assert_eq!(crate::bench::next_numbers(&mut told, 3).await, [0, 1, 2]);
    consumer.unwrap().stop().await;
    assert_eq!(bench.waiting(&Queue::WalletTrades).await, 0);
    link.close(PATIENCE).await;
}

#[tokio::test]
async fn a_message_that_cannot_be_kept_stays_in_the_queue() {
    let bench = Bench::new();
    let link = bench.link().await;
    let properties = BasicProperties::default();
    bench
        .publish_raw(Exchange::TradeEvents, TRADE_KEY, properties, b"?")
        .await;
    let (handler, _told) = teller(|_, _| Verdict::Done);
    let (shelf, mut kept) = shelf(usize::MAX);
    let failing = Arc::clone(&shelf);
    let consumer = link.consume(Subscription::to(Queue::WalletTrades), handler, shelf);
    crate::bench::eventually("tried", || async {
        failing.failures.load(Ordering::SeqCst) < usize::MAX
    })
    .await;
    consumer.unwrap().stop().await;
    bench.until_waiting(&Queue::WalletTrades, 1).await;
    assert!(kept.try_recv().is_err());
    link.close(PATIENCE).await;
}
