//! The projection thread: brings what has become durable into history, in order, and catches up from the log at a start.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, after};
use domain::{EntryAccount, EntryType, LedgerEntry, Reference, TransferKey};
use exchange::{Exchange, LogEntry, Output, gather_entries};
use journal::{ReadOptions, Reader, Snapshots};
use persistence::{HistoryBatch, HistoryError, HistoryWriter};
use runtime::Clock;
use runtime::trace::{Kind, TraceContext};
use trading::Markets;

use crate::gauge::Gauge;
use crate::history::{batch_of, is_kept_from, mark_damaged};
use crate::snapshots::usable;
use crate::traced;

/// Bytes of batches that are written in one transaction.
const WRITE_BYTES: usize = 8 << 20;
/// How much nicer than the others the thread is.
const NICENESS: i32 = 5;
/// How long batches gather while nobody waits for them: large transactions cost less for each row, since a page of an
/// index that many rows touch is written once.
const GATHER: Duration = Duration::from_millis(250);
/// How often it is looked whether somebody waits for them.
const GATHER_LOOK: Duration = Duration::from_millis(5);
/// Records that a catch-up projects at once.
const CATCH_UP_RECORDS: u64 = 2_000;
/// The wait before another try when history cannot be written.
const RETRY: Duration = Duration::from_secs(1);
/// Tries when the exchange stops.
const LAST_TRIES: u32 = 3;
/// What the first lines of a ledger refer to that does not begin with the log.
const OPENING: &str = "opening-balance";

/// A batch that waits to be written.
pub(crate) struct Waiting {
    pub batch: HistoryBatch,
    /// Since when, by the monotonic clock.
    pub since: Duration,
    /// Its commands whose traces are recorded.
    pub traces: Vec<TraceContext>,
}

/// Why history does not go on.
enum End {
    /// The exchange stops; the next start goes on from here.
    Stopped,
    /// What is wrong.
    Fault(String),
}

impl<E: std::error::Error> From<E> for End {
    fn from(error: E) -> Self {
        Self::Fault(error.to_string())
    }
}

pub(crate) struct Projector {
    pub history: HistoryWriter,
    pub waiting: Receiver<Waiting>,
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
        // Answers come first where both want the processor; how far history may lie behind is limited.
        if let Err(error) = rustix::process::nice(NICENESS) {
            tracing::debug!(%error, "the history thread keeps its priority");
        }
        let caught_up = catch_unwind(AssertUnwindSafe(|| self.catch_up()));
        match caught_up.unwrap_or_else(|_| Err(End::Fault("the replay panicked".to_owned()))) {
            Ok(()) => {}
            Err(End::Stopped) => {
                tracing::info!("history is behind; the next start catches up from the log");
                return;
            }
            Err(End::Fault(error)) => {
                // Placements stop when the lag passes its limit; nothing is lost, a start tries again.
                tracing::error!(error, "history cannot be caught up from the log");
                return;
            }
        }
        while let Ok(first) = self.waiting.recv() {
            self.gauge.history.waits_since(Some(first.since));
            let (batches, traces) = self.gather(first);
            let mut span = traced::batch("write history", Kind::Client, &traces);
            span.set("db.system.name", "sqlite");
            if self.write(&batches).is_err() {
                span.fail("history cannot be written");
                tracing::error!("history stays behind; the next start catches up from the log");
                return;
            }
            drop(span);
            self.gauge.history.done(&batches);
            if self.waiting.is_empty() {
                self.gauge.history.waits_since(None);
            }
        }
        if let Err(error) = self.history.close() {
            tracing::warn!(%error, "a part of history stays in its write-ahead file");
        }
    }

    /// What comes within a while: until somebody asks, there is much of it, or the exchange stops.
    fn gather(&self, first: Waiting) -> (Vec<HistoryBatch>, Vec<TraceContext>) {
        let end = after(GATHER);
        let mut bytes = first.batch.bytes();
        let (mut batches, mut traces) = (vec![first.batch], first.traces);
        while bytes < WRITE_BYTES {
            let next = match self.waiting.try_recv() {
                Ok(next) => Ok(next),
                Err(_) if self.gauge.history.is_asked() || end.try_recv().is_ok() => break,
                Err(_) => self.waiting.recv_timeout(GATHER_LOOK),
            };
            match next {
                Ok(next) => {
                    bytes += next.batch.bytes();
                    batches.push(next.batch);
                    traces.extend(next.traces);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        (batches, traces)
    }

    fn write(&mut self, batches: &[HistoryBatch]) -> Result<(), End> {
        self.store(|history| history.write(batches))
    }

    /// Writes until it works, or the exchange stops.
    fn store(&mut self, write: impl Fn(&mut HistoryWriter) -> Result<(), HistoryError>) -> Result<(), End> {
        let markets = self.gauge.markets();
        if !Arc::ptr_eq(&markets, &self.told) {
            for view in markets.all() {
                self.history.define_market(&view.market);
            }
            self.told = markets;
        }
        let mut last_tries = 0;
        loop {
            match write(&mut self.history) {
                Ok(()) => {
                    self.gauge.history.reached(self.history.seq());
                    return Ok(());
                }
                Err(error) => {
                    tracing::error!(%error, "history cannot be written; it is tried again");
                    if matches!(error, HistoryError::Damaged { .. }) {
                        mark_damaged(&self.dir);
                    }
                }
            }
            if self.is_stopped() {
                last_tries += 1;
                if last_tries >= LAST_TRIES {
                    return Err(End::Stopped);
                }
            }
            std::thread::sleep(RETRY);
        }
    }

    fn is_stopped(&self) -> bool {
        self.gauge.stopped.load(Ordering::Acquire)
    }

    /// Replays what the log had at the start and history has not.
    fn catch_up(&mut self) -> Result<(), End> {
        let opened = self.gauge.history.opened();
        if self.history.seq() >= opened {
            return Ok(());
        }
        self.gauge.history.waits_since(Some(self.clock.monotonic()));
        let mut exchange = self.start_point()?;
        tracing::info!(from = self.history.seq(), to = opened, "catching up with the log");
        let read = ReadOptions {
            to_seq: Some(opened),
            include_archive: true,
        };
        let mut reader = Reader::open(&self.dir, exchange.seq() + 1, read)?;
        let mut out = Output {
            postings: Some(Vec::new()),
            ..Output::default()
        };
        let mut entries = Vec::new();
        let mut first = exchange.seq() + 1;
        loop {
            let more = match reader.next_entry()? {
                Some((_, bytes)) => {
                    replay_with_entries(&mut exchange, bytes, &mut out, &mut entries)?;
                    true
                }
                None => false,
            };
            let seq = exchange.seq();
            // What history has already ends with a batch, so that none is there in part.
            if seq >= first && (!more || seq - first + 1 >= CATCH_UP_RECORDS || seq == self.history.seq()) {
                let entries = std::mem::take(&mut entries);
                let batch = batch_of(first, seq, exchange.last(), &out.events, entries);
                if seq > self.history.seq() {
                    self.write(&[batch])?;
                    // The limit is for standing still: how long the log is does not count.
                    self.gauge.history.waits_since(Some(self.clock.monotonic()));
                }
                out.events.clear();
                first = seq + 1;
                if self.is_stopped() && more {
                    return Err(End::Stopped);
                }
            }
            if !more {
                break;
            }
        }
        self.gauge.history.waits_since(None);
        match self.history.seq() {
            seq if seq >= opened => {
                tracing::info!(seq, "history has caught up");
                Ok(())
            }
            seq => Err(End::Fault(format!(
                "the log gave records up to {seq} only, not {opened}"
            ))),
        }
    }

    /// The newest snapshot that history has already, or the beginning of the log. Where the log no longer begins with
    /// record 1, an empty history begins at the oldest snapshot.
    fn start_point(&mut self) -> Result<Exchange, End> {
        let seqs = Snapshots::new(&self.dir).list()?;
        let known = seqs.iter().rev().filter(|seq| **seq <= self.history.seq());
        for seq in known {
            match usable(&self.dir, *seq, self.hash_seed) {
                Ok(exchange) => return Ok(exchange),
                Err(error) => tracing::warn!(seq, error, "a snapshot could not be used for history"),
            }
        }
        if is_kept_from(&self.dir, 1)? {
            return Ok(Exchange::new(self.hash_seed));
        }
        for seq in seqs.into_iter().filter(|_| self.history.seq() == 0) {
            if !is_kept_from(&self.dir, seq + 1)? {
                continue;
            }
            match usable(&self.dir, seq, self.hash_seed) {
                Ok(exchange) => {
                    self.begin_at(&exchange)?;
                    return Ok(exchange);
                }
                Err(error) => tracing::warn!(seq, error, "a snapshot could not be used for history"),
            }
        }
        let seq = self.history.seq();
        Err(End::Fault(format!(
            "the log does not reach back to record {seq}, and no snapshot helps"
        )))
    }

    /// Begins history at a snapshot: the balances of that moment as the first lines, so that lines sum to balances, and
    /// the orders that the snapshot still has of those that had ended.
    fn begin_at(&mut self, exchange: &Exchange) -> Result<(), End> {
        tracing::warn!(
            seq = exchange.seq(),
            "the log no longer has its beginning: history begins at the oldest snapshot, with balances as they were then; \
             trades, ledger lines and candles before it, and most orders that had ended, are not in it"
        );
        let opening = HistoryBatch {
            first_seq: exchange.seq(),
            last_seq: exchange.seq(),
            at: exchange.last(),
            orders: exchange.ended_orders().cloned().collect(),
            trades: Vec::new(),
            entries: opening_lines(exchange)?,
        };
        self.store(|history| match history.seq() {
            // An earlier try may have been written although it failed.
            seq if seq == opening.last_seq => Ok(()),
            _ => history.begin(&opening),
        })
    }
}

/// Applies a record of the log, and gathers the lines that it adds to the ledger.
fn replay_with_entries(
    exchange: &mut Exchange,
    bytes: &[u8],
    out: &mut Output,
    entries: &mut Vec<LedgerEntry>,
) -> Result<(), End> {
    let entry = LogEntry::decode(bytes)?;
    exchange.replay(&entry, out)?;
    let postings = out.postings.get_or_insert_default();
    gather_entries(exchange.seq(), exchange.last(), postings, entries);
    postings.clear();
    Ok(())
}

/// Every balance as a line; the lines of an asset sum to zero.
fn opening_lines(exchange: &Exchange) -> Result<Vec<LedgerEntry>, End> {
    let key: TransferKey = OPENING.parse()?;
    let ledger = exchange.ledger().snapshot();
    let users = ledger.accounts.iter().map(|record| {
        let (available, reserved) = (record.balance.available.0, record.balance.reserved.0);
        let account = EntryAccount::User(record.user_id);
        (
            account,
            record.asset,
            available.cast_signed(),
            reserved.cast_signed(),
        )
    });
    let houses = ledger.assets.iter().flat_map(|of| {
        let (fees, came_in) = (of.fees.0.cast_signed(), of.came_in.0.cast_signed());
        [
            (EntryAccount::Fee, of.asset, fees, 0),
            (EntryAccount::External, of.asset, -came_in, 0),
        ]
    });
    let lines = users.chain(houses).filter(|line| (line.2, line.3) != (0, 0));
    let line = |(number, (account, asset, available, reserved))| LedgerEntry {
        seq: exchange.seq(),
        line: number,
        account,
        asset,
        available,
        reserved,
        entry_type: EntryType::Adjustment,
        reference: Reference::Transfer(key.clone()),
        at: exchange.last(),
    };
    Ok((0..).zip(lines).map(line).collect())
}
