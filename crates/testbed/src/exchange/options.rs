//! What a whole exchange of one's own consists of.

use std::path::PathBuf;

/// The default: two gateways, two matchers for one shard, one wallet service, on servers of their own.
#[derive(Debug, Clone)]
pub struct ExchangeOptions {
    pub(super) programs: PathBuf,
    pub(super) dir: Option<PathBuf>,
    pub(super) gateways: u32,
    pub(super) matchers: u32,
    pub(super) wallets: u32,
    pub(super) auditors: u32,
    pub(super) usual_ports: bool,
    pub(super) broker_metrics: bool,
    pub(super) migrated_by: Option<PathBuf>,
    pub(super) pooled: Option<PathBuf>,
    pub(super) postgres: Option<String>,
    pub(super) redis: Option<String>,
    pub(super) rabbitmq: Option<String>,
    pub(super) settings: Vec<(String, String)>,
}

impl ExchangeOptions {
    /// The default, with the programs `gateway`, `matcher` and `wallet-service` of this folder.
    pub fn new(programs: impl Into<PathBuf>) -> Self {
        Self {
            programs: programs.into(),
            dir: None,
            gateways: 2,
            matchers: 2,
            wallets: 1,
            auditors: 0,
            usual_ports: false,
            broker_metrics: false,
            migrated_by: None,
            pooled: None,
            postgres: None,
            redis: None,
            rabbitmq: None,
            settings: Vec::new(),
        }
    }

    /// Logs and data lie here and stay at the end; else in a folder that goes.
    #[must_use]
    pub fn dir(mut self, dir: impl Into<PathBuf>) -> Self {
        self.dir = Some(dir.into());
        self
    }

    /// How many gateways.
    #[must_use]
    pub fn gateways(mut self, count: u32) -> Self {
        self.gateways = count;
        self
    }

    /// How many matchers.
    #[must_use]
    pub fn matchers(mut self, count: u32) -> Self {
        self.matchers = count;
        self
    }

    /// How many wallet services; the others know the first one.
    #[must_use]
    pub fn wallets(mut self, count: u32) -> Self {
        self.wallets = count;
        self
    }

    /// How many auditors, which ask all gateways.
    #[must_use]
    pub fn auditors(mut self, count: u32) -> Self {
        self.auditors = count;
        self
    }

    /// Whether the first gateway listens on 8080, 8081 and 9090 where they are free.
    #[must_use]
    pub fn usual_ports(mut self, wanted: bool) -> Self {
        self.usual_ports = wanted;
        self
    }

    /// A RabbitMQ of its own tells Prometheus how it is.
    #[must_use]
    pub fn broker_metrics(mut self, wanted: bool) -> Self {
        self.broker_metrics = wanted;
        self
    }

    /// The tables are those of the `gateway` of this folder, as where programs were rolled back and the tables were not.
    #[must_use]
    pub fn migrated_by(mut self, programs: impl Into<PathBuf>) -> Self {
        self.migrated_by = Some(programs.into());
        self
    }

    /// Gateways and wallets reach a PostgreSQL of its own through the PgBouncer of this folder, in transaction mode.
    #[must_use]
    pub fn pooled(mut self, pgbouncer: impl Into<PathBuf>) -> Self {
        self.pooled = Some(pgbouncer.into());
        self
    }

    /// A database that exists on a PostgreSQL that runs, instead of one of its own.
    #[must_use]
    pub fn postgres(mut self, url: impl Into<String>) -> Self {
        self.postgres = Some(url.into());
        self
    }

    /// A Redis that runs, instead of one of its own.
    #[must_use]
    pub fn redis(mut self, url: impl Into<String>) -> Self {
        self.redis = Some(url.into());
        self
    }

    /// A RabbitMQ that runs, instead of one of its own.
    #[must_use]
    pub fn rabbitmq(mut self, url: impl Into<String>) -> Self {
        self.rabbitmq = Some(url.into());
        self
    }

    /// One more environment variable for every program; it wins over those that the exchange sets.
    #[must_use]
    pub fn setting(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.settings.push((name.into(), value.into()));
        self
    }
}
