//! A gateway as one member of the distributed exchange: its ways to PostgreSQL, RabbitMQ, Redis and the wallet, checked at
//! the start; and the markets of the settings, defined as soon as a matcher takes commands.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use distributed::{Carrier, Distributed, KeepUndecodable, Options, measure_broker, measure_redis};
use domain::MarketDefinition;
use messaging::{Link, Topology};
use persistence::postgres::{Pool, check_server};
use persistence::redis::{Redis, Trust};
use runtime::{Clock, Ids, Settings};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use trading::{EntryError, Operations, Queries};
use wallet_client::HttpWallet;

use crate::markets;
use crate::shared::redis;

/// What servers list this program's connections under.
const PROGRAM: &str = "trade-engine-gateway";
/// The pause before what could not be done at the start is tried again.
const RETRY: Duration = Duration::from_secs(1);
/// A definition that was written down is not written again before this: it waits for a matcher.
const PATIENCE: Duration = Duration::from_secs(60);

/// A gateway's part of the distributed exchange.
pub(crate) struct Member {
    pub(crate) exchange: Arc<Distributed>,
    pub(crate) pool: Pool,
    link: Arc<Link>,
    pub(crate) redis: Redis,
    /// What all who ask Redis know of it.
    pub(crate) trust: Arc<Trust>,
    defining: JoinHandle<()>,
}

impl Member {
    /// Joins the exchange of these settings. A broker, Redis or wallet that does not answer yet is no error: the gateway is
    /// not ready until they do, as far as they are needed.
    ///
    /// # Errors
    /// The database does not answer, is not as it must be, or has another schema; or a setting leads nowhere.
    pub(crate) async fn open(settings: &Settings) -> anyhow::Result<Self> {
        let pool = Pool::of(&settings.database, PROGRAM)?;
        let mut connection = pool.get().await.context("database")?;
        let server = check_server(&mut connection).await.context("database")?;
        drop(connection);
        let crowded = server.takes_pool_of(&settings.database).context("database")?;
        for warning in server.warnings.iter().chain(&crowded) {
            tracing::warn!(%warning, "the database");
        }
        let shards = settings.distributed.shards;
        let topology = Topology::new(&settings.rabbitmq, shards, "").context("rabbitmq")?;
        let link = Link::start(&settings.rabbitmq, topology, PROGRAM).context("rabbitmq")?;
        let link = Arc::new(link);
        let (clock, ids) = (Clock::System, Ids::new(Clock::System));
        let keeper = Arc::new(KeepUndecodable::new(pool.clone(), ids.clone()));
        let carrier = Carrier::over(&link, ids.clone(), clock.clone(), keeper).context("rabbitmq")?;
        let wallet = HttpWallet::of(&settings.wallet).context("wallet")?;
        let redis = redis(&settings.redis)?;
        let definitions = markets::definitions(settings)?;
        let options = Options {
            clock,
            ids,
            answer_timeout: settings.server.answer_timeout,
            in_flight: settings.distributed.in_flight,
            redis: Some(redis.clone()),
            book_cache: settings.redis.book_cache,
            wanted: definitions.iter().map(|wanted| wanted.symbol).collect(),
            ..Options::new(pool.clone(), Arc::new(wallet))
        };
        let exchange = Arc::new(Distributed::open(options, carrier).await?);
        let defining = tokio::spawn(define(Arc::clone(&exchange), definitions));
        tracing::info!(
            server = server.version,
            shards,
            markets = exchange.markets().all().len(),
            "joined the exchange"
        );
        Ok(Self {
            exchange,
            pool,
            link,
            redis,
            trust: Arc::new(Trust::new(Clock::System)),
            defining,
        })
    }

    /// Takes nothing new, and finishes what was taken.
    pub(crate) async fn stop(&self, patience: Duration) {
        self.defining.abort();
        self.exchange.stop(patience).await;
    }

    /// Sets the figures of `/metrics` that one has to look up.
    #[allow(
        clippy::cast_precision_loss,
        reason = "metrics are floats, and none of these passes 2^53"
    )]
    pub(crate) fn measure(&self) {
        let figures = self.pool.figures();
        for (name, connections) in [
            ("database_connections_max", figures.max),
            ("database_connections_open", figures.open),
            ("database_connections_idle", figures.idle),
            ("database_connections_waiting", figures.waiting),
        ] {
            metrics::gauge!(name, "pool" => "all").set(connections as f64);
        }
        metrics::gauge!("intake_requests_in_flight").set(self.exchange.in_flight() as f64);
        measure_broker(&self.link);
        measure_redis(&self.redis);
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.defining.abort();
    }
}

/// Defines the markets that nobody has defined yet, in the order of the settings. Those that are there stay as operators and reloads have changed them.
async fn define(exchange: Arc<Distributed>, definitions: Vec<MarketDefinition>) {
    for mut definition in definitions {
        let symbol = definition.symbol;
        let is_there = || exchange.markets().by_symbol(symbol).is_some();
        let mut told = false;
        while !is_there() {
            definition.number = markets::number(&exchange.markets(), symbol);
            let Err(error) = exchange.define_market(definition.clone()).await else {
                tracing::info!(%symbol, "defined");
                break;
            };
            if !std::mem::replace(&mut told, true) {
                tracing::warn!(%symbol, %error, "a market of the settings is not defined yet");
            }
            let written = error == EntryError::OutcomeUnknown;
            let again = Instant::now() + if written { PATIENCE } else { RETRY };
            while !is_there() && Instant::now() < again {
                tokio::time::sleep(RETRY).await;
            }
        }
    }
}
