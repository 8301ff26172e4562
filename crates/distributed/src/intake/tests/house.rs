//! A gateway's intake on a database of its own, with a wallet in memory and one shard, whose owner is the real fold in a
//! small loop.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use domain::{
    Amount, Asset, Band, FeeRate, LedgerEntry, Lots, Market, MarketDefinition, MarketNumber, Order, OrderId,
    OrderRef, Place, Price, Quantity, SelfTradePrevention, Side, Stamp, Terms, TimeInForce, Transfer,
    TransferKind, TransferReceipt, UserId,
};
use persistence::postgres::{Pool, PoolOptions};
use runtime::{Clock, Ids};
use testbed::{Database, Proxy};
use tokio_postgres::NoTls;
use trading::{Caller, Markets, NewOrder};
use wallet_client::{
    Answer, EntryPage, Instruction, LedgerWallet, NotAnswered, Refused, TransferRefused, UserBalance, Wallet,
};

use super::shard::{Owner, Told};
use crate::intake::{Intake, IntakeOptions, MarketTable, Neighbours, Notices};
use crate::{News, Outcomes};

/// How long anything may take; far more than any machine needs.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);
pub(super) const BTC: MarketNumber = MarketNumber(1);

/// A market of whole ticks and lots around 100: market orders trade 10 % from it, limits lie within 50 %.
pub(super) fn definition(number: u32, symbol: &str) -> MarketDefinition {
    MarketDefinition {
        number: MarketNumber(number),
        symbol: symbol.parse().unwrap(),
        tick: Amount(100_000_000),
        lot: Amount(100_000_000),
        min_quantity: Lots(1),
        max_quantity: Lots(1_000),
        max_price: Price::from_ticks(1_000).unwrap(),
        min_notional: Amount::ZERO,
        market_band: Some(Band(1_000)),
        limit_band: Some(Band(5_000)),
        initial_price: Price::from_ticks(100),
        maker_fee: FeeRate(100_000),
        taker_fee: FeeRate(200_000),
        max_open_orders: 1_000,
    }
}

/// A wallet in memory that can be made to say nothing, or to do what it is told and say nothing.
pub(super) struct Moody {
    pub inner: LedgerWallet,
    pub silent: AtomicBool,
    pub deaf: AtomicBool,
    pub calls: Mutex<Vec<usize>>,
}

#[async_trait]
impl Wallet for Moody {
    async fn instruct(
        &self,
        shard: u32,
        instructions: Vec<Instruction>,
    ) -> Result<Vec<Result<Answer, Refused>>, NotAnswered> {
        self.calls.lock().unwrap().push(instructions.len());
        if self.deaf.load(Ordering::SeqCst) {
            return Err(NotAnswered::NotSent("the breaker is open"));
        }
        let answers = self.inner.instruct(shard, instructions).await;
        if self.silent.load(Ordering::SeqCst) {
            return Err(NotAnswered::Unknown("the answer is lost".to_owned()));
        }
        answers
    }

    async fn transfer(
        &self,
        transfer: Transfer,
    ) -> Result<Result<TransferReceipt, TransferRefused>, NotAnswered> {
        if self.deaf.load(Ordering::SeqCst) {
            return Err(NotAnswered::NotSent("the breaker is open"));
        }
        self.inner.transfer(transfer).await
    }

    async fn balances(&self, users: Vec<UserId>) -> Result<Vec<UserBalance>, NotAnswered> {
        self.inner.balances(users).await
    }

    async fn ledger(&self, page: EntryPage) -> Result<Vec<LedgerEntry>, NotAnswered> {
        self.inner.ledger(page).await
    }

    async fn trouble(&self) -> Option<String> {
        None
    }
}

/// The markets of the owner, as a gateway that follows it would know them.
#[derive(Default)]
pub(super) struct Table {
    pub markets: Mutex<(Arc<Markets>, HashMap<MarketNumber, u32>)>,
    pub reloads: Mutex<u32>,
    /// What is guessed of every new order.
    pub turning_away: AtomicBool,
}

impl MarketTable for Table {
    fn markets(&self) -> Arc<Markets> {
        Arc::clone(&self.markets.lock().unwrap().0)
    }

    fn shard_of(&self, market: MarketNumber) -> Option<u32> {
        self.markets.lock().unwrap().1.get(&market).copied()
    }

    fn turns_away(&self, order: &Place, _: Stamp) -> Option<u32> {
        let is_guessed = self.turning_away.load(Ordering::SeqCst);
        self.shard_of(order.market).filter(|_| is_guessed)
    }

    fn reload_soon(&self) {
        *self.reloads.lock().unwrap() += 1;
    }
}

/// Hears what is sent.
#[derive(Default)]
pub(super) struct Heard {
    pub hints: Mutex<Vec<u32>>,
    pub news: Mutex<Vec<News>>,
}

impl Notices for Heard {
    fn hint(&self, shard: u32) {
        self.hints.lock().unwrap().push(shard);
    }

    fn news(&self, news: News) {
        self.news.lock().unwrap().push(news);
    }
}

/// Its owner is dropped first and its database last.
pub(super) struct House {
    pub owner: Owner,
    pub pool: Pool,
    pub sql: tokio_postgres::Client,
    pub wallet: Arc<Moody>,
    pub table: Arc<Table>,
    pub told: Arc<Told>,
    pub heard: Arc<Heard>,
    pub intake: Arc<Intake>,
    database: Database,
}

impl House {
    /// One market, open, and a gateway that waits for two seconds.
    pub async fn open() -> Self {
        Self::waiting(Duration::from_secs(2)).await
    }

    /// A gateway that waits for so long.
    pub async fn waiting(answer_timeout: Duration) -> Self {
        let database = Database::create().await.unwrap();
        // The owner may do everything, the gateway only what a gateway may.
        let owners = pool(database.url());
        let pool = pool(gateways(&database));
        let sql = client(&database).await;
        sql.batch_execute("INSERT INTO shards (shard) VALUES (0)")
            .await
            .unwrap();
        let wallet = Arc::new(Moody {
            inner: LedgerWallet::new(Clock::System),
            silent: AtomicBool::new(false),
            deaf: AtomicBool::new(false),
            calls: Mutex::default(),
        });
        let (table, told, heard): (Arc<Table>, Arc<Told>, Arc<Heard>) = Default::default();
        let owner = Owner::start(
            client(&database).await,
            owners,
            Arc::clone(&wallet),
            Arc::clone(&table),
            Arc::clone(&told),
        );
        let mut house = Self {
            intake: gateway(&pool, &wallet, &table, &told, &heard, answer_timeout).await,
            database,
            pool,
            sql,
            wallet,
            table,
            told,
            heard,
            owner,
        };
        let patient = house.another(PATIENCE).await;
        patient.define_market(definition(1, "BTC/USDT")).await.unwrap();
        house.intake = house.another(answer_timeout).await;
        house
    }

    /// Another gateway over the same database.
    pub async fn another(&self, answer_timeout: Duration) -> Arc<Intake> {
        let (pool, wallet) = (&self.pool, &self.wallet);
        gateway(pool, wallet, &self.table, &self.told, &self.heard, answer_timeout).await
    }

    /// Another gateway, whose time comes from this clock.
    pub async fn by_clock(&self, clock: Clock) -> Arc<Intake> {
        let (pool, wallet) = (&self.pool, &self.wallet);
        by_clock(
            clock,
            pool,
            wallet,
            &self.table,
            &self.told,
            &self.heard,
            PATIENCE,
        )
        .await
    }

    /// Another gateway, whose way to the database leads through this proxy.
    pub async fn behind(&self, proxy: &Proxy) -> Arc<Intake> {
        let pool = pool(proxy.url(&gateways(&self.database)));
        let (wallet, timeout) = (&self.wallet, Duration::from_secs(2));
        gateway(&pool, wallet, &self.table, &self.told, &self.heard, timeout).await
    }

    /// A user with so many whole units of the quote asset, and of the base asset.
    pub async fn user(&self, number: u128, quote: u64, base: u64) -> Caller {
        let user_id = UserId::from_u128(number);
        for (asset, amount) in [("USDT", quote), ("BTC", base)] {
            if amount > 0 {
                let transfer = Transfer {
                    kind: TransferKind::Deposit,
                    key: format!("{number}-{asset}").parse().unwrap(),
                    user_id,
                    asset: asset.parse().unwrap(),
                    amount: whole(amount),
                };
                self.wallet.inner.transfer(transfer).await.unwrap().unwrap();
            }
        }
        Caller {
            user_id,
            institution_id: None,
        }
    }

    /// What a user has: available and reserved, in whole units.
    pub async fn has(&self, user: Caller, asset: &str) -> (u64, u64) {
        let asset: Asset = asset.parse().unwrap();
        let balances = self.wallet.inner.balances(vec![user.user_id]).await.unwrap();
        let of_asset = balances.into_iter().find(|balance| balance.asset == asset);
        of_asset.map_or((0, 0), |balance| {
            (balance.available.0 / ONE, balance.reserved.0 / ONE)
        })
    }

    /// A number out of the database.
    pub async fn count(&self, sql: &str) -> i64 {
        self.sql.query_one(sql, &[]).await.unwrap().get(0)
    }

    /// An order as its row has it.
    pub async fn row(&self, user: Caller, id: OrderId) -> Order {
        let found = self.intake.look(user.user_id, OrderRef::Id(id)).await;
        found.unwrap().unwrap().order
    }

    /// Waits until it holds.
    pub async fn until(&self, what: &str, holds: impl AsyncFn(&Self) -> bool) {
        let waiting = async {
            while !holds(self).await {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let waited = tokio::time::timeout(PATIENCE, waiting).await;
        assert!(waited.is_ok(), "{what}");
    }

    /// Lets everything that is stored become older, so that a sweeper takes it on at once.
    pub async fn age(&self) {
        tokio::time::sleep(Duration::from_millis(3_050)).await;
    }
}

pub(super) const ONE: u64 = 100_000_000;

pub(super) const fn whole(number: u64) -> Amount {
    Amount(number * ONE)
}

/// The database for a gateway.
fn gateways(database: &Database) -> String {
    format!("{}?options=-c%20role%3Dtrade_gateway", database.url())
}

async fn client(database: &Database) -> tokio_postgres::Client {
    let (client, connection) = tokio_postgres::connect(&database.url(), NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

fn pool(url: String) -> Pool {
    let options = PoolOptions {
        url: url.into(),
        max_size: 8,
        wait: Duration::from_secs(10),
    };
    Pool::new(&options).unwrap()
}

async fn gateway(
    pool: &Pool,
    wallet: &Arc<Moody>,
    table: &Arc<Table>,
    told: &Arc<Told>,
    heard: &Arc<Heard>,
    answer_timeout: Duration,
) -> Arc<Intake> {
    by_clock(Clock::System, pool, wallet, table, told, heard, answer_timeout).await
}

async fn by_clock(
    clock: Clock,
    pool: &Pool,
    wallet: &Arc<Moody>,
    table: &Arc<Table>,
    told: &Arc<Told>,
    heard: &Arc<Heard>,
    answer_timeout: Duration,
) -> Arc<Intake> {
    let options = IntakeOptions {
        pool: pool.clone(),
        ids: Ids::new(clock.clone()),
        clock,
        answer_timeout,
        capacity: 1_000,
        clock_difference: Duration::from_secs(1),
    };
    let outcomes: Arc<dyn Outcomes> = told.clone();
    let neighbours = Neighbours {
        wallet: wallet.clone(),
        outcomes,
        markets: table.clone(),
        notices: heard.clone(),
    };
    Intake::open(options, neighbours).await.unwrap()
}

/// A limit order, good till cancelled.
pub(super) fn limit(side: Side, lots: u64, price: u32) -> NewOrder {
    NewOrder {
        market: BTC,
        side,
        terms: Terms::Limit {
            price: Price::from_ticks(price).unwrap(),
            quantity: Quantity::from_lots(Lots(lots)).unwrap(),
            display: None,
            post_only: false,
        },
        time_in_force: TimeInForce::Gtc,
        self_trade_prevention: SelfTradePrevention::ExpireTaker,
        client_order_id: None,
        deadline: None,
    }
}

/// The same under a client id.
pub(super) fn named(name: &str, order: NewOrder) -> NewOrder {
    NewOrder {
        client_order_id: Some(name.parse().unwrap()),
        ..order
    }
}

/// The market as it was defined.
pub(super) fn market() -> Market {
    Market::new(definition(1, "BTC/USDT")).unwrap()
}
