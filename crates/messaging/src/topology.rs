//! The exchanges, queues and bindings: one description, from which brokers, tests and the definitions file are made.

use std::collections::BTreeMap;

use runtime::settings::RabbitmqSettings;

/// AMQP carries names in a byte of length and 255 bytes.
pub(crate) const LONGEST_NAME: usize = 255;
/// Trades that nobody fetched for so long are dead letters: 24 hours.
const TRADES_LIVE_MS: i64 = 86_400_000;
/// Messages that a queue which perhaps nobody reads may hold, so that it cannot fill the broker's disk.
const LONGEST_QUEUE: i64 = 1_000_000;
/// News that wait for one gateway; it fills gaps from the log.
const LONGEST_NEWS: i64 = 10_000;
const LARGEST_NEWS_BYTES: i64 = 64 * 1024 * 1024;
/// The key under which dead letters arrive.
pub const DEAD_LETTER_KEY: &str = "failed.trades";

/// Where messages are published to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Exchange {
    /// Executed trades as JSON, key `trade.executed.BTC-USDT`.
    TradeEvents,
    /// Orders' new statuses as JSON, key `order.filled.BTC-USDT`.
    OrderEvents,
    /// What nobody took in time, or refused.
    DeadLetters,
    /// "There is work", key [`hint_key`].
    ShardHints,
    /// News for all gateways.
    GatewayNews,
}

impl Exchange {
    /// Every exchange.
    pub const ALL: [Self; 5] = [
        Self::TradeEvents,
        Self::OrderEvents,
        Self::DeadLetters,
        Self::ShardHints,
        Self::GatewayNews,
    ];

    /// How it finds the queues of a message.
    pub const fn kind(self) -> &'static str {
        match self {
            Self::TradeEvents | Self::OrderEvents => "topic",
            Self::DeadLetters | Self::ShardHints => "direct",
            Self::GatewayNews => "fanout",
        }
    }
}

/// Where messages are consumed from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Queue {
    /// `wallet.service.trades`.
    WalletTrades,
    /// `notification.service.trades`.
    NotificationTrades,
    /// `dlx.failed`: dead letters.
    Failed,
    /// `shard.<n>.hints`: at most one message.
    ShardHints(u32),
    /// All news, through a queue of the consumer's own that goes with its connection.
    GatewayNews,
    /// One that [`Topology::with_queue`] added.
    Own(String),
}

/// The key of a shard's hints.
pub fn hint_key(shard: u32) -> String {
    format!("shard.{shard}")
}

/// The value of a queue's argument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Argument {
    /// A number.
    Number(i64),
    /// A text.
    Text(String),
}

/// Arguments of a queue by their names.
pub type Arguments = BTreeMap<&'static str, Argument>;

/// A durable queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueSpec {
    /// Its name on the broker.
    pub name: String,
    /// Its arguments.
    pub arguments: Arguments,
}

/// Messages of an exchange whose key matches go to a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BindingSpec {
    /// The exchange.
    pub exchange: Exchange,
    /// The queue's name on the broker.
    pub queue: String,
    /// The key, or for a topic exchange a pattern of it.
    pub key: String,
}

/// A name that AMQP or the broker would not take.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no name for an exchange or a queue: 1 to 255 bytes, not beginning with amq.")]
pub struct BadName(pub String);

/// What must be there before anything is published or consumed. All of it is durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topology {
    prefix: String,
    exchanges: BTreeMap<Exchange, String>,
    queues: Vec<QueueSpec>,
    bindings: Vec<BindingSpec>,
}

impl Topology {
    /// The exchange's topology under the names of the settings, with the hint queues of the shards 0 up to `shards`.
    /// `prefix` stands before every name, so that several can live on one broker; usually it is empty.
    ///
    /// # Errors
    /// A name is too long, empty, or the broker's own.
    pub fn new(settings: &RabbitmqSettings, shards: u32, prefix: &str) -> Result<Self, BadName> {
        let name_of = |exchange| match exchange {
            Exchange::TradeEvents => settings.exchange_trade_events.as_str(),
            Exchange::OrderEvents => settings.exchange_order_events.as_str(),
            Exchange::DeadLetters => "dlx",
            Exchange::ShardHints => "shard.hints",
            Exchange::GatewayNews => "gateway.news",
        };
        let mut topology = Self {
            prefix: prefix.to_owned(),
            exchanges: BTreeMap::new(),
            queues: Vec::new(),
            bindings: Vec::new(),
        };
        for exchange in Exchange::ALL {
            let name = checked(format!("{prefix}{}", name_of(exchange)))?;
            topology.exchanges.insert(exchange, name);
        }
        let dead_letters = topology.exchange(Exchange::DeadLetters).to_owned();
        let trades = Exchange::TradeEvents;
        let mut wallet = trade_queue();
        wallet.extend([
            ("x-message-ttl", Argument::Number(TRADES_LIVE_MS)),
            ("x-dead-letter-exchange", Argument::Text(dead_letters)),
            (
                "x-dead-letter-routing-key",
                Argument::Text(DEAD_LETTER_KEY.to_owned()),
            ),
        ]);
        topology.add(&Queue::WalletTrades, wallet, trades, "trade.executed.#")?;
        topology.add(
            &Queue::NotificationTrades,
            trade_queue(),
            trades,
            "trade.executed.#",
        )?;
        let failed = trade_queue();
        topology.add(&Queue::Failed, failed, Exchange::DeadLetters, DEAD_LETTER_KEY)?;
        for shard in 0..shards {
            let hints = Exchange::ShardHints;
            topology.add(&Queue::ShardHints(shard), hint_queue(), hints, &hint_key(shard))?;
        }
        Ok(topology)
    }

    /// Adds a durable queue of a consumer's own, which holds at most a million messages and drops its oldest ones then.
    ///
    /// # Errors
    /// The name is too long, empty, or the broker's own.
    pub fn with_queue(mut self, name: &str, exchange: Exchange, key: &str) -> Result<Self, BadName> {
        checked(key.to_owned())?;
        let queue = Queue::Own(name.to_owned());
        self.add(&queue, trade_queue(), exchange, key)?;
        Ok(self)
    }

    fn add(
        &mut self,
        queue: &Queue,
        arguments: Arguments,
        exchange: Exchange,
        key: &str,
    ) -> Result<(), BadName> {
        let name = checked(self.queue(queue))?;
        self.bindings.push(BindingSpec {
            exchange,
            queue: name.clone(),
            key: key.to_owned(),
        });
        self.queues.push(QueueSpec { name, arguments });
        Ok(())
    }

    /// The exchange's name on the broker.
    pub fn exchange(&self, exchange: Exchange) -> &str {
        // Every exchange was named by `new`.
        self.exchanges.get(&exchange).map_or("", String::as_str)
    }

    /// The queue's name on the broker; empty for news: the broker names that queue.
    pub fn queue(&self, queue: &Queue) -> String {
        let prefix = &self.prefix;
        match queue {
            Queue::WalletTrades => format!("{prefix}wallet.service.trades"),
            Queue::NotificationTrades => format!("{prefix}notification.service.trades"),
            Queue::Failed => format!("{prefix}dlx.failed"),
            Queue::ShardHints(shard) => format!("{prefix}shard.{shard}.hints"),
            Queue::GatewayNews => String::new(),
            Queue::Own(name) => format!("{prefix}{name}"),
        }
    }

    /// All exchanges with their names on the broker.
    pub fn exchanges(&self) -> impl Iterator<Item = (Exchange, &str)> {
        self.exchanges
            .iter()
            .map(|(exchange, name)| (*exchange, name.as_str()))
    }

    /// All durable queues.
    pub fn queues(&self) -> &[QueueSpec] {
        &self.queues
    }

    /// All bindings.
    pub fn bindings(&self) -> &[BindingSpec] {
        &self.bindings
    }

    /// The arguments of a gateway's own queue for news.
    pub fn news_arguments() -> Arguments {
        Arguments::from([
            ("x-max-length", Argument::Number(LONGEST_NEWS)),
            ("x-max-length-bytes", Argument::Number(LARGEST_NEWS_BYTES)),
            ("x-overflow", Argument::Text("drop-head".to_owned())),
        ])
    }
}

/// Replicated where the broker is a cluster, and faster than a classic durable queue once confirms are awaited in
/// windows: it syncs many messages at once.
fn trade_queue() -> Arguments {
    Arguments::from([
        ("x-queue-type", Argument::Text("quorum".to_owned())),
        ("x-max-length", Argument::Number(LONGEST_QUEUE)),
        ("x-overflow", Argument::Text("drop-head".to_owned())),
    ])
}

/// Classic: a hint is worth nothing after a restart, and only its speed counts.
fn hint_queue() -> Arguments {
    Arguments::from([
        ("x-queue-type", Argument::Text("classic".to_owned())),
        ("x-max-length", Argument::Number(1)),
        ("x-overflow", Argument::Text("drop-head".to_owned())),
    ])
}

fn checked(name: String) -> Result<String, BadName> {
    let fits = (1..=LONGEST_NAME).contains(&name.len()) && !name.starts_with("amq.");
    if fits { Ok(name) } else { Err(BadName(name)) }
}

#[cfg(test)]
mod tests;
