//! What tests of following share: a wallet, a follower over a real database, and dice that are the same in every run.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use domain::{
    Amount, LedgerEntry, MarketEvent, MarketNumber, Side, Side::Buy, Side::Sell, Transfer, TransferReceipt,
    UserId,
};
use persistence::postgres::{Pool, PoolOptions};
use testbed::Database;
use tokio::sync::{broadcast, mpsc};
use trading::{DepthView, Update};
use wallet_client::{
    Answer, EntryPage, Instruction, NotAnswered, Refused, TransferRefused, UserBalance, Wallet,
};

use super::writer::Writer;
use crate::exchange::Options;
use crate::follow::Views;
use crate::{Batch, News};

/// How long anything may take; far more than any machine needs.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// Everybody has as many units as the question has a number.
#[derive(Default)]
pub(super) struct Purse {
    pub(super) asked: AtomicU32,
}

#[async_trait]
impl Wallet for Purse {
    async fn instruct(
        &self,
        _: u32,
        _: Vec<Instruction>,
    ) -> Result<Vec<Result<Answer, Refused>>, NotAnswered> {
        Err(NotAnswered::NotSent("only balances are told here"))
    }

    async fn transfer(&self, _: Transfer) -> Result<Result<TransferReceipt, TransferRefused>, NotAnswered> {
        Err(NotAnswered::NotSent("only balances are told here"))
    }

    async fn balances(&self, users: Vec<UserId>) -> Result<Vec<UserBalance>, NotAnswered> {
        let version = u64::from(self.asked.fetch_add(1, Ordering::SeqCst)) + 100;
        Ok(users
            .into_iter()
            .map(|user_id| balance(user_id, version))
            .collect())
    }

    async fn ledger(&self, _: EntryPage) -> Result<Vec<LedgerEntry>, NotAnswered> {
        Err(NotAnswered::NotSent("only balances are told here"))
    }

    async fn trouble(&self) -> Option<String> {
        None
    }
}

pub(super) fn balance(user_id: UserId, version: u64) -> UserBalance {
    UserBalance {
        user_id,
        asset: "USDT".parse().unwrap(),
        available: Amount(version),
        reserved: Amount(0),
        version,
    }
}

/// A follower, and what it told so far.
pub(super) struct Follower {
    pub(super) views: Views,
    pub(super) news: mpsc::Sender<News>,
    pub(super) updates: broadcast::Receiver<Arc<Update>>,
    pub(super) public: BTreeMap<MarketNumber, Vec<MarketEvent>>,
    pub(super) owners: BTreeMap<MarketNumber, Vec<MarketEvent>>,
    pub(super) balances: Vec<UserBalance>,
    pub(super) lagged: bool,
}

pub(super) fn pool(database: &Database) -> Pool {
    let options = PoolOptions {
        url: database.url().into(),
        max_size: 4,
        wait: PATIENCE,
    };
    Pool::new(&options).unwrap()
}

impl Follower {
    pub(super) async fn start(database: &Database) -> Self {
        Self::over(pool(database)).await
    }

    pub(super) async fn over(pool: Pool) -> Self {
        let options = Options::new(pool, Arc::new(Purse::default()));
        let (news, heard) = mpsc::channel(1_000);
        let views = Views::open(&options, heard).await.unwrap();
        Self {
            updates: views.board().updates(),
            views,
            news,
            public: BTreeMap::new(),
            owners: BTreeMap::new(),
            balances: Vec::new(),
            lagged: false,
        }
    }

    pub(super) async fn hear(&self, news: News) {
        self.news.send(news).await.unwrap();
    }

    pub(super) async fn hear_of(&self, batch: &Arc<Batch>) {
        self.hear(News::Applied(Arc::clone(batch))).await;
    }

    pub(super) fn depth(&self, number: u32) -> DepthView {
        self.views
            .board()
            .depth(MarketNumber(number), usize::MAX)
            .unwrap()
    }

    /// Takes the next update into account.
    pub(super) async fn update(&mut self) {
        let update = tokio::time::timeout(PATIENCE, self.updates.recv()).await;
        let update = match update.expect("an update comes") {
            Ok(update) => update,
            Err(broadcast::error::RecvError::Lagged(_)) => {
                self.lagged = true;
                return;
            }
            Err(error) => panic!("{error}"),
        };
        let told = match update.audience.is_public() {
            true => &mut self.public,
            false => &mut self.owners,
        };
        for event in &update.events {
            told.entry(event.market).or_default().push(event.clone());
        }
        for change in &update.balances {
            let balance = change.balance;
            self.balances.push(UserBalance {
                user_id: change.user_id,
                asset: balance.asset,
                available: balance.available,
                reserved: balance.reserved,
                version: balance.version,
            });
        }
    }

    /// Waits until it is where the writer is, and was told of everything.
    pub(super) async fn reach(&mut self, writer: &Writer, number: u32) {
        let market = MarketNumber(number);
        let (seq, levels) = writer.book(number);
        assert!(self.views.board().reach(&[(market, seq)], PATIENCE).await);
        assert_eq!(shown(&self.depth(number)), (seq, levels));
        while last(&self.public, market) < seq || last(&self.owners, market) < seq {
            self.update().await;
        }
        for told in [&self.public[&market], &self.owners[&market]] {
            let seqs: Vec<u64> = told.iter().map(|event| event.seq).collect();
            let first = seqs[0];
            assert_eq!(seqs, (first..=seq).collect::<Vec<_>>(), "each once, in order");
        }
    }
}

pub(super) fn last(told: &BTreeMap<MarketNumber, Vec<MarketEvent>>, market: MarketNumber) -> u64 {
    told.get(&market)
        .and_then(|events| events.last())
        .map_or(0, |event| event.seq)
}

pub(super) fn shown(view: &DepthView) -> (u64, BTreeMap<(Side, u32), u64>) {
    let levels = |side, levels: &[trading::LevelView]| -> Vec<_> {
        let level = |level: &trading::LevelView| ((side, level.price.ticks()), level.quantity.0);
        levels.iter().map(level).collect()
    };
    let bids = levels(Buy, &view.bids);
    (
        view.seq,
        bids.into_iter().chain(levels(Sell, &view.asks)).collect(),
    )
}

pub(super) fn settled(shard: u32, epoch: u64, seq: u64, version: u64) -> News {
    News::Settled {
        shard,
        epoch,
        seq,
        balances: vec![balance(UserId::from_u128(7), version)],
    }
}

/// Random numbers that are the same in every run.
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.0 >> 33) % end
    }
}
