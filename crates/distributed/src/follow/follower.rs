//! Follows every shard: listens to news, looks at the database in case they are lost, and reads what is missing.

mod pass;
mod read;
mod settle;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use persistence::postgres::views::{self, MarketSeq, Outset, ShardRow};
use persistence::postgres::{Connection, PgError, Pool};
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior};

use self::pass::Pass;
use super::Shared;
use super::again::Again;
use super::board::Fit;
use super::lane::Lane;
use super::money::Balances;
use super::trouble::Trouble;
use crate::News;

/// How often the database is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// News that are taken before what they bring is worked off.
const NEWS_AT_ONCE: usize = 256;
/// The longest wait for the database.
const PATIENCE: Duration = Duration::from_secs(5);
/// The longest wait for everything that there is: many orders make a large book.
const BEGINNING: Duration = Duration::from_secs(60);
/// How long a market's events may be missing before everything is read anew.
const BLOCKED: Duration = Duration::from_secs(5);

/// Follows every shard.
pub(super) struct Follower {
    pool: Pool,
    /// Its own: however many requests wait for the pool, it goes on. None: it broke, or there was none yet.
    connection: Option<Connection>,
    shared: Arc<Shared>,
    lanes: BTreeMap<u32, Lane>,
    /// Balances that were told as settled, by shard, until the batches are.
    told: HashMap<u32, Balances>,
    /// Since when a batch waits for events of its market in another shard.
    blocked_since: Option<Instant>,
    /// Everything has to be read anew.
    lost: bool,
    /// The shard whose log is read first.
    first: u32,
    again: Again,
}

impl Follower {
    /// Reads what there is.
    pub async fn start(pool: Pool, shared: Arc<Shared>) -> Result<Self, Trouble> {
        let mut follower = Self {
            pool,
            connection: None,
            shared,
            lanes: BTreeMap::new(),
            told: HashMap::new(),
            blocked_since: None,
            lost: false,
            first: 0,
            again: Again::default(),
        };
        follower.begin().await?;
        Ok(follower)
    }

    async fn begin(&mut self) -> Result<(), Trouble> {
        let outset: Outset = self.ask(BEGINNING, |it| views::outset(it).boxed()).await?;
        self.shared.board.begin(&outset)?;
        let lane = |row: &ShardRow| (row.shard, Lane::from(row));
        self.lanes = outset.shards.iter().map(lane).collect();
        let settled = self.lanes.values().map(|lane| (lane.shard(), lane.settled()));
        self.shared.settled.send_replace(settled.collect());
        self.told.clear();
        self.blocked_since = None;
        self.shared.looked();
        self.shared.followed();
        self.set_lost(false);
        Ok(())
    }

    /// Asks the database over the connection of its own, for at most so long. One that did not answer is not used again.
    async fn ask<T>(
        &mut self,
        patience: Duration,
        question: impl for<'a> FnOnce(&'a mut Connection) -> BoxFuture<'a, Result<T, PgError>>,
    ) -> Result<T, Trouble> {
        let known = self.connection.take();
        let asked = async {
            let mut connection = match known {
                Some(connection) => connection,
                None => self.pool.own().await?,
            };
            let answer = question(&mut connection).await?;
            Ok::<_, PgError>((answer, connection))
        };
        let asked = tokio::time::timeout(patience, asked).await;
        let (answer, connection) = asked.map_err(|_| Trouble::TooLate)??;
        self.connection = Some(connection);
        Ok(answer)
    }

    fn set_lost(&mut self, lost: bool) {
        self.lost = lost;
        self.shared.lost.store(lost, Ordering::Release);
    }

    /// Follows until nobody sends news any more.
    pub async fn run(mut self, mut news: mpsc::Receiver<News>) {
        let mut looks = tokio::time::interval(LOOK_EVERY);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let shared = Arc::clone(&self.shared);
        loop {
            let done = tokio::select! {
                came = news.recv() => {
                    let Some(came) = came else { return };
                    self.hear(came);
                    for _ in 1..NEWS_AT_ONCE {
                        match news.try_recv() {
                            Ok(came) => self.hear(came),
                            Err(_) => break,
                        }
                    }
                    Ok(())
                }
                _ = looks.tick() => self.look(false).await,
                () = shared.hurry.notified() => self.look(true).await,
            };
            let done = match done {
                Ok(()) if self.lost => Ok(()),
                Ok(()) => self.advance().await.inspect(|()| self.shared.followed()),
                Err(trouble) => {
                    tracing::warn!(%trouble, "following the shards");
                    Err(trouble)
                }
            };
            if let Err(trouble) = done {
                metrics::counter!("follower_troubles_total").increment(1);
                // What cannot be read piece by piece for so long may be left out by reading everything anew.
                let stuck = self.shared.is_stuck();
                self.set_lost(self.lost || stuck || trouble.is_lasting());
                // News alone would try again in a hurry. A look is due by then, too: news must not keep it off.
                tokio::time::sleep(LOOK_EVERY).await;
            }
        }
    }

    fn hear(&mut self, news: News) {
        match news {
            News::Applied(batch) => self.lane(batch.shard).hear(batch),
            News::Settled {
                shard,
                epoch,
                seq,
                balances,
            } => {
                let lane = self.lane(shard);
                let is_new = seq > lane.settled();
                if lane.hear_settled(epoch, seq) && is_new {
                    let told = self.told.entry(shard).or_default();
                    balances.into_iter().for_each(|balance| told.add(balance));
                }
            }
            News::Balances(balances) => {
                let mut told = Balances::default();
                balances.into_iter().for_each(|balance| told.add(balance));
                self.tell(0, Vec::new(), told);
            }
            News::Register(version) => {
                self.shared.register.send_if_modified(|known| {
                    let is_new = *known < version;
                    *known = version.max(*known);
                    is_new
                });
            }
            News::Markets => self.shared.reload_soon(),
        }
    }

    fn lane(&mut self, shard: u32) -> &mut Lane {
        self.lanes.entry(shard).or_insert_with(|| Lane::new(shard))
    }

    /// Looks at how far the shards are. With `at_once`, what is not known yet is read now, else when its news are late.
    async fn look(&mut self, at_once: bool) -> Result<(), Trouble> {
        if self.lost {
            let now = Instant::now();
            if !self.again.may(now) {
                return Ok(());
            }
            self.again.tried(now);
            self.begin().await?;
            self.shared.board.lose_followers();
        }
        let reload = self.shared.take_reload();
        let waits = self.blocked_since.is_some();
        let found = self.ask(PATIENCE, |it| look_at(it, reload).boxed()).await;
        let (found, seqs) = found.inspect_err(|_| {
            if reload {
                self.shared.reload_soon();
            }
        })?;
        if let Some(seqs) = seqs {
            let shards = seqs.iter().map(|market| (market.number, market.shard));
            self.shared.board.move_markets(shards);
        }
        for row in &found {
            if !self.lane(row.shard).look(row, at_once || waits) {
                tracing::error!(
                    shard = row.shard,
                    "the database has gone back behind what was followed"
                );
                self.set_lost(true);
            }
        }
        self.shared.looked();
        self.measure();
        Ok(())
    }

    /// Takes, reads and settles until nothing is left to do. A shard whose log cannot be read keeps no other one.
    async fn advance(&mut self) -> Result<(), Trouble> {
        let mut pass = Pass::default();
        loop {
            self.take_what_fits();
            // First what others wait for.
            let came = self.read_missing(&mut pass).await;
            self.settle(&mut pass).await;
            if !came {
                break;
            }
        }
        // Who is slow comes last next time.
        self.first = pass.slow().map_or(self.first, |slow| slow + 1);
        match self.blocked_since {
            // In a log that could not be read they may be.
            Some(since) if since.elapsed() > BLOCKED && pass.is_good() => {
                tracing::warn!("events of a market are missing in every log; everything is read anew");
                self.set_lost(true);
            }
            _ => {}
        }
        pass.end()
    }

    /// The shards, in their order from the one on whose turn it is.
    fn in_turn(&self) -> Vec<u32> {
        let (before, from): (Vec<u32>, Vec<u32>) = self.lanes.keys().partition(|shard| **shard < self.first);
        [from, before].concat()
    }

    fn take_what_fits(&mut self) {
        let mut moved = true;
        let mut blocked = false;
        while std::mem::take(&mut moved) {
            blocked = false;
            for lane in self.lanes.values_mut() {
                while let Some(next) = lane.next() {
                    if let Fit::Blocked(market) = self.shared.board.fits(next) {
                        tracing::debug!(market = market.0, shard = lane.shard(), "waits for another shard");
                        blocked = true;
                        break;
                    }
                    let Some(batch) = lane.take() else { break };
                    self.shared.waiters.apply(&batch.entries);
                    self.shared.board.take(&batch);
                    moved = true;
                }
            }
        }
        self.blocked_since = blocked.then(|| self.blocked_since.unwrap_or_else(Instant::now));
    }

    #[allow(
        clippy::cast_precision_loss,
        reason = "metrics are floats, and none of these passes 2^53"
    )]
    fn measure(&self) {
        for lane in self.lanes.values() {
            let shard = lane.shard().to_string();
            metrics::gauge!("follower_batches_behind", "shard" => shard.clone()).set(lane.behind() as f64);
            let unsettled = lane.taken().saturating_sub(lane.settled());
            metrics::gauge!("follower_batches_unsettled", "shard" => shard).set(unsettled as f64);
        }
        metrics::gauge!("follower_waiters").set(self.shared.waiters.len() as f64);
        metrics::gauge!("follower_users_owed").set(self.shared.owed.len() as f64);
    }
}

/// How far the shards are, and, if it is asked for, where the markets live.
async fn look_at(
    connection: &mut Connection,
    reload: bool,
) -> Result<(Vec<ShardRow>, Option<Vec<MarketSeq>>), PgError> {
    let found = views::shards(connection).await?;
    let seqs = match reload {
        true => Some(views::market_seqs(connection).await?),
        false => None,
    };
    Ok((found, seqs))
}
