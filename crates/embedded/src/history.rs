//! History: how far it is and how far it may lie behind, the file that it is in, and asking it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use domain::{Event, LedgerEntry, MarketEvent, Stamp};
use exchange::LogEntry;
use journal::{JournalError, ReadOptions, Reader, Snapshots};
use persistence::{HistoryBatch, HistoryError, HistoryReader, HistoryWriter};
use runtime::Clock;
use tokio::sync::watch;
use trading::{HistoryLag, QueryError};

use crate::open::{Embedded, OpenError};

/// The file of history in the exchange's folder.
const FILE: &str = "history.sqlite";
/// Its presence says that the file is damaged somewhere.
const DAMAGED: &str = "history.damaged";

/// How far history may lie behind before placements are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HistoryLimits {
    /// Bytes of memory that wait to be written.
    pub bytes: u64,
    /// Ended orders that wait to be written. The writer keeps the last 50,000, so that no list misses one.
    pub orders: u64,
    /// How long the oldest may have waited; while the log is replayed for history, how long without a step.
    pub age: Duration,
}

impl Default for HistoryLimits {
    /// 64 MB, 25,000 orders, 30 seconds.
    fn default() -> Self {
        Self {
            bytes: 64 << 20,
            orders: 25_000,
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
    /// How many questions wait for history.
    asking: AtomicU64,
    /// Since when the oldest batch waits that is not in history yet, in microseconds of the monotonic clock; 0: there is
    /// none.
    oldest: AtomicU64,
}

impl HistoryGauge {
    pub fn new(projected: u64, opened: u64) -> Self {
        Self {
            projected: watch::channel(projected).0,
            opened,
            bytes: AtomicU64::new(0),
            orders: AtomicU64::new(0),
            asking: AtomicU64::new(0),
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

    /// Says since when the oldest waits; none: nothing waits.
    pub fn waits_since(&self, since: Option<Duration>) {
        let micros = since.map_or(0, |since| {
            u64::try_from(since.as_micros()).unwrap_or(u64::MAX).max(1)
        });
        self.oldest.store(micros, Ordering::Release);
    }

    /// Up to here the log was when the exchange was opened.
    pub const fn opened(&self) -> u64 {
        self.opened
    }

    pub fn done(&self, batches: &[HistoryBatch]) {
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
            // Nothing waits, whatever the thread that writes has not said yet.
            _ if durable <= seq => 0,
            oldest => u64::try_from(clock.monotonic().as_millis())
                .unwrap_or(u64::MAX)
                .saturating_sub(oldest / 1_000),
        };
        HistoryLag {
            seq,
            records: durable.saturating_sub(seq),
            bytes: self.bytes.load(Ordering::Acquire),
            millis,
        }
    }

    /// Whether a question waits for history.
    pub fn is_asked(&self) -> bool {
        self.asking.load(Ordering::Acquire) > 0
    }

    pub fn reached(&self, seq: u64) {
        self.projected.send_replace(seq);
    }
}

/// Whether the log still has everything from this record on.
pub(crate) fn is_kept_from(dir: &Path, seq: u64) -> Result<bool, JournalError> {
    let read = ReadOptions {
        to_seq: None,
        include_archive: true,
    };
    match Reader::open(dir, seq, read) {
        Ok(_) => Ok(true),
        Err(JournalError::NotKept { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}

/// The stamp of a record; none where the log does not have it any more.
fn stamp_of(dir: &Path, seq: u64) -> Result<Option<Stamp>, OpenError> {
    let read = ReadOptions {
        to_seq: Some(seq),
        include_archive: true,
    };
    let mut reader = match Reader::open(dir, seq, read) {
        Ok(reader) => reader,
        Err(JournalError::NotKept { .. }) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    match reader.next_entry()? {
        Some((_, bytes)) => match LogEntry::decode(bytes) {
            Ok(entry) => Ok(Some(entry.at)),
            Err(error) => Err(OpenError::Replay(format!("record {seq}: {error}"))),
        },
        None => Ok(None),
    }
}

/// Why this history cannot be that of the log which ends with this record, or cannot be caught up from it.
fn fault(dir: &Path, writer: &HistoryWriter, last_seq: u64) -> Result<Option<&'static str>, OpenError> {
    let seq = writer.seq();
    if seq > last_seq {
        return Ok(Some("it is ahead of the log: it is another log's"));
    }
    if seq == 0 {
        return Ok(None);
    }
    if stamp_of(dir, seq)?.is_some_and(|at| at != writer.at()) {
        return Ok(Some(
            "its last record is another one in the log: it is another log's",
        ));
    }
    if seq == last_seq || is_kept_from(dir, 1)? {
        return Ok(None);
    }
    for snapshot in Snapshots::new(dir).list()?.into_iter().rev() {
        if snapshot <= seq && is_kept_from(dir, snapshot + 1)? {
            return Ok(None);
        }
    }
    Ok(Some("it is behind what the log still has"))
}

/// Opens history for the log that ends with this record. What cannot belong to it is moved aside, and history is made
/// again from the log.
pub(crate) fn open(dir: &Path, last_seq: u64) -> Result<(HistoryWriter, PathBuf), OpenError> {
    let path = dir.join(FILE);
    let damaged = dir.join(DAMAGED);
    let reason = match HistoryWriter::open(&path) {
        Ok(_) if damaged.exists() => "it was found damaged while it was written".to_owned(),
        Ok(writer) => match fault(dir, &writer, last_seq)? {
            None => return Ok((writer, path)),
            Some(fault) => fault.to_owned(),
        },
        Err(error @ HistoryError::Damaged { .. }) => error.to_string(),
        Err(error) => return Err(error.into()),
    };
    tracing::warn!(
        reason,
        "history cannot be used: it is moved aside and made again from the log"
    );
    for suffix in ["", "-wal", "-shm"] {
        let from = dir.join(format!("{FILE}{suffix}"));
        let aside = dir.join(format!("{FILE}.unusable{suffix}"));
        if from.exists() {
            std::fs::rename(&from, aside)?;
        } else if aside.exists() {
            // That of an earlier file must not be taken for this one's.
            std::fs::remove_file(aside)?;
        }
    }
    if damaged.exists() {
        std::fs::remove_file(damaged)?;
    }
    Ok((HistoryWriter::open(&path)?, path))
}

/// Remembers that the file is damaged somewhere, so that the next start makes it again.
pub(crate) fn mark_damaged(dir: &Path) {
    match std::fs::write(dir.join(DAMAGED), b"") {
        Ok(()) => tracing::error!("history is damaged: it is made again from the log at the next start"),
        Err(error) => tracing::error!(%error, "history is damaged: delete it, and a start makes it again"),
    }
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

/// A question that waits for history, so that history does not wait for more to write.
struct Asking<'a>(&'a HistoryGauge);

impl<'a> Asking<'a> {
    fn new(gauge: &'a HistoryGauge) -> Self {
        gauge.asking.fetch_add(1, Ordering::AcqRel);
        Self(gauge)
    }
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        self.0.asking.fetch_sub(1, Ordering::AcqRel);
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
        if self.gauge.history.projected() >= seq {
            return Ok(());
        }
        let _asking = Asking::new(&self.gauge.history);
        let mut projected = self.gauge.history.projected.subscribe();
        let reached = projected.wait_for(|reached| *reached >= seq);
        match tokio::time::timeout(self.options.answer_timeout, reached).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(QueryError::Unavailable),
        }
    }

    /// Asks history, which has all that was in the log when the exchange was opened, and all that the writer has
    /// forgotten by now.
    pub(crate) async fn history<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&HistoryReader) -> Result<T, HistoryError> + Send + 'static,
    ) -> Result<T, QueryError> {
        let pending = self.gauge.history.orders.load(Ordering::Acquire);
        // So many may have ended at once that the writer has forgotten some of those that wait.
        if pending > self.options.history.orders {
            self.caught_up().await?;
        } else {
            self.projected(self.gauge.history.opened).await?;
        }
        let turn = Arc::clone(&self.history_turns).acquire_owned();
        let Ok(Ok(turn)) = tokio::time::timeout(self.options.answer_timeout, turn).await else {
            return Err(QueryError::Unavailable);
        };
        let reader = self.history_reader.clone();
        let ask = move || {
            let found = ask(&reader);
            drop(turn);
            found
        };
        match tokio::task::spawn_blocking(ask).await {
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
