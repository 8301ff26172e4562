//! What the broker does for a client that promises nothing: the same messages without confirms, and without
//! acknowledgements.

use std::sync::Arc;
use std::time::Duration;

use amqprs::channel::{BasicConsumeArguments, BasicPublishArguments, Channel, QueueDeclareArguments};
use amqprs::connection::{Connection, OpenConnectionArguments};
use amqprs::consumer::AsyncConsumer;
use amqprs::{BasicProperties, DELIVERY_MODE_PERSISTENT, Deliver};
use anyhow::{Context, Result};
use async_trait::async_trait;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout};

use super::{BODY_BYTES, PATIENCE, ROUTING_KEY};

/// Between two looks at a queue.
const LOOK: Duration = Duration::from_millis(2);

/// Counts what comes.
struct Counter {
    left: u32,
    done: Arc<Notify>,
}

#[async_trait]
impl AsyncConsumer for Counter {
    async fn consume(&mut self, _: &Channel, _: Deliver, _: BasicProperties, _: Vec<u8>) {
        self.left = self.left.saturating_sub(1);
        if self.left == 0 {
            self.done.notify_one();
        }
    }
}

/// A connection of its own to `user:password@host:port`.
pub async fn connect(url: &str) -> Result<Connection> {
    let place = url.split_once("://").map_or(url, |(_, place)| place);
    let (account, place) = place.rsplit_once('@').unwrap_or(("guest:guest", place));
    let (user, password) = account.split_once(':').context("user:password")?;
    let (host, port) = place.trim_end_matches('/').split_once(':').context("host:port")?;
    let arguments = OpenConnectionArguments::new(host, port.parse()?, user, password);
    Ok(Connection::open(&arguments).await?)
}

/// Messages a second until these queues hold them all, none of them confirmed.
pub async fn publish(url: &str, exchange: &str, queues: &[String], count: u32) -> Result<f64> {
    let connection = connect(url).await?;
    let channel = connection.open_channel(None).await?;
    let begun = Instant::now();
    for _ in 0..count {
        let mut properties = BasicProperties::default();
        properties.with_delivery_mode(DELIVERY_MODE_PERSISTENT);
        let arguments = BasicPublishArguments::new(exchange, ROUTING_KEY);
        channel
            .basic_publish(properties, vec![b'x'; BODY_BYTES], arguments)
            .await?;
    }
    for queue in queues {
        let all_there = async {
            while held(&channel, queue).await? < count {
                sleep(LOOK).await;
            }
            anyhow::Ok(())
        };
        timeout(PATIENCE, all_there).await.context("not all came")??;
    }
    let took = begun.elapsed();
    channel.close().await?;
    connection.close().await?;
    Ok(f64::from(count) / took.as_secs_f64())
}

/// How many messages a queue holds.
async fn held(channel: &Channel, queue: &str) -> Result<u32> {
    let mut arguments = QueueDeclareArguments::new(queue);
    arguments.passive(true);
    let (_, messages, _) = channel.queue_declare(arguments).await?.context("a queue")?;
    Ok(messages)
}

/// Messages a second that one consumer gets, none of them acknowledged.
pub async fn consume(url: &str, queue: &str, count: u32) -> Result<f64> {
    let connection = connect(url).await?;
    let channel = connection.open_channel(None).await?;
    let done = Arc::new(Notify::new());
    let counter = Counter {
        left: count,
        done: Arc::clone(&done),
    };
    let mut arguments = BasicConsumeArguments::new(queue, "");
    arguments.manual_ack(false);
    let begun = Instant::now();
    channel.basic_consume(counter, arguments).await?;
    timeout(PATIENCE, done.notified()).await.context("not all came")?;
    let took = begun.elapsed();
    channel.close().await?;
    connection.close().await?;
    Ok(f64::from(count) / took.as_secs_f64())
}
