//! The journal thread: makes batches durable one after the other, and only then lets answers and events out.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crossbeam_channel::{Receiver, Sender};
use domain::{Command, Stamp};
use journal::{Batch, Journal, Retention, Snapshots};
use persistence::HistoryBatch;
use runtime::Clock;
use runtime::trace::{self, Kind, TraceContext};
use trading::{MarketFigures, Markets, Update};

use crate::Fatal;
use crate::figures::Stages;
use crate::gauge::Gauge;
use crate::job::Answer;
use crate::projector::Waiting;
use crate::snapshots::prune;
use crate::traced;

/// What the writer hands over after a batch.
pub(crate) enum Handover {
    /// Records to make durable, and what waits for them.
    Batch(Box<Done>),
    /// A snapshot covers the log up to here: older segments go to the archive.
    Covered(u64),
    /// The last snapshot of a clean stop.
    Snapshot { seq: u64, contents: Vec<u8> },
}

/// A batch that was applied.
pub(crate) struct Done {
    pub records: Batch,
    pub answers: Vec<Answer>,
    pub update: Update,
    /// What it adds to history; none where it has no records.
    pub history: Option<HistoryBatch>,
    /// The markets, if the batch changed them.
    pub markets: Option<Arc<Markets>>,
    /// Its commands of the register.
    pub register: Vec<(Stamp, Command)>,
    /// Its commands whose traces are recorded.
    pub traces: Vec<TraceContext>,
}

pub(crate) struct Committer {
    pub journal: Journal,
    pub gauge: Arc<Gauge>,
    pub fatal: Fatal,
    pub archive_keep_bytes: Option<u64>,
    pub handovers: Receiver<Handover>,
    pub clock: Clock,
    pub history: Sender<Waiting>,
    pub stages: Stages,
    /// What is counted of the markets.
    pub figures: MarketFigures,
}

impl Committer {
    /// Works until the writer has gone.
    pub fn run(mut self) {
        if catch_unwind(AssertUnwindSafe(|| self.work())).is_err() {
            self.gauge.stopped.store(true, Ordering::Release);
            self.fatal.happen("the journal thread panicked");
        }
        self.gauge.stopped.store(true, Ordering::Release);
        // What was handed over and is not durable is not answered: dropping it tells those who wait.
        self.handovers.try_iter().for_each(drop);
    }

    fn work(&mut self) {
        while let Ok(handover) = self.handovers.recv() {
            match handover {
                Handover::Batch(done) => {
                    if !self.commit(*done) {
                        return;
                    }
                }
                Handover::Covered(seq) => self.covered(seq),
                Handover::Snapshot { seq, contents } => self.snapshot(seq, &contents),
            }
        }
    }

    /// Writes the last snapshot of a clean stop.
    fn snapshot(&mut self, seq: u64, contents: &[u8]) {
        match Snapshots::new(self.journal.dir()).write(seq, contents) {
            Ok(()) => {
                tracing::info!(seq, "wrote the last snapshot");
                prune(self.journal.dir(), self.gauge.history.projected());
                self.covered(seq);
            }
            Err(error) => {
                tracing::warn!(%error, seq, "the last snapshot was not written; a start replays more")
            }
        }
    }

    /// False: nothing may go on.
    fn commit(&mut self, done: Done) -> bool {
        let Done {
            records,
            answers,
            update,
            history,
            markets,
            register,
            traces,
        } = done;
        let mut span = traced::batch("write journal", Kind::Internal, &traces);
        let begun = self.clock.monotonic();
        match self.journal.append(&records) {
            Ok(seq) => {
                self.stages.synced(self.clock.monotonic().saturating_sub(begun));
                self.gauge.set_durable(seq);
                span.set("journal.sequence", seq.cast_signed());
            }
            Err(error) => {
                self.gauge.stopped.store(true, Ordering::Release);
                let why = format!("the journal cannot be written: {error}");
                trace::within_sync(span.context(), || self.fatal.happen(&why));
                return false;
            }
        }
        drop(span);
        if let Some(markets) = markets {
            self.gauge.set_markets(markets);
        }
        for (at, command) in &register {
            self.gauge.enter(*at, command);
        }
        if let Some(batch) = history {
            self.gauge.history.add(&batch);
            // An error says that history cannot be caught up: what waits for it grows until placements stop.
            let since = self.clock.monotonic();
            let _ = self.history.send(Waiting { batch, since, traces });
        }
        self.figures.count(&update.events);
        for answer in answers {
            answer();
        }
        if !update.events.is_empty() || !update.balances.is_empty() {
            // An error says only that nobody listens.
            let _ = self.gauge.updates.send(Arc::new(update));
        }
        true
    }

    /// Only moves and removes files: what takes long, such as reading snapshots again, is the snapshot thread's.
    fn covered(&mut self, seq: u64) {
        self.gauge.covered.store(seq, Ordering::Release);
        self.gauge.last_snapshot.made(&self.clock);
        if let Err(error) = self.journal.archive_covered(seq) {
            tracing::warn!(%error, "covered segments stay where they are");
        }
        if let Some(bytes) = self.archive_keep_bytes {
            let kept = Snapshots::new(self.journal.dir()).list().unwrap_or_default();
            // History that lies behind is caught up from a snapshot that it has already, else from the beginning.
            let projected = self.gauge.history.projected();
            let oldest = kept
                .first()
                .filter(|oldest| **oldest <= projected)
                .map_or(0, |oldest| *oldest);
            match self.journal.drop_archived(Retention::Bytes(bytes), oldest) {
                Ok(dropped) if dropped.segments > 0 => {
                    tracing::info!(
                        segments = dropped.segments,
                        bytes = dropped.bytes,
                        "dropped archived segments"
                    );
                }
                Ok(_) => {}
                Err(error) => tracing::warn!(%error, "archived segments stay where they are"),
            }
        }
    }
}
