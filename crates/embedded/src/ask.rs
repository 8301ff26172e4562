//! Asking the writer: queue limits, waiting for answers, and reads.

use std::sync::atomic::Ordering;
use std::time::Duration;

use crossbeam_channel::TrySendError;
use domain::{Command, Outcome};
use exchange::{Exchange, Fault};
use runtime::trace;
use tokio::sync::oneshot;
use trading::{EntryError, QueryError};

use crate::job::{Answer, Job, NotDone, Waiter};
use crate::open::Embedded;
use crate::traced::Ticket;

/// How much of the queue a job may find full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Weight {
    /// Taken below 80 % of the queue only.
    Ordinary,
    /// Taken while there is room at all: cancels and what operators do.
    Urgent,
}

const fn unavailable(reason: &'static str) -> EntryError {
    EntryError::Unavailable {
        reason,
        retry_after_secs: 1,
    }
}

/// What an audit found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audit {
    /// The number of the last record, durable by now.
    pub seq: u64,
    /// The digest of all events up to it.
    pub digest: u128,
    /// What does not hold, as [`Exchange::faults`] tells it; none: all is well.
    pub faults: Vec<Fault>,
}

impl Embedded {
    /// Checks every invariant. The writer walks everything meanwhile: for tests, and for auditors at quiet hours.
    ///
    /// # Errors
    /// No answer, for now.
    pub async fn audit(&self) -> Result<Audit, QueryError> {
        let look = |exchange: &Exchange| Audit {
            seq: exchange.seq(),
            digest: exchange.event_digest(),
            faults: exchange.faults(),
        };
        self.read(look).await
    }

    /// How many jobs wait for the writer at this moment.
    pub fn waiting(&self) -> usize {
        self.jobs.len()
    }

    /// How many jobs may wait for it.
    pub fn capacity(&self) -> usize {
        self.options.queue_capacity
    }

    /// At most so long the oldest job has waited for the writer.
    fn oldest(&self) -> Duration {
        match self.jobs.is_empty() {
            true => Duration::ZERO,
            false => self.gauge.waits(self.options.clock.monotonic()),
        }
    }

    /// Sets the figures of `/metrics` that change while nothing happens.
    #[allow(
        clippy::cast_precision_loss,
        reason = "metrics are floats, and none of these passes 2^53"
    )]
    pub fn measure(&self) {
        let gauge = &self.gauge;
        let lag = gauge
            .durable()
            .saturating_sub(gauge.covered.load(Ordering::Acquire));
        metrics::gauge!("snapshot_lag_records").set(lag as f64);
        let age = gauge.last_snapshot.age(&self.options.clock);
        metrics::gauge!("snapshot_age_seconds").set(age.as_secs_f64());
        metrics::gauge!("writer_queue_oldest_seconds").set(self.oldest().as_secs_f64());
    }

    /// Whether the writer trusts the clock, as of its last look.
    pub fn is_clock_trusted(&self) -> bool {
        self.gauge.clock_is_sane.load(Ordering::Acquire)
    }

    /// Puts a job into the queue, if its weight may.
    fn queue(&self, job: Job, weight: Weight) -> Result<(), &'static str> {
        if self.gauge.stopped.load(Ordering::Acquire) {
            return Err(NotDone::Stopped.reason());
        }
        let full = self.jobs.len() >= self.options.queue_capacity * 4 / 5;
        if weight == Weight::Ordinary && full {
            return Err("the queue is full");
        }
        match self.jobs.try_send(job) {
            Ok(()) => Ok(()),
            Err(TrySendError::Full(_)) => Err("the queue is full"),
            Err(TrySendError::Disconnected(_)) => Err(NotDone::Stopped.reason()),
        }
    }

    /// Has a command applied, and waits until what it came to is durable.
    pub(crate) async fn command(&self, command: Command, weight: Weight) -> Result<Outcome, EntryError> {
        self.command_or_undo(command, weight, |_| None).await
    }

    /// The same; where nobody waits any more when the outcome comes, what undoes it follows.
    pub(crate) async fn command_or_undo(
        &self,
        command: Command,
        weight: Weight,
        undo: fn(Outcome) -> Option<Command>,
    ) -> Result<Outcome, EntryError> {
        let places = matches!(command, Command::Place(_) | Command::Amend(_));
        if places && !self.gauge.disk_has_room.load(Ordering::Acquire) {
            return Err(unavailable("the disk is nearly full"));
        }
        if places && self.history_is_behind() {
            return Err(unavailable("history lies too far behind"));
        }
        if !self.gauge.clock_is_sane.load(Ordering::Acquire) {
            return Err(unavailable(NotDone::Clock.reason()));
        }
        let (waiter, mut told) = Waiter::new();
        let request = trace::current();
        let job = Job::Command {
            command,
            waiter,
            since: self.options.clock.monotonic(),
            ticket: Ticket::of(request),
        };
        self.queue(job, weight).map_err(unavailable)?;
        match tokio::time::timeout(self.options.answer_timeout, &mut told).await {
            Ok(Ok(told)) => told.outcome().map_err(|not_done| unavailable(not_done.reason())),
            Ok(Err(_)) => Err(EntryError::OutcomeUnknown),
            Err(_) => {
                let (jobs, clock) = (self.jobs.clone(), self.options.clock.clone());
                tokio::spawn(async move {
                    if let Ok(told) = told.await
                        && let Ok(outcome) = told.outcome()
                        && let Some(command) = undo(outcome)
                    {
                        // Nobody waits for this one. Where it cannot be queued, the next start does the like.
                        let (waiter, _) = Waiter::new();
                        let _ = jobs.try_send(Job::Command {
                            command,
                            waiter,
                            since: clock.monotonic(),
                            ticket: Ticket::of(request),
                        });
                    }
                });
                Err(EntryError::OutcomeUnknown)
            }
        }
    }

    /// Looks at the state, and waits until what was seen is durable.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Exchange) -> T + Send + 'static,
    ) -> Result<T, QueryError> {
        let (answer, seen) = oneshot::channel();
        let read = move |exchange: &Exchange| -> Answer {
            let seen = look(exchange);
            Box::new(move || drop(answer.send(seen)))
        };
        self.queue(Job::Read(Box::new(read)), Weight::Ordinary)
            .map_err(|_| QueryError::Unavailable)?;
        match tokio::time::timeout(self.options.answer_timeout, seen).await {
            Ok(Ok(seen)) => Ok(seen),
            Ok(Err(_)) | Err(_) => Err(QueryError::Unavailable),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex, mpsc};
    use std::time::Duration;

    use crate::{Embedded, Fatal, Options};

    #[tokio::test]
    async fn what_waits_for_a_writer_that_hangs_grows_older() {
        let dir = tempfile::tempdir().unwrap();
        let options = Options::new(dir.path().to_path_buf());
        let (exchange, _) = Embedded::open(options, Vec::new()).unwrap();
        let exchange = Arc::new(exchange);
        assert_eq!(exchange.oldest(), Duration::ZERO);
        let (release, held) = mpsc::channel::<()>();
        let ask = |work: Box<dyn FnOnce() + Send>| {
            let exchange = Arc::clone(&exchange);
            tokio::spawn(async move { exchange.read(move |_| work()).await })
        };
        let (begins, begun) = tokio::sync::oneshot::channel();
        let hanging = ask(Box::new(move || {
            begins.send(()).unwrap();
            held.recv().unwrap();
        }));
        begun.await.unwrap();
        assert_eq!(exchange.oldest(), Duration::ZERO, "nobody waits behind it");
        let waiting = ask(Box::new(|| {}));
        while exchange.waiting() == 0 {
            tokio::task::yield_now().await;
        }
        let before = exchange.oldest();
        tokio::time::sleep(Duration::from_millis(5)).await;
        let after = exchange.oldest();
        assert!(before > Duration::ZERO && after > before, "{before:?}, {after:?}");
        release.send(()).unwrap();
        assert_eq!((hanging.await.unwrap(), waiting.await.unwrap()), (Ok(()), Ok(())));
        assert_eq!(exchange.oldest(), Duration::ZERO);
        exchange.stop();
    }

    #[tokio::test]
    async fn a_read_that_panics_is_fatal_and_leaves_nobody_waiting() {
        let dir = tempfile::tempdir().unwrap();
        let faults = Arc::new(Mutex::new(Vec::new()));
        let told = Arc::clone(&faults);
        let options = Options {
            fatal: Fatal::new(move |reason| told.lock().unwrap().push(reason.to_owned())),
            answer_timeout: Duration::from_secs(60),
            ..Options::new(dir.path().to_path_buf())
        };
        let (exchange, _) = Embedded::open(options, Vec::new()).unwrap();
        let answer: Result<(), _> = exchange.read(|_| panic!("a read has a fault")).await;
        assert_eq!(answer, Err(trading::QueryError::Unavailable));
        exchange.stop();
        assert_eq!(*faults.lock().unwrap(), ["the writer panicked"]);
    }
}
