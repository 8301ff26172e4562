//! A database, a wallet, and as much of a gateway as a shard needs.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use distributed::shard::{Connect, ShardOptions, Status, load, run};
use distributed::{Batch, Entry};
use domain::{
    Amount, Asset, FeeRate, Lots, MarketDefinition, MarketNumber, Order, OrderId, Price, Transfer,
    TransferKind, UserId,
};
use persistence::postgres::orders::{MarketGrids, StoredOrder, orders_by_id};
use persistence::postgres::views::batches_after;
use persistence::postgres::{Connection, connect};
use runtime::Shutdown;
use serde::de::DeserializeOwned;
use testbed::Database;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_postgres::{Client, NoTls};
use wallet_client::{UserBalance, Wallet};

use crate::outlet::Heard;
use crate::purse::Purse;

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(60);

pub fn user(number: u8) -> UserId {
    UserId::from_u128(500 + u128::from(number))
}

pub fn asset(code: &str) -> Asset {
    code.parse().unwrap()
}

pub fn definition(number: u32) -> MarketDefinition {
    MarketDefinition {
        number: MarketNumber(number),
        symbol: ["ABC/USD", "XYZ/USD"][number as usize].parse().unwrap(),
        tick: Amount::parse("0.01").unwrap(),
        lot: Amount::parse("0.001").unwrap(),
        min_quantity: Lots(1),
        max_quantity: Lots(5_000),
        max_price: Price::from_ticks(100_000).unwrap(),
        min_notional: Amount::ZERO,
        market_band: None,
        limit_band: None,
        initial_price: Price::from_ticks(100),
        maker_fee: FeeRate(100_000),
        taker_fee: FeeRate(200_000),
        max_open_orders: 1_000_000,
    }
}

pub fn market(number: u32) -> Arc<domain::Market> {
    Arc::new(domain::Market::new(definition(number)).unwrap())
}

fn decode<T: DeserializeOwned>(bytes: &[u8]) -> T {
    assert_eq!(bytes[0], 1);
    postcard::from_bytes(&bytes[1..]).unwrap()
}

pub struct Bed {
    pub database: Database,
    /// Plain SQL.
    pub sql: Client,
    pub purse: Arc<Purse>,
    pub heard: Arc<Heard>,
    pub grids: MarketGrids,
    pub numbers: AtomicU64,
}

/// An owner at work.
pub struct Running {
    pub task: JoinHandle<()>,
    pub hint: Arc<Notify>,
    pub status: Status,
    pub shutdown: Shutdown,
}

impl Running {
    /// Asks it to stop and waits until it has.
    pub async fn stop(self) {
        self.shutdown.trigger();
        self.task.await.unwrap();
    }

    /// Ends it without a word.
    pub async fn kill(self) {
        self.task.abort();
        let _ = self.task.await;
    }
}

impl Bed {
    /// Two shards, and two markets in the first.
    pub async fn new() -> Self {
        let bed = Self::empty().await;
        for number in 0..2 {
            bed.define(number, 0).await;
        }
        bed
    }

    pub async fn empty() -> Self {
        let database = Database::create().await.unwrap();
        let (sql, driver) = tokio_postgres::connect(&database.url(), NoTls).await.unwrap();
        tokio::spawn(driver);
        sql.batch_execute("INSERT INTO shards (shard) VALUES (0), (1)")
            .await
            .unwrap();
        let purse = Arc::new(Purse::new());
        for number in 0..4 {
            for code in ["ABC", "XYZ", "USD"] {
                let transfer = Transfer {
                    kind: TransferKind::Deposit,
                    key: format!("{number}-{code}").parse().unwrap(),
                    user_id: user(number),
                    asset: asset(code),
                    amount: Amount(1 << 50),
                };
                purse.transfer(transfer).await.unwrap().unwrap();
            }
        }
        Self {
            database,
            sql,
            purse,
            heard: Arc::new(Heard::default()),
            grids: MarketGrids::new([market(0), market(1)]),
            numbers: AtomicU64::new(1),
        }
    }

    /// A connection of one's own.
    pub async fn connect(&self) -> Connection {
        connect(&self.database.url().into()).await.unwrap()
    }

    pub fn options(&self) -> ShardOptions {
        let url: String = self.database.url();
        let open: Connect = Arc::new(move || {
            let url = url.clone();
            Box::pin(async move { connect(&url.into()).await })
        });
        let (wallet, outlet) = (Arc::clone(&self.purse), Arc::clone(&self.heard));
        ShardOptions {
            lease: Duration::from_millis(600),
            ..ShardOptions::new(open, wallet, outlet, "test".to_owned())
        }
    }

    pub fn start(&self, options: ShardOptions, shard: u32) -> Running {
        let (hint, status, shutdown) = (Arc::new(Notify::new()), Status::new(shard), Shutdown::new());
        let task = tokio::spawn(run(
            options,
            shard,
            Arc::clone(&hint),
            status.clone(),
            shutdown.clone(),
        ));
        Running {
            task,
            hint,
            status,
            shutdown,
        }
    }

    pub async fn order(&self, id: OrderId) -> StoredOrder {
        let found = orders_by_id(&mut self.connect().await, &[id], &self.grids)
            .await
            .unwrap();
        found.into_iter().next().unwrap()
    }

    /// Waits until an order is as it should be.
    pub async fn until(&self, id: OrderId, is: fn(&Order) -> bool) -> StoredOrder {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            let stored = self.order(id).await;
            if is(&stored.order) {
                return stored;
            }
            assert!(tokio::time::Instant::now() < deadline, "{:?}", stored.order);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    pub async fn number(&self, query: &str) -> i64 {
        self.sql.query_one(query, &[]).await.unwrap().get(0)
    }

    /// Waits until a query gives a number.
    pub async fn until_number(&self, query: &str, number: i64) {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            let found = self.number(query).await;
            if found == number {
                return;
            }
            assert!(
                tokio::time::Instant::now() < deadline,
                "{query}: {found}, not {number}"
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Waits until nothing is left to do.
    pub async fn until_quiet_but_for_cursors(&self) {
        self.until_number("SELECT count(*) FROM commands", 0).await;
    }

    /// Waits until nothing is left to do, and all is published and settled.
    pub async fn until_quiet(&self) {
        self.until_number("SELECT count(*) FROM commands", 0).await;
        self.until_number(
            "SELECT count(*) FROM shards WHERE published_seq < last_seq OR settled_seq < last_seq",
            0,
        )
        .await;
    }

    /// The log of a shard.
    pub async fn log(&self, shard: u32) -> Vec<Batch> {
        let rows = batches_after(&mut self.connect().await, shard, 0, u64::MAX, usize::MAX)
            .await
            .unwrap();
        let batch = |row: persistence::postgres::views::LoggedBatch| {
            let (events, money, digest) = decode(&row.events);
            Batch {
                shard: row.shard,
                seq: row.seq,
                epoch: row.epoch,
                entries: decode::<Vec<Entry>>(&row.commands),
                events,
                money,
                digest,
                traces: Vec::new(),
            }
        };
        rows.into_iter().map(batch).collect()
    }

    /// The digest of what the tables hold.
    pub async fn digest(&self, shard: u32) -> u128 {
        load(&mut self.connect().await, shard, 1).await.unwrap().digest()
    }

    /// What a user has: available and reserved.
    pub async fn balance(&self, number: u8, code: &str) -> (u64, u64) {
        let balances: Vec<UserBalance> = self.purse.balances(vec![user(number)]).await.unwrap();
        let of = balances
            .into_iter()
            .find(|balance| balance.asset == asset(code))
            .unwrap();
        (of.available.0, of.reserved.0)
    }
}
