//! One ownership of a shard, from its loading to its end: the only one who changes the shard's orders.

use std::sync::Arc;

use persistence::postgres::Connection;
use persistence::postgres::orders::MarketGrids;
use persistence::postgres::shard::{Cursors, Lease, ShardError, give_up, keep};
use runtime::{ClockHealth, JumpGuard, Shutdown};
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};
use trading::MarketFigures;

use super::load::{every_market, load};
use super::publisher::Publisher;
use super::run::ShardOptions;
use super::settler::Settler;
use super::status::{ShardState, Status};
use super::tail::{Reader, Tail};
use super::trimmer::Trimmer;
use super::upkeep::Upkeep;
use super::work::Stages;
use crate::fold::ShardFold;

/// How an ownership ended.
#[derive(Debug)]
pub(super) enum Ended {
    /// It was asked to stop, and has given the shard up.
    Asked,
    /// Another owner has the shard.
    Fenced,
    /// Something went wrong: all that is in memory is gone.
    Trouble {
        /// What.
        why: String,
        /// Whether it had committed anything before.
        worked: bool,
        /// How many commands are to be taken one by one, since what was to be written broke a rule of the tables.
        careful: usize,
    },
}

impl Ended {
    pub fn of(error: ShardError, worked: bool, careful: usize) -> Self {
        match error {
            ShardError::Fenced => Self::Fenced,
            ShardError::Database(error) => Self::Trouble {
                why: error.to_string(),
                worked,
                careful,
            },
        }
    }
}

pub(super) struct Owner<'a> {
    pub(super) options: ShardOptions,
    pub(super) lease: Lease,
    hint: &'a Notify,
    pub(super) status: &'a Status,
    shutdown: &'a Shutdown,
    /// Whether anything was committed.
    pub(super) worked: bool,
    /// How many commands are still to be taken one by one.
    pub(super) careful: usize,
    /// What is counted of its markets.
    pub(super) figures: MarketFigures,
    /// What is measured of its commands.
    pub(super) stages: Stages,
}

/// What stands beside the loop while a shard is owned.
pub(super) struct Followers {
    pub tail: Arc<Tail>,
    published: watch::Receiver<u64>,
    settled: watch::Receiver<u64>,
    halt: watch::Receiver<Option<String>>,
    /// Ends them when it is dropped.
    tasks: JoinSet<()>,
}

impl Followers {
    pub fn cursors(&self) -> Cursors {
        Cursors {
            published: *self.published.borrow(),
            settled: *self.settled.borrow(),
        }
    }

    /// Why nobody publishes or settles any more, if nobody does: only who is refused by the wallet may end by itself.
    fn ended(&mut self) -> Option<String> {
        match self.tasks.try_join_next()? {
            Ok(()) if self.halt.borrow().is_some() => None,
            Ok(()) => Some("who publishes or settles has ended".to_owned()),
            Err(death) => Some(format!("who publishes or settles has died: {death}")),
        }
    }
}

impl<'a> Owner<'a> {
    pub fn new(
        options: ShardOptions,
        lease: Lease,
        careful: usize,
        hint: &'a Notify,
        status: &'a Status,
        shutdown: &'a Shutdown,
    ) -> Self {
        Self {
            options,
            lease,
            hint,
            status,
            shutdown,
            worked: false,
            careful,
            figures: MarketFigures::default(),
            stages: Stages::default(),
        }
    }

    /// Owns the shard until something ends that.
    pub async fn run(mut self, mut connection: Connection) -> Ended {
        let begun = Instant::now();
        let fold = match self.load(&mut connection).await {
            Ok(fold) => fold,
            Err(ended) => return ended,
        };
        self.status.loaded(begun.elapsed());
        for (market, _) in fold.engine().markets() {
            self.figures.define(Arc::clone(market));
        }
        // Events of a market that has moved to another shard may still have to be published here.
        let markets = match every_market(&mut connection).await {
            Ok(markets) => markets,
            Err(error) => {
                return Ended::Trouble {
                    why: error.to_string(),
                    worked: false,
                    careful: self.careful,
                };
            }
        };
        let followers = self.follow(markets);
        self.status.set(ShardState::Owned);
        self.serve(&mut connection, fold, followers).await
    }

    /// Loads the shard, and keeps the lease meanwhile.
    async fn load(&self, connection: &mut Connection) -> Result<ShardFold, Ended> {
        let trouble = |why: String| Ended::Trouble {
            why,
            worked: false,
            careful: self.careful,
        };
        let hash_seed = self.options.ids.uuid_v7().as_u128() as u64;
        let loading = load(connection, self.lease.shard, hash_seed);
        tokio::pin!(loading);
        let mut keeper = None;
        loop {
            tokio::select! {
                loaded = &mut loading => return loaded.map_err(|error| trouble(error.to_string())),
                () = tokio::time::sleep(self.options.lease / 3) => {}
            }
            // A large shard takes longer than the lease: it is kept over another connection.
            let kept = async {
                let mut other = match keeper.take() {
                    Some(other) => other,
                    None => (self.options.connect)().await?,
                };
                keep(&mut other, &self.lease, self.lease.cursors, self.options.lease).await?;
                Ok::<_, ShardError>(other)
            };
            match kept.await {
                Ok(other) => keeper = Some(other),
                Err(error) => return Err(Ended::of(error, false, self.careful)),
            }
        }
    }

    /// Starts those who publish and settle what is committed, and who trims the log.
    fn follow(&self, markets: MarketGrids) -> Followers {
        let lease = &self.lease;
        let tail = Arc::new(Tail::after(lease.shard, lease.last_seq));
        let reader = || Reader::new(Arc::clone(&tail), Arc::clone(&self.options.connect));
        let (published, settled) = (
            watch::Sender::new(lease.cursors.published),
            watch::Sender::new(lease.cursors.settled),
        );
        let halt = watch::Sender::new(None);
        let mut tasks = JoinSet::new();
        let (published_seen, settled_seen, halt_seen) =
            (published.subscribe(), settled.subscribe(), halt.subscribe());
        let publisher = Publisher {
            outlet: Arc::clone(&self.options.outlet),
            reader: reader(),
            markets,
            status: self.status.clone(),
            cursor: published,
        };
        let settler = Settler {
            shard: lease.shard,
            epoch: lease.epoch,
            wallet: Arc::clone(&self.options.wallet),
            outlet: Arc::clone(&self.options.outlet),
            reader: reader(),
            status: self.status.clone(),
            cursor: settled,
            halt,
        };
        tasks.spawn(publisher.run());
        tasks.spawn(settler.run());
        let trimmer = Trimmer {
            shard: lease.shard,
            connect: Arc::clone(&self.options.connect),
            clock: self.options.clock.clone(),
            keep: self.options.keep_log,
            every: self.options.trim_every,
            status: self.status.clone(),
        };
        tasks.spawn(trimmer.run());
        Followers {
            tail,
            published: published_seen,
            settled: settled_seen,
            halt: halt_seen,
            tasks,
        }
    }

    async fn serve(
        &mut self,
        connection: &mut Connection,
        fold: ShardFold,
        mut followers: Followers,
    ) -> Ended {
        let mut guard = JumpGuard::new(&self.options.clock, JumpGuard::LIMIT);
        let mut upkeep = Upkeep::new(self.lease.cursors);
        let mut fold = Some(fold);
        loop {
            if self.shutdown.is_triggered() {
                return self.say_goodbye(connection, &followers).await;
            }
            if let ClockHealth::Ahead { by } = guard.look(&self.options.clock) {
                // Whoever takes the shard over asks the database's clock first.
                return self.trouble(format!("the clock has jumped {} s ahead", by.as_secs()));
            }
            if let Some(why) = followers.ended() {
                return self.trouble(why);
            }
            let begun = Instant::now();
            let pause = if self.may_work(&followers) {
                let Some(own) = fold.take() else {
                    return self.trouble("the shard's state is gone".to_owned());
                };
                match self.step(connection, own, &followers, &mut upkeep).await {
                    Ok((own, pause)) => {
                        fold = Some(own);
                        pause
                    }
                    Err(ended) => return ended,
                }
            } else {
                Some(self.options.look_every)
            };
            if let Err(error) = self.upkeep(connection, &followers, &mut upkeep).await {
                return Ended::of(error, self.worked, self.careful);
            }
            if let Some(pause) = pause {
                tokio::select! {
                    () = self.hint.notified() => {}
                    () = tokio::time::sleep(pause) => {}
                    () = self.shutdown.wait() => {}
                }
            } else {
                // What comes meanwhile makes the next batch larger, and a batch costs little more than a command.
                tokio::time::sleep_until(begun + self.options.pace).await;
            }
        }
    }

    pub(super) fn trouble(&self, why: String) -> Ended {
        Ended::Trouble {
            why,
            worked: self.worked,
            careful: self.careful,
        }
    }

    /// Whether commands may be taken: not after the wallet has refused.
    fn may_work(&self, followers: &Followers) -> bool {
        let why = followers.halt.borrow().clone();
        let state = why.map_or(ShardState::Owned, ShardState::Halted);
        if self.status.now().state != state {
            if let ShardState::Halted(why) = &state {
                tracing::error!(shard = self.lease.shard, %why, "no commands are taken");
            }
            self.status.set(state.clone());
        }
        state == ShardState::Owned
    }

    /// Lets what is committed be settled and published for a while, and gives the shard up.
    async fn say_goodbye(&self, connection: &mut Connection, followers: &Followers) -> Ended {
        let last = self.lease.last_seq;
        let (mut settled, mut published) = (followers.settled.clone(), followers.published.clone());
        let followed = async {
            // An error: the follower is gone, and there is nothing to wait for.
            let _ = settled.wait_for(|seq| *seq >= last).await;
            let _ = published.wait_for(|seq| *seq >= last).await;
        };
        let patience = self.options.farewell.min(self.options.lease / 2);
        if timeout(patience, followed).await.is_err() {
            tracing::info!(
                shard = self.lease.shard,
                "what is left is settled and published by the next owner"
            );
        }
        match give_up(connection, &self.lease, followers.cursors()).await {
            Ok(()) => tracing::info!(shard = self.lease.shard, seq = last, "the shard is given up"),
            Err(error) => tracing::warn!(shard = self.lease.shard, %error, "the shard could not be given up"),
        }
        Ended::Asked
    }
}
