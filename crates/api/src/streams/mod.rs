//! Streams: market data and users' own news, folded from what became durable and handed to every connection.

mod depth;
mod hub;
mod market;
pub(crate) mod outbox;
mod own;
mod prime;
mod seat;
pub(crate) mod ticker;
pub(crate) mod topic;

use std::fmt;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::{MarketNumber, Stamp};
use runtime::Clock;
use tokio::runtime::Handle;
use tokio::sync::broadcast::{self, error::RecvError, error::TryRecvError};
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;
use trading::Update;

use crate::Exchange;
use hub::{Hub, OutOfStep};
pub(crate) use seat::Seat;
use ticker::TickerView;

/// Updates that are taken before others get the lock.
const AT_ONCE: usize = 64;
/// The wait before another try when the exchange does not answer.
const RETRY: Duration = Duration::from_secs(1);
/// How often it is looked whether all connections are gone.
const LOOK: Duration = Duration::from_millis(10);

/// How streams behave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamOptions {
    /// How often changed depth, tickers and candles are sent.
    pub depth_interval: Duration,
    /// Frames that may wait for one connection.
    pub queue_frames: usize,
    /// A connection behind more bytes than this takes no further frame: it is cut.
    pub queue_bytes: usize,
}

impl Default for StreamOptions {
    /// 100 ms, 1,024 frames, 4 MiB.
    fn default() -> Self {
        Self {
            depth_interval: Duration::from_millis(100),
            queue_frames: 1_024,
            queue_bytes: 4 * 1024 * 1024,
        }
    }
}

type Updates = broadcast::Receiver<Arc<Update>>;

/// Market data and users' news for all connections.
pub struct Streams {
    exchange: Arc<dyn Exchange>,
    options: StreamOptions,
    clock: Clock,
    /// Where work goes on that must not end with a connection.
    runtime: Handle,
    hub: Mutex<Hub>,
    slow: Arc<AtomicU64>,
    /// What is still done for connections that have gone.
    unfinished: AtomicUsize,
    /// Whether nobody waits for that any more.
    over: watch::Sender<bool>,
    /// Until somebody runs the streams.
    updates: Mutex<Option<Updates>>,
}

impl fmt::Debug for Streams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Streams")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

impl Streams {
    /// Asks the exchange for the books and the past, and follows it from there on. Then [`Streams::run`] has to run.
    /// Where the exchange cannot answer yet, it is asked again there; nobody can follow anything until then.
    pub async fn start(exchange: Arc<dyn Exchange>, options: StreamOptions, clock: Clock) -> Arc<Self> {
        let updates = exchange.updates();
        let now = Stamp::from_micros(clock.wall_us());
        let mut hub = Hub::default();
        match prime::prime(&*exchange, now).await {
            Ok(markets) => hub.begin(markets),
            Err(error) => tracing::warn!(%error, "the streams cannot begin yet"),
        }
        Arc::new(Self {
            exchange,
            options,
            clock,
            runtime: Handle::current(),
            hub: Mutex::new(hub),
            slow: Arc::default(),
            unfinished: AtomicUsize::new(0),
            over: watch::Sender::default(),
            updates: Mutex::new(Some(updates)),
        })
    }

    /// Follows the exchange until it has gone. Dropping this stops it; it runs once.
    pub async fn run(self: Arc<Self>) {
        let updates = self.updates.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(mut updates) = updates else { return };
        if !self.is_ready() {
            updates = self.begin_again().await;
        }
        loop {
            match self.follow(&mut updates).await {
                Broken::Closed => return,
                Broken::Lagged(missed) => tracing::warn!(missed, "the streams fell behind the exchange"),
                Broken::OutOfStep(error) => tracing::error!(%error, "the streams are out of step"),
            }
            metrics::counter!("streams_restarts_total").increment(1);
            self.hub().lose();
            updates = self.begin_again().await;
        }
    }

    fn is_ready(&self) -> bool {
        self.hub().is_ready()
    }

    async fn follow(&self, updates: &mut Updates) -> Broken {
        let mut tick = tokio::time::interval(self.options.depth_interval);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let update = tokio::select! {
                update = updates.recv() => update,
                _ = tick.tick() => {
                    metrics::gauge!("streams_lag_updates").set(updates.len() as f64);
                    self.hub().send_conflated(self.now());
                    continue;
                }
            };
            let taken = match update {
                Ok(update) => self.take(&update, updates),
                Err(RecvError::Lagged(missed)) => Err(Broken::Lagged(missed)),
                Err(RecvError::Closed) => Err(Broken::Closed),
            };
            if let Err(broken) = taken {
                return broken;
            }
        }
    }

    /// Takes an update and those that wait behind it, up to a number.
    fn take(&self, update: &Update, updates: &mut Updates) -> Result<(), Broken> {
        let mut hub = self.hub();
        hub.apply(update)?;
        for _ in 1..AT_ONCE {
            match updates.try_recv() {
                Ok(update) => hub.apply(&update)?,
                Err(TryRecvError::Empty | TryRecvError::Closed) => break,
                Err(TryRecvError::Lagged(missed)) => return Err(Broken::Lagged(missed)),
            }
        }
        Ok(())
    }

    async fn begin_again(&self) -> Updates {
        loop {
            let updates = self.exchange.updates();
            match prime::prime(&*self.exchange, self.now()).await {
                Ok(markets) => {
                    self.hub().begin(markets);
                    return updates;
                }
                Err(error) => {
                    tracing::warn!(%error, "the streams cannot begin again yet");
                    tokio::time::sleep(RETRY).await;
                }
            }
        }
    }

    /// The ticker of a market; none while the streams do not know it.
    pub(crate) fn ticker(&self, market: MarketNumber) -> Option<TickerView> {
        let now = self.now();
        self.hub().market(market).map(|streams| streams.ticker(now))
    }

    /// How many connections are open.
    pub fn connections(&self) -> usize {
        self.hub().members()
    }

    /// How many connections were cut because they read too slowly.
    pub fn cut_as_slow(&self) -> u64 {
        self.slow.load(Ordering::Relaxed)
    }

    /// Ends every connection with 1001 and lets nobody in any more; waits until all are gone and their orders cancelled
    /// where they asked for that, at most this long.
    pub async fn stop(&self, patience: Duration) {
        self.hub().stop();
        let all_gone = async {
            while self.connections() > 0 || self.unfinished.load(Ordering::Acquire) > 0 {
                tokio::time::sleep(LOOK).await;
            }
        };
        if tokio::time::timeout(patience, all_gone).await.is_err() {
            tracing::warn!(
                connections = self.connections(),
                "some connections did not end in time"
            );
        }
        self.over.send_replace(true);
    }

    fn now(&self) -> Stamp {
        Stamp::from_micros(self.clock.wall_us())
    }

    fn hub(&self) -> MutexGuard<'_, Hub> {
        self.hub.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why following has ended.
enum Broken {
    Closed,
    Lagged(u64),
    OutOfStep(OutOfStep),
}

impl From<OutOfStep> for Broken {
    fn from(error: OutOfStep) -> Self {
        Self::OutOfStep(error)
    }
}
