//! Streams: market data and users' own news, folded from what became durable and handed to every connection.

mod depth;
mod hub;
mod market;
pub(crate) mod outbox;
mod own;
mod prime;
pub(crate) mod ticker;
pub(crate) mod topic;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::{MarketNumber, Stamp, TradeId, UserId};
use http::Problem;
use runtime::Clock;
use tokio::runtime::Handle;
use tokio::sync::broadcast::{self, error::RecvError, error::TryRecvError};
use tokio::time::MissedTickBehavior;
use trading::{Caller, QueryError, TradeFilter, Update};

use crate::Exchange;
use crate::error::{self, Sought};
use hub::{Hub, OutOfStep};
use outbox::{Close, Inbox, Outbox};
use own::OwnSnapshot;
use ticker::TickerView;
use topic::{Channel, OwnTopic, Topic};

/// Own trades in a snapshot.
const FILLS: usize = 1_000;
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
}

impl Default for StreamOptions {
    /// 100 ms, 1,024 frames.
    fn default() -> Self {
        Self {
            depth_interval: Duration::from_millis(100),
            queue_frames: 1_024,
        }
    }
}

/// The streams cannot begin: the exchange does not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the streams cannot begin: {0}")]
pub struct StreamsError(#[from] QueryError);

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
    ///
    /// # Errors
    /// The exchange does not answer.
    pub async fn start(
        exchange: Arc<dyn Exchange>,
        options: StreamOptions,
        clock: Clock,
    ) -> Result<Arc<Self>, StreamsError> {
        let updates = exchange.updates();
        let now = Stamp::from_micros(clock.wall_us());
        let markets = prime::prime(&*exchange, now).await?;
        let mut hub = Hub::default();
        hub.begin(markets);
        Ok(Arc::new(Self {
            exchange,
            options,
            clock,
            runtime: Handle::current(),
            hub: Mutex::new(hub),
            slow: Arc::default(),
            unfinished: AtomicUsize::new(0),
            updates: Mutex::new(Some(updates)),
        }))
    }

    /// Follows the exchange until it has gone. Dropping this stops it; it runs once.
    pub async fn run(self: Arc<Self>) {
        let updates = self.updates.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(mut updates) = updates else { return };
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

/// A connection's place among the streams; it leaves when this is dropped.
#[derive(Debug)]
pub(crate) struct Seat {
    streams: Arc<Streams>,
    id: u64,
    /// The way to the connection.
    pub(crate) outbox: Outbox,
}

impl Seat {
    /// A place for a new connection, and what is sent to it. None: `most` are open, or the server stops.
    pub(crate) fn take(streams: &Arc<Streams>, most: usize) -> Option<(Self, Inbox)> {
        let mut hub = streams.hub();
        if hub.is_stopping() || hub.members() >= most {
            return None;
        }
        let (outbox, inbox) = Outbox::new(streams.options.queue_frames, Arc::clone(&streams.slow));
        let id = hub.join(outbox.clone());
        metrics::gauge!("ws_connections").set(hub.members() as f64);
        drop(hub);
        let streams = Arc::clone(streams);
        Some((Self { streams, id, outbox }, inbox))
    }

    /// Does something that must not end with the connection.
    pub(crate) fn outlive(&self, work: impl Future<Output = ()> + Send + 'static) {
        let unfinished = Unfinished::new(&self.streams);
        self.streams.runtime.spawn(async move {
            work.await;
            drop(unfinished);
        });
    }

    /// The connection has signed in. False: the user has too many connections.
    pub(crate) fn sign_in(&self, user_id: UserId, most: usize) -> bool {
        self.streams.hub().sign_in(self.id, user_id, most)
    }

    /// How many channels the connection would follow with these.
    pub(crate) fn count_with(&self, channels: &BTreeSet<Channel>) -> usize {
        self.streams.hub().count_with(self.id, channels)
    }

    /// The names of the channels that the connection follows.
    pub(crate) fn followed(&self) -> Vec<String> {
        self.streams.hub().followed(self.id)
    }

    /// Follows public channels, each from a snapshot on.
    ///
    /// # Errors
    /// 503 where the streams do not know a market yet.
    pub(crate) fn subscribe(&self, topics: &[Topic]) -> Result<(), Problem> {
        let now = self.streams.now();
        let mut hub = self.streams.hub();
        let known = |topic: &Topic| hub.market(topic.market()).is_some();
        if !hub.is_ready() || !topics.iter().all(known) {
            return Err(Problem::unavailable("the streams catch up", 1));
        }
        for topic in topics {
            hub.subscribe(self.id, *topic, now);
        }
        Ok(())
    }

    /// Follows the caller's own channels, from a snapshot on. One call at a time.
    ///
    /// # Errors
    /// The exchange does not answer; nothing is followed then.
    pub(crate) async fn subscribe_own(
        &self,
        caller: Caller,
        topics: BTreeSet<OwnTopic>,
        fills_after: Option<TradeId>,
    ) -> Result<(), Problem> {
        let streams = &self.streams;
        {
            let mut hub = streams.hub();
            if !hub.is_ready() {
                return Err(Problem::unavailable("the streams catch up", 1));
            }
            hub.begin_own(self.id, topics.clone(), streams.options.queue_frames);
        }
        let wants_fills = topics.contains(&OwnTopic::Fills);
        let snapshot = self
            .own_snapshot(caller, fills_after.filter(|_| wants_fills))
            .await;
        let markets = streams.exchange.markets();
        let mut hub = streams.hub();
        match snapshot {
            Ok(snapshot) => {
                hub.finish_own(self.id, &topics, Some(snapshot), &markets);
                Ok(())
            }
            Err(problem) => {
                hub.finish_own(self.id, &topics, None, &markets);
                Err(error::query(problem, Sought::Balances))
            }
        }
    }

    async fn own_snapshot(
        &self,
        caller: Caller,
        fills_after: Option<TradeId>,
    ) -> Result<OwnSnapshot, QueryError> {
        let exchange = &self.streams.exchange;
        let user = exchange.user_snapshot(caller).await?;
        let trades = match fills_after {
            None => Vec::new(),
            Some(after) => {
                let filter = TradeFilter {
                    after: Some(after),
                    limit: FILLS,
                    ..TradeFilter::default()
                };
                exchange.own_trades(caller, filter).await?
            }
        };
        let complete = trades.len() < FILLS;
        Ok(OwnSnapshot {
            user,
            trades,
            complete,
        })
    }

    /// Stops following a channel.
    pub(crate) fn unsubscribe(&self, channel: Channel) {
        self.streams.hub().unsubscribe(self.id, channel);
    }
}

/// Something that is still to be done.
struct Unfinished(Arc<Streams>);

impl Unfinished {
    fn new(streams: &Arc<Streams>) -> Self {
        streams.unfinished.fetch_add(1, Ordering::AcqRel);
        Self(Arc::clone(streams))
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        self.0.unfinished.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.outbox.cut(Close::Gone);
        let mut hub = self.streams.hub();
        hub.leave(self.id);
        metrics::gauge!("ws_connections").set(hub.members() as f64);
    }
}
