//! A wallet on a database of its own, and short ways to say what is asked of it.
#![allow(dead_code, reason = "each test file uses its own part")]

use std::time::Duration;

use domain::{
    Amount, Asset, Merge, OrderId, Release, RequestId, Reserve, Symbol, TradeId, Transfer, TransferKind,
    TransferReceipt, UserId,
};
use persistence::postgres::{Pool, PoolOptions};
use runtime::{Clock, Ids, ManualClock};
use testbed::Database;
use wallet::{PgWallet, WalletOptions};
use wallet_client::{
    Answer, Instruction, Refused, SettleTrade, TradeParty, TransferRefused, UserBalance, Wallet as _,
};

pub const ALICE: UserId = UserId::from_u128(0xA11CE);
pub const BOB: UserId = UserId::from_u128(0xB0B);

/// When the clock of a [`Stage`] begins.
pub const START_US: u64 = 1_800_000_000_000_000;

pub fn asset(code: &str) -> Asset {
    code.parse().unwrap()
}

pub fn amount(text: &str) -> Amount {
    Amount::parse(text).unwrap()
}

pub fn order(number: u128) -> OrderId {
    OrderId::from_u128(number)
}

pub fn request(number: u128) -> RequestId {
    RequestId::from_u128(number)
}

pub fn symbol() -> Symbol {
    "BTC/USDT".parse().unwrap()
}

pub fn deposit(key: &str, user_id: UserId, code: &str, units: &str) -> Transfer {
    Transfer {
        kind: TransferKind::Deposit,
        key: key.parse().unwrap(),
        user_id,
        asset: asset(code),
        amount: amount(units),
    }
}

pub fn withdrawal(key: &str, user_id: UserId, code: &str, units: &str) -> Transfer {
    Transfer {
        kind: TransferKind::Withdrawal,
        ..deposit(key, user_id, code, units)
    }
}

/// A reserve that receives what the symbol has besides what is paid.
pub fn reserve(id: u128, user_id: UserId, code: &str, units: &str) -> Reserve {
    let symbol = symbol();
    let pays = asset(code);
    Reserve {
        order_id: order(id),
        request_id: None,
        user_id,
        asset: pays,
        receives: if pays == symbol.base {
            symbol.quote
        } else {
            symbol.base
        },
        amount: amount(units),
    }
}

pub fn amendment(id: u128, amendment: u128, user_id: UserId, code: &str, units: &str) -> Reserve {
    Reserve {
        request_id: Some(request(amendment)),
        ..reserve(id, user_id, code, units)
    }
}

pub fn release(id: u128, number: u32, user_id: UserId, code: &str, units: &str) -> Release {
    Release {
        order_id: order(id),
        request_id: None,
        user_id,
        number,
        asset: asset(code),
        amount: amount(units),
        last: false,
    }
}

pub fn merge(id: u128, amendment: u128, user_id: UserId, code: &str, units: &str) -> Merge {
    Merge {
        request_id: request(amendment),
        order_id: order(id),
        user_id,
        asset: asset(code),
        amount: amount(units),
    }
}

pub fn party(user_id: UserId, id: Option<u128>, fee: &str, release: &str) -> TradeParty {
    TradeParty {
        user_id,
        order_id: id.map(order),
        fee: amount(fee),
        release: amount(release),
    }
}

pub fn settle(trade: u128, base: &str, quote: &str, buyer: TradeParty, seller: TradeParty) -> SettleTrade {
    SettleTrade {
        trade_id: TradeId::from_u128(trade),
        symbol: symbol(),
        base: amount(base),
        quote: amount(quote),
        buyer,
        seller,
    }
}

/// A wallet on a database of its own, on a clock that stands still.
pub struct Stage {
    pub wallet: PgWallet,
    pub pool: Pool,
    pub clock: ManualClock,
    pub database: Database,
}

impl Stage {
    pub async fn new() -> Self {
        Self::with(WalletOptions::default()).await
    }

    pub async fn with(options: WalletOptions) -> Self {
        let database = Database::create().await.unwrap();
        let clock = ManualClock::at(START_US);
        let (wallet, pool) = open(&database, clock.clone().into(), options);
        Self {
            wallet,
            pool,
            clock,
            database,
        }
    }

    /// Another wallet on the same database.
    pub fn another(&self) -> PgWallet {
        open(
            &self.database,
            self.clock.clone().into(),
            WalletOptions::default(),
        )
        .0
    }

    pub async fn one(&self, instruction: Instruction) -> Result<Answer, Refused> {
        let mut answers = self.wallet.instruct(0, vec![instruction]).await.unwrap();
        assert_eq!(answers.len(), 1);
        answers.remove(0)
    }

    pub async fn reserve(&self, r: Reserve) -> Result<Answer, Refused> {
        self.one(Instruction::Reserve(r)).await
    }

    pub async fn release(&self, r: Release) -> Result<Answer, Refused> {
        self.one(Instruction::Release(r)).await
    }

    pub async fn settle(&self, s: SettleTrade) -> Result<Answer, Refused> {
        self.one(Instruction::Settle(s)).await
    }

    pub async fn merge(&self, m: Merge) -> Result<Answer, Refused> {
        self.one(Instruction::Merge(m)).await
    }

    pub async fn transfer(&self, t: Transfer) -> Result<TransferReceipt, TransferRefused> {
        self.wallet.transfer(t).await.unwrap()
    }

    pub async fn fund(&self, user_id: UserId, code: &str, units: &str) {
        let key = format!("fund-{user_id}-{code}-{units}");
        self.transfer(deposit(&key, user_id, code, units)).await.unwrap();
    }

    pub async fn balance(&self, user_id: UserId, code: &str) -> Option<UserBalance> {
        let balances = self.wallet.balances(vec![user_id]).await.unwrap();
        balances.into_iter().find(|balance| balance.asset == asset(code))
    }

    /// Available and reserved; `-` where the user never had any.
    pub async fn has(&self, user_id: UserId, code: &str) -> String {
        match self.balance(user_id, code).await {
            Some(balance) => format!("{} {}", balance.available, balance.reserved),
            None => "-".to_owned(),
        }
    }

    /// All that must always hold between the tables.
    pub async fn check(&self) {
        check(&self.pool).await;
    }

    /// One number out of the database.
    pub async fn number(&self, sql: &str) -> i64 {
        self.session().await.0.query_one(sql, &[]).await.unwrap().get(0)
    }

    /// One text out of the database.
    pub async fn text(&self, sql: &str) -> String {
        self.session().await.0.query_one(sql, &[]).await.unwrap().get(0)
    }

    /// Changes something behind the wallet's back.
    pub async fn tamper(&self, sql: &str) {
        self.session().await.run(sql).await;
    }

    /// A session beside the wallet's own.
    pub async fn session(&self) -> Session {
        let connected = tokio_postgres::connect(&self.database.url(), tokio_postgres::NoTls).await;
        let (client, connection) = connected.unwrap();
        tokio::spawn(connection);
        Session(client)
    }
}

/// A session of the database beside the wallet's own.
pub struct Session(tokio_postgres::Client);

impl Session {
    pub async fn run(&self, sql: &str) {
        self.0.batch_execute(sql).await.unwrap();
    }
}

/// Looks until it is so; panics after a minute.
pub async fn until<F: Future<Output = bool>>(what: &str, is_so: impl Fn() -> F) {
    for _ in 0..6_000 {
        if is_so().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{what}: not within a minute");
}

pub async fn check(pool: &Pool) {
    let found = wallet::audit(&mut pool.get().await.unwrap()).await.unwrap();
    assert_eq!(found, []);
}

/// A wallet on the machine's clock.
pub fn open_at(url: &str, options: WalletOptions) -> PgWallet {
    let pool = pool(url);
    PgWallet::start(pool, Clock::System, Ids::new(Clock::System), options)
}

fn pool(url: &str) -> Pool {
    Pool::new(&PoolOptions {
        url: url.into(),
        max_size: 6,
        wait: Duration::from_secs(10),
    })
    .unwrap()
}

fn open(database: &Database, clock: Clock, options: WalletOptions) -> (PgWallet, Pool) {
    let (pool, ids) = (pool(&database.url()), Ids::new(clock.clone()));
    (PgWallet::start(pool.clone(), clock, ids, options), pool)
}
