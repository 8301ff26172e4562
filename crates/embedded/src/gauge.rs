//! What everybody may look at without asking the writer: how far the log is durable, and whether intake is open.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use domain::{Command, Stamp};
use exchange::Register;
use tokio::sync::broadcast;
use trading::{Markets, Update};

use crate::figures::LastSnapshot;
use crate::history::HistoryGauge;

/// Shared between the callers, the writer, the journal thread and the snapshot thread.
#[derive(Debug)]
pub(crate) struct Gauge {
    /// The number of the last durable record.
    durable: AtomicU64,
    /// The number of the last record that a snapshot covers.
    pub covered: AtomicU64,
    /// Since when a job may have waited for the writer at work, in nanoseconds of the monotonic clock; the largest: it rests.
    taken_of: AtomicU64,
    /// Whether the disk has room.
    pub disk_has_room: AtomicBool,
    /// Whether the clock can be trusted.
    pub clock_is_sane: AtomicBool,
    /// Whether a stop was asked for: what runs is finished, nobody new should come.
    pub stopping: AtomicBool,
    /// Whether the writer has stopped for good.
    pub stopped: AtomicBool,
    markets: RwLock<Arc<Markets>>,
    register: RwLock<Register>,
    /// What has become durable, batch by batch.
    pub updates: broadcast::Sender<Arc<Update>>,
    /// How far history is.
    pub history: HistoryGauge,
    /// When the newest snapshot was made.
    pub last_snapshot: LastSnapshot,
}

/// How many batches a slow receiver may lie behind.
const UPDATES: usize = 4_096;

impl Gauge {
    pub fn new(
        durable: u64,
        covered: u64,
        markets: Markets,
        register: Register,
        history: HistoryGauge,
        last_snapshot: LastSnapshot,
    ) -> Self {
        Self {
            durable: AtomicU64::new(durable),
            covered: AtomicU64::new(covered),
            taken_of: AtomicU64::new(u64::MAX),
            disk_has_room: AtomicBool::new(true),
            clock_is_sane: AtomicBool::new(true),
            stopping: AtomicBool::new(false),
            stopped: AtomicBool::new(false),
            markets: RwLock::new(Arc::new(markets)),
            register: RwLock::new(register),
            updates: broadcast::channel(UPDATES).0,
            history,
            last_snapshot,
        }
    }

    /// The writer takes the next job as soon as it comes.
    pub fn rests(&self) {
        self.taken_of.store(u64::MAX, Ordering::Relaxed);
    }

    /// The writer has taken a job that was queued then: whatever waits now was queued later.
    pub fn took(&self, since: Duration) {
        let nanos = u64::try_from(since.as_nanos()).unwrap_or(u64::MAX);
        self.taken_of.store(nanos, Ordering::Relaxed);
    }

    /// At most so long a job has waited for the writer, at this moment of the monotonic clock.
    pub fn waits(&self, now: Duration) -> Duration {
        now.saturating_sub(Duration::from_nanos(self.taken_of.load(Ordering::Relaxed)))
    }

    pub fn durable(&self) -> u64 {
        self.durable.load(Ordering::Acquire)
    }

    pub fn set_durable(&self, seq: u64) {
        self.durable.store(seq, Ordering::Release);
    }

    pub fn markets(&self) -> Arc<Markets> {
        Arc::clone(&self.markets.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub fn register(&self) -> RwLockReadGuard<'_, Register> {
        self.register.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Applies a durable command of the register, as the fold did.
    pub fn enter(&self, at: Stamp, command: &Command) {
        let mut register = self.register.write().unwrap_or_else(PoisonError::into_inner);
        // What the fold refused is refused here as well, and was answered.
        let _ = register.apply(at, command);
    }

    pub fn set_markets(&self, markets: Arc<Markets>) {
        *self.markets.write().unwrap_or_else(PoisonError::into_inner) = markets;
    }
}
