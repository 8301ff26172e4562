//! The projection thread: brings what has become durable into history, in order, and says how far it has come.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crossbeam_channel::Receiver;
use domain::{Event, LedgerEntry, MarketEvent, Stamp};
use exchange::{Exchange, LogEntry, Output, gather_entries};
use journal::{ReadOptions, Reader, Snapshots};
use persistence::{HistoryBatch, HistoryError, HistoryReader, HistoryWriter};
use runtime::Clock;
use tokio::sync::watch;
use trading::{HistoryLag, Markets, QueryError};

use crate::gauge::Gauge;
use crate::open::Embedded;
use crate::snapshots::usable;

/// The file of history in the exchange's folder.
const FILE: &str = "history.sqlite";
/// Bytes of batches that are written in one transaction.
const WRITE_BYTES: usize = 1 << 20;
/// Records that a catch-up projects at once.
const CATCH_UP_RECORDS: u64 = 2_000;
/// The wait before another try when history cannot be written.
const RETRY: Duration = Duration::from_secs(1);
/// Tries when the exchange stops.
const LAST_TRIES: u32 = 3;

/// How far history may lie behind before placements are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HistoryLimits {
    /// Bytes of memory that wait to be written.
    pub bytes: u64,
    /// Ended orders that wait to be written. The writer keeps the last 100,000, so that no list misses one.
    pub orders: u64,
    /// How long the oldest may have waited.
    pub age: Duration,
}

impl Default for HistoryLimits {
    /// 64 MB, 50,000 orders, 30 seconds.
    fn default() -> Self {
        Self {
            bytes: 64 << 20,
            orders: 50_000,
            age: Duration::from_secs(30),
        }
    }
}

/// How far history is, for everybody to look at.
#[derive(Debug)]
pub(crate) struct HistoryGauge {
    projected: watch::Sender<u64>,
    /// Up to here the log was when the exchange was opened: before that is in history, lists would miss orders.
    opened: u64,
    bytes: AtomicU64,
    orders: AtomicU64,
    /// The time of the oldest batch that is not in history yet, in microseconds; 0: there is none.
    oldest: AtomicU64,
}

impl HistoryGauge {
    pub fn new(projected: u64, opened: u64) -> Self {
        Self {
            projected: watch::channel(projected).0,
            opened,
            bytes: AtomicU64::new(0),
            orders: AtomicU64::new(0),
            oldest: AtomicU64::new(0),
        }
    }

    /// The last record in history.
    pub fn projected(&self) -> u64 {
        *self.projected.borrow()
    }

    pub fn add(&self, batch: &HistoryBatch) {
        self.bytes.fetch_add(batch.bytes() as u64, Ordering::AcqRel);
        self.orders.fetch_add(batch.orders.len() as u64, Ordering::AcqRel);
    }

    fn done(&self, batches: &[HistoryBatch]) {
        let bytes: u64 = batches.iter().map(|batch| batch.bytes() as u64).sum();
        let orders: u64 = batches.iter().map(|batch| batch.orders.len() as u64).sum();
        self.bytes.fetch_sub(bytes, Ordering::AcqRel);
        self.orders.fetch_sub(orders, Ordering::AcqRel);
    }

    pub fn lag(&self, durable: u64, clock: &Clock) -> HistoryLag {
        let seq = self.projected();
        let oldest = self.oldest.load(Ordering::Acquire);
        let millis = match oldest {
            0 => 0,
            oldest => clock.wall_us().saturating_sub(oldest) / 1_000,
        };
        HistoryLag {
            seq,
            records: durable.saturating_sub(seq),
            bytes: self.bytes.load(Ordering::Acquire),
            millis,
        }
    }

    fn reached(&self, seq: u64) {
        self.projected.send_replace(seq);
    }
}

/// Opens history for the log that ends with this record. What cannot belong to it is moved aside, and history is made
/// again from the log.
pub(crate) fn open(dir: &Path, last_seq: u64) -> Result<(HistoryWriter, PathBuf), HistoryError> {
    let path = dir.join(FILE);
    match HistoryWriter::open(&path) {
        Ok(writer) if writer.seq() <= last_seq => return Ok((writer, path)),
        Ok(writer) => {
            tracing::warn!(
                history = writer.seq(),
                log = last_seq,
                "history is ahead of the log: it is another log's, and is made again"
            );
        }
        Err(error @ HistoryError::Damaged { .. }) => {
            tracing::warn!(%error, "history cannot be used and is made again");
        }
        Err(error) => return Err(error),
    }
    for suffix in ["", "-wal", "-shm"] {
        let from = dir.join(format!("{FILE}{suffix}"));
        if from.exists() {
            let aside = dir.join(format!("{FILE}.unusable{suffix}"));
            std::fs::rename(&from, aside).map_err(|error| HistoryError::Open {
                path: from,
                reason: error.to_string(),
            })?;
        }
    }
    HistoryWriter::open(&path).map(|writer| (writer, path))
}

/// What a batch of records adds to history.
pub(crate) fn batch_of(
    first_seq: u64,
    last_seq: u64,
    at: Stamp,
    events: &[MarketEvent],
    entries: Vec<LedgerEntry>,
) -> HistoryBatch {
    let mut batch = HistoryBatch {
        first_seq,
        last_seq,
        at,
        orders: Vec::new(),
        trades: Vec::new(),
        entries,
    };
    for event in events {
        match &event.event {
            Event::OrderClosed(order) => batch.orders.push(Arc::clone(order)),
            Event::Trade(trade) => batch.trades.push(**trade),
            _ => {}
        }
    }
    batch
}

pub(crate) struct Projector {
    pub history: HistoryWriter,
    pub waiting: Receiver<HistoryBatch>,
    pub gauge: Arc<Gauge>,
    pub dir: PathBuf,
    pub hash_seed: u64,
    pub clock: Clock,
    /// The markets as history was told of them.
    pub told: Arc<Markets>,
}

impl Projector {
    /// Works until the journal thread has gone and all that it handed over is written.
    pub fn run(mut self) {
        let caught_up = catch_unwind(AssertUnwindSafe(|| self.catch_up()));
        match caught_up.unwrap_or_else(|_| Err("the replay panicked".to_owned())) {
            Ok(()) => {}
            Err(error) => {
                // Placements stop when the lag passes its limit; nothing is lost, a start tries again.
                tracing::error!(error, "history cannot be caught up from the log");
                return;
            }
        }
        while let Ok(first) = self.waiting.recv() {
            self.gauge
                .history
                .oldest
                .store(first.at.micros().max(1), Ordering::Release);
            let mut bytes = first.bytes();
            let mut batches = vec![first];
            while bytes < WRITE_BYTES
                && let Ok(next) = self.waiting.try_recv()
            {
                bytes += next.bytes();
                batches.push(next);
            }
            if !self.write(&batches) {
                return;
            }
            self.gauge.history.done(&batches);
            if self.waiting.is_empty() {
                self.gauge.history.oldest.store(0, Ordering::Release);
            }
        }
    }

    /// Writes until it works, or the exchange stops. False: it did not.
    fn write(&mut self, batches: &[HistoryBatch]) -> bool {
        let markets = self.gauge.markets();
        if !Arc::ptr_eq(&markets, &self.told) {
            for view in markets.all() {
                self.history.define_market(&view.market);
            }
            self.told = markets;
        }
        let mut last_tries = 0;
        loop {
            match self.history.write(batches) {
                Ok(()) => {
                    self.gauge.history.reached(self.history.seq());
                    return true;
                }
                Err(error) => tracing::error!(%error, "history cannot be written; it is tried again"),
            }
            if self.gauge.stopped.load(Ordering::Acquire) {
                last_tries += 1;
                if last_tries >= LAST_TRIES {
                    tracing::error!("history stays behind; the next start catches up from the log");
                    return false;
                }
            }
            std::thread::sleep(RETRY);
        }
    }

    /// Replays what the log had at the start and history has not.
    fn catch_up(&mut self) -> Result<(), String> {
        let opened = self.gauge.history.opened;
        if self.history.seq() >= opened {
            return Ok(());
        }
        let began = self.clock.wall_us().max(1);
        self.gauge.history.oldest.store(began, Ordering::Release);
        let mut exchange = self.start_point()?;
        tracing::info!(from = self.history.seq(), to = opened, "catching up with the log");
        let read = ReadOptions {
            to_seq: Some(opened),
            include_archive: true,
        };
        let reader = Reader::open(&self.dir, exchange.seq() + 1, read);
        let mut reader = reader.map_err(|error| error.to_string())?;
        let mut out = Output {
            postings: Some(Vec::new()),
            ..Output::default()
        };
        let mut entries = Vec::new();
        let mut first = exchange.seq() + 1;
        loop {
            let next = reader.next_entry().map_err(|error| error.to_string())?;
            let more = match next {
                Some((_, bytes)) => {
                    let entry = LogEntry::decode(bytes).map_err(|error| error.to_string())?;
                    exchange
                        .replay(&entry, &mut out)
                        .map_err(|error| error.to_string())?;
                    let postings = out.postings.get_or_insert_default();
                    gather_entries(exchange.seq(), exchange.last(), postings, &mut entries);
                    postings.clear();
                    true
                }
                None => false,
            };
            let seq = exchange.seq();
            if seq >= first && (!more || seq - first + 1 >= CATCH_UP_RECORDS || seq == self.history.seq()) {
                let batch = batch_of(
                    first,
                    seq,
                    exchange.last(),
                    &out.events,
                    std::mem::take(&mut entries),
                );
                if seq > self.history.seq() && !self.write(&[batch]) {
                    return Err("the exchange has stopped".to_owned());
                }
                out.events.clear();
                first = seq + 1;
            }
            if !more {
                break;
            }
        }
        self.gauge.history.oldest.store(0, Ordering::Release);
        match self.history.seq() {
            seq if seq >= opened => {
                tracing::info!(seq, "history has caught up");
                Ok(())
            }
            seq => Err(format!("the log gave records up to {seq} only, not {opened}")),
        }
    }

    /// The newest snapshot that history has already, or the beginning.
    fn start_point(&self) -> Result<Exchange, String> {
        let seqs = Snapshots::new(&self.dir)
            .list()
            .map_err(|error| error.to_string())?;
        let known = seqs.into_iter().rev().filter(|seq| *seq <= self.history.seq());
        for seq in known {
            match usable(&self.dir, seq, self.hash_seed) {
                Ok(exchange) => return Ok(exchange),
                Err(error) => tracing::warn!(seq, error, "a snapshot could not be used for history"),
            }
        }
        Ok(Exchange::new(self.hash_seed))
    }
}

impl Embedded {
    /// Whether history lies so far behind that no placement may add to it.
    pub(crate) fn history_is_behind(&self) -> bool {
        let HistoryLimits { bytes, orders, age } = self.options.history;
        let gauge = &self.gauge.history;
        let lag = gauge.lag(self.gauge.durable(), &self.options.clock);
        lag.bytes > bytes
            || gauge.orders.load(Ordering::Acquire) > orders
            || u128::from(lag.millis) > age.as_millis()
    }

    /// Waits until history has all that was durable at the time of the call.
    pub(crate) async fn caught_up(&self) -> Result<(), QueryError> {
        self.projected(self.gauge.durable()).await
    }

    async fn projected(&self, seq: u64) -> Result<(), QueryError> {
        let mut projected = self.gauge.history.projected.subscribe();
        let reached = projected.wait_for(|reached| *reached >= seq);
        match tokio::time::timeout(self.options.answer_timeout, reached).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(QueryError::Unavailable),
        }
    }

    /// Asks history, which has all that was in the log when the exchange was opened.
    pub(crate) async fn history<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&HistoryReader) -> Result<T, HistoryError> + Send + 'static,
    ) -> Result<T, QueryError> {
        self.projected(self.gauge.history.opened).await?;
        let reader = self.history_reader.clone();
        match tokio::task::spawn_blocking(move || ask(&reader)).await {
            Ok(Ok(found)) => Ok(found),
            Ok(Err(error)) => {
                tracing::error!(%error, "history does not answer");
                Err(QueryError::Unavailable)
            }
            Err(error) => {
                tracing::error!(%error, "asking history panicked");
                Err(QueryError::Unavailable)
            }
        }
    }
}
