//! How many messages a second a broker confirms, at several windows, and how many a consumer gets and acknowledges; beside
//! what it does without confirms and acknowledgements.
//! `cargo run --release -p messaging --example rate [AMQP URL]`. It declares names of its own and deletes them at its end.
#![allow(clippy::print_stdout, reason = "a program that prints")]

mod raw;

use std::sync::Arc;
use std::time::Duration;

use amqprs::channel::{ExchangeDeleteArguments, QueueDeleteArguments, QueuePurgeArguments};
use anyhow::{Context, Result, bail};
use async_trait::async_trait;
use bytes::Bytes;
use domain::Stamp;
use messaging::{
    Delivery, Envelope, Exchange, Handler, JSON, Link, Message, Queue, Subscription, Topology, Undecodable,
    Unreadable, Verdict,
};
use runtime::settings::RabbitmqSettings;
use runtime::{Clock, Ids};
use secrecy::SecretString;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

const ROUTING_KEY: &str = "trade.executed.BTC-USDT";
/// How many messages the broker takes and gives without promises.
const RAW: u32 = 40_000;
const BODY_BYTES: usize = 200;
const PATIENCE: Duration = Duration::from_secs(120);
/// Messages sent without waiting for the confirmation of the one before, and how many are measured.
const WINDOWS: [(u32, u32); 4] = [(1, 2_000), (100, 40_000), (500, 40_000), (1_000, 40_000)];

/// Rings when so many were dealt with.
struct Counter {
    left: u32,
    done: Arc<Notify>,
}

#[async_trait]
impl Handler for Counter {
    async fn handle(&mut self, _delivery: &Delivery) -> Verdict {
        self.left = self.left.saturating_sub(1);
        if self.left == 0 {
            self.done.notify_one();
        }
        Verdict::Done
    }
}

struct Refuse;

#[async_trait]
impl Undecodable for Refuse {
    async fn keep(&self, message: &Unreadable) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        Err(message.error.to_string().into())
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let url = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "amqp://guest:guest@127.0.0.1:5672/".to_owned());
    let prefix = format!("rate{}.", std::process::id());
    println!("window  messages/s  (bodies of {BODY_BYTES} bytes, two durable quorum queues, all confirmed)");
    let mut published = 0;
    for (window, count) in WINDOWS {
        let link = link(&url, &prefix, window).await?;
        let messages = (0..count).map(message).collect::<Result<Vec<_>>>()?;
        let begun = Instant::now();
        let results = link.publisher().publish_all(messages).await;
        let took = begun.elapsed();
        if results.len() != count as usize || results.iter().any(Result::is_err) {
            bail!(
                "a message was not confirmed: {:?}",
                results.iter().find(|result| result.is_err())
            );
        }
        println!("{window:>6}  {:>10.0}", f64::from(count) / took.as_secs_f64());
        published += count;
        link.close(PATIENCE).await;
    }
    consume(&url, &prefix, published).await?;
    let link = link(&url, &prefix, 1).await?;
    without_promises(&link, &url).await?;
    delete(&link, &url).await
}

async fn link(url: &str, prefix: &str, window: u32) -> Result<Link> {
    let settings = RabbitmqSettings {
        url: Some(SecretString::from(url)),
        max_in_flight: window,
        confirm_timeout: PATIENCE,
        ..RabbitmqSettings::default()
    };
    let link = Link::start(&settings, Topology::new(&settings, 0, prefix)?, "rate")?;
    let up = timeout(PATIENCE, link.until_up()).await;
    up.with_context(|| link.trouble().unwrap_or_default())?;
    Ok(link)
}

fn message(number: u32) -> Result<Message> {
    let id = Ids::new(Clock::System).uuid_v7();
    let body = Bytes::from(vec![b'x'; BODY_BYTES]);
    let at = Stamp::from_micros(Clock::System.wall_us());
    let envelope = Envelope::new(id, "trade.executed", JSON, at, body)?;
    Ok(Message {
        exchange: Exchange::TradeEvents,
        key: ROUTING_KEY.to_owned(),
        envelope: envelope.of_market("BTC/USDT".parse()?, u64::from(number) + 1),
    })
}

async fn consume(url: &str, prefix: &str, count: u32) -> Result<()> {
    let link = link(url, prefix, 1).await?;
    let done = Arc::new(Notify::new());
    let counter = Counter {
        left: count,
        done: Arc::clone(&done),
    };
    let begun = Instant::now();
    let consumer = link.consume(Subscription::to(Queue::WalletTrades), counter, Arc::new(Refuse))?;
    timeout(PATIENCE, done.notified()).await.context("not all came")?;
    let rate = f64::from(count) / begun.elapsed().as_secs_f64();
    println!("consumed and acknowledged: {rate:.0} messages/s (prefetch 500)");
    consumer.stop().await;
    link.close(PATIENCE).await;
    Ok(())
}

/// The raw limits: a client of the same broker that neither waits for confirms nor acknowledges.
async fn without_promises(link: &Link, url: &str) -> Result<()> {
    let topology = link.topology();
    let [own, other] = [Queue::WalletTrades, Queue::NotificationTrades].map(|queue| topology.queue(&queue));
    let connection = raw::connect(url).await?;
    let channel = connection.open_channel(None).await?;
    for queue in [&own, &other] {
        channel.queue_purge(QueuePurgeArguments::new(queue)).await?;
    }
    let exchange = topology.exchange(Exchange::TradeEvents);
    let rate = raw::publish(url, exchange, &[own.clone(), other], RAW).await?;
    println!("into the same queues without confirms: {rate:.0} messages/s");
    let rate = raw::consume(url, &own, RAW).await?;
    println!("consumed without acknowledgements: {rate:.0} messages/s");
    channel.close().await?;
    Ok(connection.close().await?)
}

/// Deletes what was declared.
async fn delete(link: &Link, url: &str) -> Result<()> {
    let connection = raw::connect(url).await?;
    let channel = connection.open_channel(None).await?;
    for queue in link.topology().queues() {
        channel
            .queue_delete(QueueDeleteArguments::new(&queue.name))
            .await?;
    }
    for (_, name) in link.topology().exchanges() {
        channel
            .exchange_delete(ExchangeDeleteArguments::new(name))
            .await?;
    }
    channel.close().await?;
    Ok(connection.close().await?)
}
