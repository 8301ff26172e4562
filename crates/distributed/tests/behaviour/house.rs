//! Gateways, matchers and the wallet of a distributed exchange in one process, over a database of their own. What the
//! broker would carry goes through channels, as well as a broker of a given mood carries it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use distributed::shard::{Announced, Connect, NotPublished, Outlet, ShardOptions, Status, run};
use distributed::{Carrier, Distributed, News, Notices, Options};
use futures_util::FutureExt as _;
use persistence::postgres::orders::MarketGrids;
use persistence::postgres::{Pool, PoolOptions, connect};
use persistence::redis::Redis;
use runtime::{Clock, Ids, ManualClock, Shutdown};
use secrecy::SecretString;
use testbed::Database;
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;
use tokio_postgres::{Client, NoTls};
use wallet::{PgWallet, WalletOptions};
use wallet_client::Wallet;

/// How long anything may take; far more than any machine needs.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// Shards, so that markets live in different ones.
const SHARDS: u32 = 2;

/// How the broker carries hints and news.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Broker {
    /// All of them.
    Works,
    /// Two of three.
    Loses,
    /// None.
    IsAway,
}

/// Carries hints to owners and news to gateways.
pub struct Wires {
    broker: Broker,
    carried: AtomicU64,
    hints: Vec<Arc<Notify>>,
    gateways: Vec<mpsc::Sender<News>>,
}

impl Wires {
    fn carries(&self) -> bool {
        let number = self.carried.fetch_add(1, Ordering::Relaxed);
        match self.broker {
            Broker::Works => true,
            Broker::Loses => !number.is_multiple_of(3),
            Broker::IsAway => false,
        }
    }
}

impl Notices for Wires {
    fn hint(&self, shard: u32) {
        if self.carries() {
            self.hints[shard as usize].notify_one();
        }
    }

    fn news(&self, news: News) {
        for gateway in &self.gateways {
            if self.carries() {
                // A gateway that is full, or has gone, loses it.
                let _ = gateway.try_send(news.clone());
            }
        }
    }
}

/// The same for the shards' owners.
struct Owners(Arc<Wires>);

#[async_trait]
impl Outlet for Owners {
    fn news(&self, news: News) {
        Notices::news(&*self.0, news);
    }

    async fn publish(&self, _: &[Announced], _: &MarketGrids) -> Result<(), NotPublished> {
        Ok(())
    }
}

/// A distributed exchange with two gateways.
pub struct House {
    pub clock: ManualClock,
    pub gateways: Vec<Arc<Distributed>>,
    pub client: Client,
    shutdown: Shutdown,
    owners: Vec<JoinHandle<()>>,
    // Dropped last.
    _database: Database,
}

fn pool(database: &Database, max_size: usize) -> Pool {
    let options = PoolOptions {
        url: database.url().into(),
        max_size,
        wait: PATIENCE,
    };
    Pool::new(&options).unwrap()
}

impl House {
    pub async fn open(broker: Broker) -> Self {
        Self::with_redis(broker, None).await
    }

    /// One whose gateways are told to use this Redis.
    pub async fn with_redis(broker: Broker, redis: Option<Redis>) -> Self {
        let database = Database::create().await.unwrap();
        let (client, connection) = tokio_postgres::connect(&database.url(), NoTls).await.unwrap();
        tokio::spawn(connection);
        let rows = format!("INSERT INTO shards (shard) SELECT generate_series(0, {SHARDS} - 1)");
        client.batch_execute(&rows).await.unwrap();
        let clock = ManualClock::at(Clock::System.wall_us());
        let (senders, receivers): (Vec<_>, Vec<_>) = (0..2).map(|_| mpsc::channel(1_024)).unzip();
        let wires = Arc::new(Wires {
            broker,
            carried: AtomicU64::new(0),
            hints: (0..SHARDS).map(|_| Arc::default()).collect(),
            gateways: senders,
        });
        let (time, ids) = (Clock::from(clock.clone()), Ids::new(clock.clone().into()));
        let wallet = PgWallet::start(
            pool(&database, 4),
            time.clone(),
            ids.clone(),
            WalletOptions::default(),
        );
        let wallet: Arc<dyn Wallet> = Arc::new(wallet);
        let shutdown = Shutdown::new();
        let owners = (0..SHARDS).map(|shard| {
            let url = SecretString::from(database.url());
            let connect: Connect = Arc::new(move || {
                let url = url.clone();
                async move { connect(&url).await }.boxed()
            });
            let outlet = Arc::new(Owners(Arc::clone(&wires)));
            let options = ShardOptions {
                clock: time.clone(),
                ids: ids.clone(),
                ..ShardOptions::new(connect, Arc::clone(&wallet), outlet, format!("owner {shard}"))
            };
            let hint = Arc::clone(&wires.hints[shard as usize]);
            tokio::spawn(run(options, shard, hint, Status::new(shard), shutdown.clone()))
        });
        let owners = owners.collect();
        let mut gateways = Vec::new();
        for news in receivers {
            let options = Options {
                clock: time.clone(),
                ids: ids.clone(),
                answer_timeout: PATIENCE,
                updates_kept: 256,
                redis: redis.clone(),
                ..Options::new(pool(&database, 4), Arc::clone(&wallet))
            };
            let carrier = Carrier::within(Arc::clone(&wires) as Arc<dyn Notices>, news);
            gateways.push(Arc::new(Distributed::open(options, carrier).await.unwrap()));
        }
        Self {
            clock,
            gateways,
            client,
            shutdown,
            owners,
            _database: database,
        }
    }

    /// Lets time pass, and waits until whatever is due because of it was taken up.
    pub async fn pass(&self, time: Duration) {
        // The days to come need partitions, as an operator's hourly job makes them.
        let then = (self.clock.wall_us() + u64::try_from(time.as_micros()).unwrap()).cast_signed();
        let days = "SELECT make_partitions(at - interval '2 days', at + interval '2 days')
            FROM (SELECT 'epoch'::timestamptz + $1::bigint * interval '1 microsecond' AS at) AS t";
        self.client.query_one(days, &[&then]).await.unwrap();
        self.clock.advance(time);
        // No switch fires before the database's own time, which goes on by itself.
        let switches = "UPDATE dead_man SET fires_at = least(t.at, clock_timestamp())
            FROM (SELECT 'epoch'::timestamptz + $1::bigint * interval '1 microsecond' AS at) AS t WHERE fires_at <= t.at";
        self.client.execute(switches, &[&then]).await.unwrap();
        let until = tokio::time::Instant::now() + PATIENCE;
        while self.something_is_due().await {
            assert!(tokio::time::Instant::now() < until, "what is due is taken up");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn something_is_due(&self) -> bool {
        let now = self.clock.wall_us().cast_signed();
        let due = "SELECT ((SELECT count(*) FROM commands)
            + (SELECT count(*) FROM dead_man WHERE fires_at <= 'epoch'::timestamptz + $1::bigint * interval '1 microsecond')
            + (SELECT count(*) FROM orders WHERE status IN ('OPEN', 'PARTIALLY_FILLED')
               AND expires_at <= 'epoch'::timestamptz + $1::bigint * interval '1 microsecond')
            + (SELECT sum(last_seq - settled_seq) FROM shards))::bigint";
        let row = self.client.query_one(due, &[&now]).await.unwrap();
        row.get::<_, i64>(0) > 0
    }

    pub async fn close(self) {
        for gateway in &self.gateways {
            gateway.stop(PATIENCE).await;
        }
        self.shutdown.trigger();
        for owner in self.owners {
            owner.await.unwrap();
        }
    }
}
