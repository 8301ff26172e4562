//! What an owner says of itself: to whoever asks for health, and as metrics.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use super::figures::Figures;

/// What is done for a shard at present.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ShardState {
    /// Another owner's lease holds, or the database does not answer.
    StandBy {
        /// What is wrong, if it is not that another has it.
        trouble: Option<String>,
    },
    /// It was taken over and is being loaded.
    Loading,
    /// It is owned.
    Owned,
    /// It is owned, and takes no commands: why.
    Halted(String),
}

impl ShardState {
    /// As a metric: 0 stand-by, 1 loading, 2 owned, 3 halted.
    const fn number(&self) -> f64 {
        match self {
            Self::StandBy { .. } => 0.0,
            Self::Loading => 1.0,
            Self::Owned => 2.0,
            Self::Halted(_) => 3.0,
        }
    }
}

/// How one shard is at present.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// What is done for it.
    pub state: ShardState,
    /// The present epoch, or the last one; 0: none yet.
    pub epoch: u64,
    /// The last batch.
    pub seq: u64,
    /// The last batch that was published.
    pub published: u64,
    /// The last batch that was settled.
    pub settled: u64,
}

/// How one shard is, for all who want to know. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Status {
    now: Arc<Mutex<Now>>,
    owning: watch::Sender<bool>,
}

#[derive(Debug)]
struct Now {
    snapshot: Snapshot,
    figures: Figures,
}

impl Status {
    /// Of a shard that was not taken over yet.
    pub fn new(shard: u32) -> Self {
        Self {
            now: Arc::new(Mutex::new(Now {
                snapshot: Snapshot {
                    state: ShardState::StandBy { trouble: None },
                    epoch: 0,
                    seq: 0,
                    published: 0,
                    settled: 0,
                },
                figures: Figures::new(shard),
            })),
            owning: watch::Sender::new(false),
        }
    }

    /// How it is now.
    pub fn now(&self) -> Snapshot {
        self.hold().snapshot.clone()
    }

    fn hold(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Why no commands are taken; none: they are, or another owner takes them.
    pub(super) fn halted(&self) -> Option<String> {
        match &self.hold().snapshot.state {
            ShardState::Halted(why) => Some(why.clone()),
            _ => None,
        }
    }

    /// Whether the shard is owned here, now and from now on.
    pub fn owning(&self) -> watch::Receiver<bool> {
        self.owning.subscribe()
    }

    fn tell_owning(&self, owns: bool) {
        self.owning
            .send_if_modified(|told| std::mem::replace(told, owns) != owns);
    }

    /// So many old rows of the log were removed.
    pub(super) fn trimmed(&self, rows: u64) {
        self.hold().figures.count("shard_log_trimmed_total", rows);
    }

    pub(super) fn set(&self, state: ShardState) {
        let stands_by = matches!(state, ShardState::StandBy { .. });
        self.tell_owning(!stands_by);
        let mut now = self.hold();
        now.figures.state(state.number());
        if stands_by {
            now.figures.rest();
        }
        now.snapshot.state = state;
    }

    /// A shard was taken over.
    pub(super) fn taken(&self, epoch: u64, seq: u64, published: u64, settled: u64) {
        self.tell_owning(true);
        let mut now = self.hold();
        now.figures.count("shard_takeovers_total", 1);
        now.figures.state(ShardState::Loading.number());
        now.figures.taken(epoch, seq, published, settled);
        now.snapshot = Snapshot {
            state: ShardState::Loading,
            epoch,
            seq,
            published,
            settled,
        };
    }

    /// What a shard has was loaded.
    pub(super) fn loaded(&self, took: Duration) {
        self.hold().figures.loaded(took);
    }

    /// A batch was committed.
    pub(super) fn committed(&self, seq: u64, commands: usize, trades: u64, took: Duration) {
        let mut now = self.hold();
        now.snapshot.seq = seq;
        let Snapshot {
            published, settled, ..
        } = now.snapshot;
        now.figures.committed(seq, commands, trades, took);
        now.figures.followed(published, settled, seq);
    }

    pub(super) fn published(&self, seq: u64) {
        let mut now = self.hold();
        now.snapshot.published = seq;
        let last = now.snapshot.seq;
        now.figures.published(seq, last);
    }

    pub(super) fn settled(&self, seq: u64) {
        let mut now = self.hold();
        now.snapshot.settled = seq;
        let last = now.snapshot.seq;
        now.figures.settled(seq, last);
    }

    /// Sets the figures of `/metrics` that change while nothing happens: ages.
    pub fn measure(&self) {
        self.hold().figures.look();
    }

    pub(super) fn count(&self, what: &'static str) {
        self.hold().figures.count(what, 1);
    }
}
