//! What an owner says of itself: to whoever asks for health, and as metrics.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

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
    shard: Arc<str>,
    now: Arc<Mutex<Snapshot>>,
    owning: watch::Sender<bool>,
}

impl Status {
    /// Of a shard that was not taken over yet.
    pub fn new(shard: u32) -> Self {
        let status = Self {
            shard: shard.to_string().into(),
            now: Arc::new(Mutex::new(Snapshot {
                state: ShardState::StandBy { trouble: None },
                epoch: 0,
                seq: 0,
                published: 0,
                settled: 0,
            })),
            owning: watch::Sender::new(false),
        };
        status.set(ShardState::StandBy { trouble: None });
        status
    }

    /// How it is now.
    pub fn now(&self) -> Snapshot {
        self.hold().clone()
    }

    fn hold(&self) -> MutexGuard<'_, Snapshot> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Why no commands are taken; none: they are, or another owner takes them.
    pub(super) fn halted(&self) -> Option<String> {
        match &self.hold().state {
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
        metrics::counter!("shard_log_trimmed_total", "shard" => self.label()).increment(rows);
    }

    fn label(&self) -> String {
        self.shard.to_string()
    }

    pub(super) fn set(&self, state: ShardState) {
        metrics::gauge!("shard_lease_state", "shard" => self.label()).set(state.number());
        self.tell_owning(!matches!(state, ShardState::StandBy { .. }));
        self.hold().state = state;
    }

    /// A shard was taken over.
    pub(super) fn taken(&self, epoch: u64, seq: u64, published: u64, settled: u64) {
        metrics::counter!("shard_takeovers_total", "shard" => self.label()).increment(1);
        metrics::gauge!("shard_epoch", "shard" => self.label()).set(epoch as f64);
        self.tell_owning(true);
        let mut now = self.hold();
        now.state = ShardState::Loading;
        (now.epoch, now.seq, now.published, now.settled) = (epoch, seq, published, settled);
    }

    /// A batch was committed.
    pub(super) fn committed(&self, seq: u64, commands: usize, took: Duration) {
        metrics::gauge!("shard_sequence", "shard" => self.label()).set(seq as f64);
        metrics::histogram!("shard_batch_commands", "shard" => self.label()).record(commands as f64);
        metrics::histogram!("shard_commit_seconds", "shard" => self.label()).record(took.as_secs_f64());
        self.hold().seq = seq;
        self.lags();
    }

    pub(super) fn published(&self, seq: u64) {
        self.hold().published = seq;
        self.lags();
    }

    pub(super) fn settled(&self, seq: u64) {
        self.hold().settled = seq;
        self.lags();
    }

    fn lags(&self) {
        let (publish, settle) = {
            let now = self.hold();
            let lag = |cursor: u64| now.seq.saturating_sub(cursor) as f64;
            (lag(now.published), lag(now.settled))
        };
        metrics::gauge!("shard_publish_lag_batches", "shard" => self.label()).set(publish);
        metrics::gauge!("shard_settle_lag_batches", "shard" => self.label()).set(settle);
    }

    pub(super) fn count(&self, what: &'static str) {
        metrics::counter!(what, "shard" => self.label()).increment(1);
    }
}
