//! What a gateway knows by following every shard's log: markets, books, and what its commands came to.

mod again;
mod board;
mod books;
mod follower;
mod lane;
mod live;
mod market;
mod money;
mod owed;

#[cfg(test)]
mod tests;
mod trouble;
mod waiters;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use domain::{MarketNumber, Place, Stamp};
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use trading::Markets;
use uuid::Uuid;

use self::books::Keeper;
use self::follower::Follower;
use self::owed::Owed;
use self::waiters::Waiters;
use crate::exchange::{OpenError, Options};
use crate::{MarketTable, News, OutcomeNews, Outcomes, Told};

pub(crate) use self::board::Board;

/// Who has not looked at the database, or got on in the logs, for so long does not know the markets.
const BLIND: Duration = Duration::from_secs(10);
/// Who has not got on in the logs for so long reads everything anew.
const STUCK: Duration = Duration::from_secs(30);
/// Who has not looked for so long does not guess what a shard will do.
const FRESH: Duration = Duration::from_secs(1);

/// What the database has at the beginning makes no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("what the database has makes no sense: {0}")]
pub(crate) struct BadOutset(String);

/// What the follower and those who ask share.
struct Shared {
    board: Arc<Board>,
    waiters: Waiters,
    owed: Arc<Owed>,
    /// Somebody waits for what the database has already.
    hurry: Notify,
    /// Whether the markets' shards are to be read again.
    reload: AtomicBool,
    /// The latest version of tiers, accounts and API keys that was heard of.
    register: watch::Sender<u64>,
    /// The last settled batch of each shard.
    settled: watch::Sender<BTreeMap<u32, u64>>,
    /// What is followed does not lead on, and everything is to be read anew.
    lost: AtomicBool,
    /// When the database was last looked at.
    looked: Mutex<Instant>,
    /// When all that it had heard of was last read, or waited for another shard alone.
    followed: Mutex<Instant>,
}

impl Shared {
    fn reload_soon(&self) {
        self.reload.store(true, Ordering::Release);
        self.hurry.notify_one();
    }

    fn looked(&self) {
        *self.looked.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    fn followed(&self) {
        *self.followed.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    fn behind_for(&self) -> Duration {
        let followed = self.followed.lock().unwrap_or_else(PoisonError::into_inner);
        followed.elapsed()
    }

    /// It sees the shards, and has not got on in their logs for long.
    fn is_stuck(&self) -> bool {
        let looked = *self.looked.lock().unwrap_or_else(PoisonError::into_inner);
        looked.elapsed() < BLIND && self.behind_for() > STUCK
    }

    fn take_reload(&self) -> bool {
        self.reload.swap(false, Ordering::AcqRel)
    }
}

/// What a gateway knows by following every shard's log.
pub(crate) struct Views {
    shared: Arc<Shared>,
    tasks: Vec<JoinHandle<()>>,
}

impl Views {
    /// Reads what there is and follows it from there on, until nobody sends news any more.
    ///
    /// # Errors
    /// The database does not answer, or what it has makes no sense.
    pub async fn open(options: &Options, news: mpsc::Receiver<News>) -> Result<Self, OpenError> {
        let board = Arc::new(Board::new(options.updates_kept));
        let shared = Arc::new(Shared {
            board: Arc::clone(&board),
            waiters: Waiters::default(),
            owed: Arc::default(),
            hurry: Notify::new(),
            reload: AtomicBool::new(false),
            register: watch::Sender::default(),
            settled: watch::Sender::default(),
            lost: AtomicBool::new(false),
            looked: Mutex::new(Instant::now()),
            followed: Mutex::new(Instant::now()),
        });
        let follower = Follower::start(options.pool.clone(), Arc::clone(&shared)).await;
        let follower = follower.map_err(|trouble| OpenError(trouble.to_string()))?;
        let asking = Arc::clone(&shared.owed).work(Arc::clone(&options.wallet), Arc::clone(&board));
        let mut tasks = vec![tokio::spawn(follower.run(news)), tokio::spawn(asking)];
        if let Some(redis) = options.redis.as_ref().filter(|_| options.book_cache) {
            tasks.push(tokio::spawn(Keeper::new(board, redis.clone()).run()));
        }
        Ok(Self { tasks, shared })
    }

    /// The markets and books.
    pub fn board(&self) -> &Board {
        &self.shared.board
    }

    /// What is wrong with following; none: nothing.
    pub fn trouble(&self) -> Option<String> {
        if self.tasks.iter().any(JoinHandle::is_finished) {
            return Some("has ended, start the gateway anew".to_owned());
        }
        if self.shared.lost.load(Ordering::Acquire) {
            return Some("has lost its place in the logs and reads everything anew".to_owned());
        }
        let looked = *self.shared.looked.lock().unwrap_or_else(PoisonError::into_inner);
        let (looked, followed) = (looked.elapsed(), self.shared.behind_for());
        if looked > BLIND {
            return Some(format!("has not seen the database for {} s", looked.as_secs()));
        }
        (followed > BLIND).then(|| format!("has been behind the logs for {} s", followed.as_secs()))
    }

    /// Somebody waits for what the database has already: it is read now.
    pub fn hurry(&self) {
        self.shared.hurry.notify_one();
    }

    /// The latest version of tiers, accounts and API keys that was heard of.
    pub fn register(&self) -> watch::Receiver<u64> {
        self.shared.register.subscribe()
    }

    /// Waits until these shards are settled up to these batches, and their owners were told; at most so long.
    pub async fn wait_until_settled(&self, wanted: &[(u32, u64)], patience: Duration) {
        let mut settled = self.shared.settled.subscribe();
        let all = settled.wait_for(|known| {
            let is_settled = |(shard, seq): &(u32, u64)| known.get(shard).is_some_and(|known| known >= seq);
            wanted.iter().all(is_settled)
        });
        // Who waited in vain goes on with what there is.
        let _ = tokio::time::timeout(patience, all).await;
    }

    /// The traits that intake asks.
    pub fn for_intake(&self) -> Arc<Known> {
        Arc::new(Known(Arc::clone(&self.shared)))
    }
}

impl Drop for Views {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

/// What intake asks: outcomes and the table of markets.
pub(crate) struct Known(Arc<Shared>);

impl Outcomes for Known {
    fn expect(&self, command: Uuid) -> oneshot::Receiver<OutcomeNews> {
        self.0.waiters.expect(command)
    }

    fn unfunded(&self, command: Uuid) -> oneshot::Receiver<()> {
        self.0.waiters.unfunded(command)
    }

    fn applied(&self, command: Uuid) -> Option<Told> {
        self.0.waiters.applied(command)
    }

    fn forget(&self, command: Uuid) {
        self.0.waiters.forget(command);
    }
}

impl MarketTable for Known {
    fn markets(&self) -> Arc<Markets> {
        self.0.board.markets()
    }

    fn shard_of(&self, market: MarketNumber) -> Option<u32> {
        self.0.board.shard_of(market)
    }

    fn turns_away(&self, order: &Place, at: Stamp) -> Option<u32> {
        // Who is behind guesses badly, and would not hear in time that it did.
        let looked = *self.0.looked.lock().unwrap_or_else(PoisonError::into_inner);
        if self.0.lost.load(Ordering::Acquire) || looked.elapsed() > FRESH {
            return None;
        }
        self.0.board.turns_away(order, at)
    }

    fn reload_soon(&self) {
        self.0.reload_soon();
    }
}
