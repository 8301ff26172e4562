//! An owner on a real broker, under names of the test's own.

use std::sync::Arc;
use std::time::Duration;

use amqprs::channel::{
    BasicGetArguments, Channel, ExchangeDeleteArguments, QueueBindArguments, QueueDeclareArguments,
    QueueDeleteArguments,
};
use amqprs::connection::{Connection, OpenConnectionArguments};
use async_trait::async_trait;
use distributed::shard::{Broker, ShardOptions, hear_while_owning};
use domain::{Side, Stamp, Status};
use messaging::{
    BINARY, Delivery, Envelope, Exchange, Handler, Link, Queue, Subscription, Topology, Unreadable, Verdict,
    hint_key,
};
use runtime::settings::RabbitmqSettings;
use runtime::{Clock, Ids};
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinSet;

use crate::bed::Bed;

pub fn port() -> u16 {
    let port = std::env::var("TEST_RABBITMQ_PORT").unwrap_or_else(|_| "5672".to_owned());
    port.parse().unwrap()
}

/// Names of the test's own on the broker, and a link to it that uses them.
pub fn linked(test: &str) -> (Topology, Link) {
    let settings = RabbitmqSettings {
        url: Some(format!("amqp://guest:guest@127.0.0.1:{}/", port()).into()),
        ..RabbitmqSettings::default()
    };
    let topology = Topology::new(&settings, 1, &format!("{test}{}.", std::process::id())).unwrap();
    let link = Link::start(&settings, topology.clone(), test).unwrap();
    (topology, link)
}

/// Tells what it hears.
struct Ear(mpsc::UnboundedSender<(String, Vec<u8>)>);

#[async_trait]
impl Handler for Ear {
    async fn handle(&mut self, delivery: &Delivery) -> Verdict {
        let _ = self
            .0
            .send((delivery.key.clone(), delivery.envelope.body().to_vec()));
        Verdict::Done
    }
}

struct Nobody;

#[async_trait]
impl messaging::Undecodable for Nobody {
    async fn keep(&self, message: &Unreadable) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        panic!("{message:?}");
    }
}

/// Takes away what the test has declared.
pub async fn clean(topology: &Topology) {
    let arguments = OpenConnectionArguments::new("127.0.0.1", port(), "guest", "guest");
    let connection = Connection::open(&arguments).await.unwrap();
    let channel = connection.open_channel(None).await.unwrap();
    for queue in topology.queues() {
        let _ = channel.queue_delete(QueueDeleteArguments::new(&queue.name)).await;
    }
    for (_, name) in topology.exchanges() {
        let _ = channel.exchange_delete(ExchangeDeleteArguments::new(name)).await;
    }
    let _ = connection.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hints_wake_owners_and_trades_orders_and_news_go_out() {
    let bed = Bed::new().await;
    let (topology, link) = linked("shard");
    link.until_up().await;
    let (sender, mut heard) = mpsc::unbounded_channel();
    let hear = |queue| {
        let ear = Ear(sender.clone());
        link.consume(Subscription::to(queue), ear, Arc::new(Nobody))
            .unwrap()
    };
    let ears = [hear(Queue::WalletTrades), hear(Queue::GatewayNews)];
    let (ids, clock) = (Ids::new(Clock::System), Clock::System);
    let options = ShardOptions {
        outlet: Arc::new(Broker::over(&link, ids.clone(), clock)),
        look_every: Duration::from_secs(3_600),
        lease: Duration::from_secs(3_600),
        ..bed.options()
    };
    let running = bed.start(options, 0);
    bed.until_number("SELECT count(*) FROM commands", 0).await;
    let link = Arc::new(link);
    let hints = tokio::spawn({
        let (link, hint, owning) = (
            Arc::clone(&link),
            Arc::clone(&running.hint),
            running.status.owning(),
        );
        async move { hear_while_owning(&link, 0, hint, owning, Arc::new(Nobody)).await }
    });
    let sell = bed.place(0, Side::Sell, 100, 10).await;
    let buy = bed.place(1, Side::Buy, 100, 10).await;
    // Nothing but the hint tells of them. It may be lost, so it is sent until it is heard.
    for _ in 0..600 {
        let at = Stamp::from_micros(Clock::System.wall_us());
        let hint = Envelope::new(ids.uuid_v7(), "shard.hint", BINARY, at, Vec::new().into()).unwrap();
        link.publisher()
            .try_publish(Exchange::ShardHints, &hint_key(0), hint);
        tokio::time::sleep(Duration::from_millis(100)).await;
        if bed.order(buy).await.order.state.is_final() {
            break;
        }
    }
    bed.until(sell, |order| order.state.status() == Status::Filled)
        .await;
    bed.until_quiet_but_for_cursors().await;
    let (mut trades, mut news) = (0, 0);
    while trades == 0 || news == 0 {
        let (key, body) = tokio::time::timeout(Duration::from_secs(60), heard.recv())
            .await
            .unwrap()
            .unwrap();
        if key == "trade.executed.ABC-USD" {
            assert!(String::from_utf8(body).unwrap().contains("ABC/USD"));
            trades += 1;
        } else {
            assert_eq!(key, "");
            news += 1;
        }
    }
    running.stop().await;
    drop(ears);
    hints.abort();
    let _ = hints.await;
    Arc::into_inner(link).unwrap().close(Duration::from_secs(5)).await;
    clean(&topology).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stand_by_takes_no_hints_away_from_the_owner() {
    let (topology, link) = linked("hints");
    let link = Arc::new(link);
    let owning = [watch::Sender::new(true), watch::Sender::new(false)];
    let mut tasks = JoinSet::new();
    let hints = owning.each_ref().map(|owning| {
        let (link, hint, owning) = (Arc::clone(&link), Arc::new(Notify::new()), owning.subscribe());
        let heard = Arc::clone(&hint);
        tasks.spawn(async move { hear_while_owning(&link, 0, heard, owning, Arc::new(Nobody)).await });
        hint
    });
    let ids = Ids::new(Clock::System);
    let send = async || {
        let at = Stamp::from_micros(Clock::System.wall_us());
        let hint = Envelope::new(ids.uuid_v7(), "shard.hint", BINARY, at, Vec::new().into()).unwrap();
        link.publisher()
            .publish(Exchange::ShardHints, &hint_key(0), hint)
            .await
            .unwrap();
    };
    // First the one owns the shard, then the other.
    for owners_hint in &hints {
        link.until_up().await;
        for _ in 0..20 {
            send().await;
            let heard = tokio::time::timeout(Duration::from_secs(20), owners_hint.notified());
            assert!(heard.await.is_ok(), "the hint went to the stand-by");
        }
        owning[0].send_replace(false);
        owning[1].send_replace(true);
    }
    drop(owning);
    while tasks.join_next().await.is_some() {}
    Arc::into_inner(link).unwrap().close(Duration::from_secs(5)).await;
    clean(&topology).await;
}

/// The ids of the messages in a queue of the test's own, in order, until there are no more.
async fn ids(channel: &Channel, queue: &str) -> Vec<String> {
    let mut ids = Vec::new();
    loop {
        let arguments = BasicGetArguments::new(queue).no_ack(true).finish();
        match channel.basic_get(arguments).await.unwrap() {
            Some((_, properties, _)) => ids.push(properties.message_id().unwrap().clone()),
            None => return ids,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn queues_that_somebody_deleted_are_declared_again_and_only_what_they_missed_is_repeated() {
    let bed = Bed::new().await;
    let (topology, link) = linked("gone");
    link.until_up().await;
    let arguments = OpenConnectionArguments::new("127.0.0.1", port(), "guest", "guest");
    let connection = Connection::open(&arguments).await.unwrap();
    let channel = connection.open_channel(None).await.unwrap();
    let declare = QueueDeclareArguments::exclusive_server_named();
    let (orders, ..) = channel.queue_declare(declare).await.unwrap().unwrap();
    let from = topology.exchange(Exchange::OrderEvents);
    let bind = QueueBindArguments::new(&orders, from, "#");
    channel.queue_bind(bind).await.unwrap();
    let trades = topology.queue(&Queue::WalletTrades);
    for queue in [&trades, &topology.queue(&Queue::NotificationTrades)] {
        channel
            .queue_delete(QueueDeleteArguments::new(queue))
            .await
            .unwrap();
    }
    let options = ShardOptions {
        outlet: Arc::new(Broker::over(&link, Ids::new(Clock::System), Clock::System)),
        ..bed.options()
    };
    // All of it is one chunk, which comes back in part.
    bed.place(0, Side::Sell, 100, 10).await;
    for _ in 0..3 {
        bed.place(1, Side::Buy, 100, 2).await;
    }
    let running = bed.start(options, 0);
    bed.until_quiet().await;
    running.stop().await;
    let told = ids(&channel, &trades).await;
    assert_eq!(told.len(), 3, "every trade is there");
    let mut told = ids(&channel, &orders).await;
    let count = told.len();
    told.sort_unstable();
    told.dedup();
    assert_eq!(
        (told.len(), count),
        (count, count),
        "no order's event is told twice"
    );
    assert!(count >= 4);
    link.close(Duration::from_secs(5)).await;
    let _ = connection.close().await;
    clean(&topology).await;
}
