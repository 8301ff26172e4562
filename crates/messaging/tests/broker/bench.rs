//! What the tests share: names of their own on a broker, a look into its queues, and handlers that tell what they got.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use amqprs::channel::{
    BasicGetArguments, BasicPublishArguments, Channel, ExchangeDeleteArguments, GetMessage,
    QueueDeclareArguments, QueueDeleteArguments,
};
use amqprs::connection::{Connection, OpenConnectionArguments};
use amqprs::{BasicProperties, FieldTable};
use async_trait::async_trait;
use bytes::Bytes;
use domain::Stamp;
use messaging::{
    BINARY, Delivery, Envelope, Exchange, Handler, Link, Message, Queue, Topology, Undecodable, Unreadable,
    Verdict,
};
use runtime::settings::RabbitmqSettings;
use secrecy::SecretString;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};
use uuid::Uuid;

/// How long anything may take on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(60);
static NUMBER: AtomicU32 = AtomicU32::new(0);

/// A broker, and names on it that no other test has. Dropped, it deletes what was declared under them.
pub struct Bench {
    pub settings: RabbitmqSettings,
    port: u16,
    topology: Topology,
}

impl Bench {
    /// On the broker of this machine, port 5672 unless `TEST_RABBITMQ_PORT` names another.
    pub fn new() -> Self {
        let port = std::env::var("TEST_RABBITMQ_PORT").unwrap_or_else(|_| "5672".to_owned());
        Self::on(port.parse().unwrap())
    }

    /// On the broker of this port.
    pub fn on(port: u16) -> Self {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let prefix = format!("t{}.{number}.", std::process::id());
        let settings = RabbitmqSettings {
            url: Some(SecretString::from(url(port))),
            heartbeat: Duration::from_secs(2),
            ..RabbitmqSettings::default()
        };
        let topology = Topology::new(&settings, 2, &prefix).unwrap();
        Self {
            settings,
            port,
            topology,
        }
    }

    /// The same names by way of this port.
    pub fn by_way_of(mut self, port: u16) -> Self {
        self.settings.url = Some(SecretString::from(url(port)));
        self
    }

    /// With a queue of its own.
    pub fn with_queue(mut self, name: &str, exchange: Exchange, key: &str) -> Self {
        self.topology = self.topology.clone().with_queue(name, exchange, key).unwrap();
        self
    }

    /// A link that need not be up yet.
    pub fn link_in_the_making(&self) -> Link {
        Link::start(&self.settings, self.topology.clone(), "test").unwrap()
    }

    /// A link that is up.
    pub async fn link(&self) -> Link {
        let link = self.link_in_the_making();
        until_up(&link).await;
        link
    }

    pub fn exchange(&self, exchange: Exchange) -> &str {
        self.topology.exchange(exchange)
    }

    pub fn queue(&self, queue: &Queue) -> String {
        self.topology.queue(queue)
    }

    /// A connection past the code under test.
    pub async fn raw(&self) -> (Connection, Channel) {
        raw(self.port).await
    }

    /// How many messages wait in the queue.
    pub async fn waiting(&self, queue: &Queue) -> u32 {
        let (_connection, channel) = self.raw().await;
        let mut look = QueueDeclareArguments::new(&self.queue(queue));
        let (_, waiting, _) = channel
            .queue_declare(look.passive(true).finish())
            .await
            .unwrap()
            .unwrap();
        waiting
    }

    /// Waits until so many messages wait in the queue.
    pub async fn until_waiting(&self, queue: &Queue, count: u32) {
        eventually("the queue's length", || async {
            self.waiting(queue).await == count
        })
        .await;
    }

    /// The next message of the queue, taken out.
    pub async fn take(&self, queue: &Queue) -> Option<GetMessage> {
        let (_connection, channel) = self.raw().await;
        let mut get = BasicGetArguments::new(&self.queue(queue));
        channel.basic_get(get.no_ack(true).finish()).await.unwrap()
    }

    /// Publishes bytes as some other program would.
    pub async fn publish_raw(&self, exchange: Exchange, key: &str, properties: BasicProperties, body: &[u8]) {
        let (connection, channel) = self.raw().await;
        let arguments = BasicPublishArguments::new(self.exchange(exchange), key);
        channel
            .basic_publish(properties, body.to_vec(), arguments)
            .await
            .unwrap();
        channel.close().await.unwrap();
        connection.close().await.unwrap();
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        let (topology, port) = (self.topology.clone(), self.port);
        // A test's runtime may be the one that ends: this has its own.
        let deleting = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            // A broker of the test's own may be gone already.
            let _ = runtime.block_on(async { timeout(PATIENCE / 3, delete(topology, port)).await });
        });
        let _ = deleting.join();
    }
}

async fn delete(topology: Topology, port: u16) {
    let Ok(connection) = Connection::open(&arguments(port)).await else {
        return;
    };
    let Ok(channel) = connection.open_channel(None).await else {
        return;
    };
    for queue in topology.queues() {
        let _ = channel.queue_delete(QueueDeleteArguments::new(&queue.name)).await;
    }
    for (_, name) in topology.exchanges() {
        let _ = channel.exchange_delete(ExchangeDeleteArguments::new(name)).await;
    }
    let _ = connection.close().await;
}

fn arguments(port: u16) -> OpenConnectionArguments {
    OpenConnectionArguments::new("127.0.0.1", port, "guest", "guest")
}

async fn raw(port: u16) -> (Connection, Channel) {
    let connection = Connection::open(&arguments(port)).await.unwrap();
    let channel = connection.open_channel(None).await.unwrap();
    (connection, channel)
}

fn url(port: u16) -> String {
    format!("amqp://guest:guest@127.0.0.1:{port}/")
}

/// An envelope whose body is this number.
pub fn envelope(number: u32) -> Envelope {
    let body = Bytes::from(number.to_be_bytes().to_vec());
    let at = Stamp::from_micros(1_790_000_000_123_456);
    let id = Uuid::from_u128(u128::from(number) + 1);
    Envelope::new(id, "test", BINARY, at, body)
        .unwrap()
        .of_market("BTC/USDT".parse().unwrap(), u64::from(number))
}

pub const TRADE_KEY: &str = "trade.executed.BTC-USDT";

/// A message for the trades' queues.
pub fn trade(number: u32) -> Message {
    Message {
        exchange: Exchange::TradeEvents,
        key: TRADE_KEY.to_owned(),
        envelope: envelope(number),
    }
}

pub fn trades(numbers: impl IntoIterator<Item = u32>) -> Vec<Message> {
    numbers.into_iter().map(trade).collect()
}

/// The number in a body.
pub fn number_of(body: &[u8]) -> u32 {
    u32::from_be_bytes(body.try_into().unwrap())
}

/// Waits until the link is up.
pub async fn until_up(link: &Link) {
    let up = timeout(PATIENCE, link.until_up()).await;
    assert!(up.is_ok(), "not up: {:?}", link.trouble());
}

/// Looks again and again until it holds.
pub async fn eventually<F: Future<Output = bool>>(what: &str, mut holds: impl FnMut() -> F) {
    let deadline = Instant::now() + PATIENCE;
    while !holds().await {
        assert!(Instant::now() < deadline, "{what} never came to hold");
        sleep(Duration::from_millis(20)).await;
    }
}

/// What a handler saw: the number, and whether it was told that it came before.
pub type Seen = (u32, bool);

/// Tells what it gets, and says of each what it was told to say.
pub struct Teller<F> {
    seen: mpsc::UnboundedSender<Seen>,
    verdict: F,
}

/// A handler that says of each delivery what `verdict` says, and what it has seen so far.
pub fn teller<F>(verdict: F) -> (Teller<F>, mpsc::UnboundedReceiver<Seen>)
where
    F: FnMut(u32, bool) -> Verdict + Send + 'static,
{
    let (seen, told) = mpsc::unbounded_channel();
    (Teller { seen, verdict }, told)
}

#[async_trait]
impl<F: FnMut(u32, bool) -> Verdict + Send + 'static> Handler for Teller<F> {
    async fn handle(&mut self, delivery: &Delivery) -> Verdict {
        let seen = (number_of(delivery.envelope.body()), delivery.is_redelivered);
        let verdict = (self.verdict)(seen.0, seen.1);
        let _ = self.seen.send(seen);
        verdict
    }
}

/// The next thing that a handler saw.
pub async fn next<T>(told: &mut mpsc::UnboundedReceiver<T>) -> T {
    let next = timeout(PATIENCE, told.recv()).await;
    next.expect("nothing came").expect("the handler is gone")
}

/// The numbers of the next deliveries.
pub async fn next_numbers(told: &mut mpsc::UnboundedReceiver<Seen>, count: usize) -> Vec<u32> {
    let mut numbers = Vec::with_capacity(count);
    for _ in 0..count {
        numbers.push(next(told).await.0);
    }
    numbers
}

/// Nothing unreadable may come.
pub struct NothingUnreadable;

#[async_trait]
impl Undecodable for NothingUnreadable {
    async fn keep(&self, message: &Unreadable) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        panic!("{message:?}");
    }
}

pub fn nothing_unreadable() -> Arc<NothingUnreadable> {
    Arc::new(NothingUnreadable)
}

/// A header's text, or the text of its number.
pub fn header(headers: &FieldTable, name: &str) -> Option<String> {
    headers.get(&name.try_into().unwrap()).map(ToString::to_string)
}
