//! The writer thread: the only one that changes the exchange.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use domain::{
    Asset, Command, EntryAccount, Event, LedgerEntry, MarketEvent, OrderId, Outcome, RequestId, SessionId,
    Stamp, UserId,
};
use exchange::{Exchange, LogBody, gather_entries};
use journal::Batch;
use runtime::trace::{self, Kind, Span, TraceContext};
use runtime::{Clock, ClockHealth, JumpGuard};
use trading::{Audience, BalanceChange, MarketView, Markets, Update};

use crate::commit::{Done, Handover};
use crate::feeds::balance_view;
use crate::figures::Stages;
use crate::gathered::Gathered;
use crate::gauge::Gauge;
use crate::history::batch_of;
use crate::job::{Job, NotDone};
use crate::{Fatal, Probe, poison};

/// The longest that the writer sleeps without a look at the clock.
const LONGEST_SLEEP: Duration = Duration::from_secs(1);

pub(crate) struct Writer {
    pub exchange: Exchange,
    pub dir: PathBuf,
    pub jobs: Receiver<Job>,
    pub handovers: Sender<Handover>,
    pub batch_max: usize,
    pub batch: Batch,
    pub clock: Clock,
    pub guard: JumpGuard,
    pub gauge: Arc<Gauge>,
    pub fatal: Fatal,
    pub probe: Probe,
    pub stages: Stages,
}

/// The writer cannot go on.
struct Dead;

impl Writer {
    /// Works until it is told to stop, all callers have gone, or nothing may go on.
    pub fn run(mut self) {
        if catch_unwind(AssertUnwindSafe(|| self.work())).is_err() {
            self.die("the writer panicked");
        }
        self.gauge.stopped.store(true, Ordering::Release);
        // Nothing was done for those who still wait. Who comes at this very moment waits for the answer's timeout.
        for job in self.jobs.try_iter() {
            if let Job::Command { waiter, ticket, .. } = job {
                waiter.tell(Err(NotDone::Stopped), ticket.taken());
            }
        }
    }

    fn work(&mut self) {
        let mut stop = None;
        while stop.is_none() {
            self.gauge.rests();
            let first = match self.jobs.recv_timeout(self.sleep()) {
                Ok(job) => Some(job),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => break,
            };
            match self.batch(first) {
                Ok(ended) => stop = ended,
                Err(Dead) => return,
            }
        }
        if stop == Some(true) {
            match self.exchange.snapshot() {
                Ok(contents) => {
                    let seq = self.exchange.seq();
                    // An error says that the journal thread has gone; the log has everything all the same.
                    let _ = self.handovers.send(Handover::Snapshot { seq, contents });
                }
                Err(error) => tracing::warn!(%error, "no last snapshot; a start replays more"),
            }
        }
    }

    /// Nothing may go on: first nobody is let in any more, then the fault is told.
    fn die(&self, reason: &str) -> Dead {
        self.gauge.stopped.store(true, Ordering::Release);
        self.fatal.happen(reason);
        Dead
    }

    /// Until the next timer, or a while.
    fn sleep(&self) -> Duration {
        // What is due by a wrong clock is not done.
        if !self.gauge.clock_is_sane.load(Ordering::Acquire) {
            return LONGEST_SLEEP;
        }
        match self.exchange.engine().next_due() {
            Some(due) => {
                let wait = Duration::from_micros(due.micros().saturating_sub(self.clock.wall_us()));
                wait.min(LONGEST_SLEEP).max(Duration::from_millis(1))
            }
            None => LONGEST_SLEEP,
        }
    }

    /// Applies a batch and hands it over. Tells whether to stop, and then whether with a snapshot.
    fn batch(&mut self, first: Option<Job>) -> Result<Option<bool>, Dead> {
        self.gauge.took(self.clock.monotonic());
        let now = self.now();
        let mut gathered = self.gather(now);
        let mut stop = None;
        self.tick(&mut gathered)?;
        let (mut next, mut taken) = (first, 0);
        while let Some(job) = next {
            match job {
                Job::Read(read) => gathered.answers.push(read(&self.exchange)),
                Job::Stop { snapshot } => {
                    stop = Some(snapshot);
                    break;
                }
                Job::Command {
                    command,
                    waiter,
                    since,
                    ticket,
                } => {
                    let request = ticket.taken();
                    self.gauge.took(since);
                    let outcome = match gathered.now {
                        Some(now) => {
                            self.stages.waited(self.clock.monotonic().saturating_sub(since));
                            self.tick(&mut gathered)?;
                            Ok(self.apply(now, command, request, &mut gathered)?)
                        }
                        None => Err(NotDone::Clock),
                    };
                    gathered
                        .answers
                        .push(Box::new(move || waiter.tell(outcome, request)));
                }
            }
            taken += 1;
            // Nothing more is taken from the queue than this batch has room for: what is taken is answered.
            if taken >= self.batch_max || gathered.is_full() {
                break;
            }
            next = self.jobs.try_recv().ok();
        }
        self.hand_over(gathered)?;
        Ok(stop)
    }

    fn gather(&self, now: Option<Stamp>) -> Gathered {
        Gathered::new(self.batch.clone(), self.exchange.seq(), now)
    }

    /// The present time, if it can be trusted.
    fn now(&mut self) -> Option<Stamp> {
        let sane = matches!(self.guard.look(&self.clock), ClockHealth::Sane);
        if self.gauge.clock_is_sane.swap(sane, Ordering::AcqRel) != sane {
            tracing::error!(sane, "the clock jumped ahead, or came back: intake follows");
        }
        sane.then(|| Stamp::from_micros(self.clock.wall_us()))
    }

    /// Ticks until nothing is due at this moment.
    fn tick(&mut self, gathered: &mut Gathered) -> Result<(), Dead> {
        while let Some(now) = gathered.now {
            if !self.exchange.engine().is_due(self.exchange.stamp(now)) {
                break;
            }
            if gathered.is_full() {
                let fresh = self.gather(Some(now));
                self.hand_over(std::mem::replace(gathered, fresh))?;
            }
            self.apply(now, Command::Tick, None, gathered)?;
        }
        Ok(())
    }

    /// Gives a command of a request its stamp and ids, applies it, and writes its record.
    fn apply(
        &mut self,
        now: Stamp,
        mut command: Command,
        request: Option<TraceContext>,
        gathered: &mut Gathered,
    ) -> Result<Outcome, Dead> {
        let at = self.exchange.stamp(now);
        let seq = self.exchange.seq() + 1;
        match &mut command {
            Command::Place(place) => {
                place.order_id = OrderId::at(at, seq);
                // Where the clock went back, stamps run ahead of it; no order is late because of that.
                let ahead = at.micros() - now.micros();
                place.received_at = place.received_at.plus_micros(ahead);
            }
            Command::Amend(amend) => amend.request_id = RequestId::at(at, seq),
            Command::OpenSession(open) => open.session_id = SessionId::at(at, seq),
            _ => {}
        }
        let span = Span::beneath(request, "apply command", Kind::Internal);
        let begun = self.clock.monotonic();
        let applied = catch_unwind(AssertUnwindSafe(|| {
            self.probe.look(&command);
            if let Command::Place(place) = &mut command {
                self.exchange.prepare(place);
            }
            self.exchange.apply(at, &command, &mut gathered.out)
        }));
        if !matches!(command, Command::Tick) {
            self.stages.applied(self.clock.monotonic().saturating_sub(begun));
        }
        if span.is_recorded() {
            gathered.traces.extend(span.context());
        }
        drop(span);
        let outcome = match applied {
            Ok(outcome) => outcome,
            Err(panic) => {
                let poisoned = || self.poisoned(at, &command, panic.as_ref());
                return Err(trace::within_sync(request, poisoned));
            }
        };
        if let Some(postings) = &mut gathered.out.postings {
            gather_entries(seq, at, postings, &mut gathered.entries);
            postings.clear();
        }
        if command.is_registers() {
            gathered.register.push((at, command.clone()));
        }
        let recorded = gathered.record(at, LogBody::Command(command));
        let recorded = recorded.and_then(|()| match self.exchange.digest_due() {
            Some(digest) => gathered.record(at, digest),
            None => Ok(()),
        });
        match recorded {
            Ok(()) => Ok(outcome),
            Err(why) => Err(trace::within_sync(request, || self.die(&why))),
        }
    }

    fn poisoned(&self, at: Stamp, command: &Command, panic: &(dyn std::any::Any + Send)) -> Dead {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text
            .or_else(|| panic.downcast_ref::<&str>().copied())
            .unwrap_or("no message");
        let market = match command {
            Command::Cancel(cancel) => self.market_of(cancel.user_id, &cancel.order),
            Command::Amend(amend) => self.market_of(amend.user_id, &amend.order),
            _ => poison::market_of(command),
        };
        match poison::keep(&self.dir, at, market, command, text) {
            Ok(path) => {
                tracing::error!(path = %path.display(), panic = text, "kept the command that cannot be applied")
            }
            Err(error) => {
                tracing::error!(%error, panic = text, "a command that cannot be applied could not be kept")
            }
        }
        self.die(&format!("a command cannot be applied: {text}"))
    }

    fn market_of(&self, user_id: domain::UserId, order: &domain::OrderRef) -> Option<domain::MarketNumber> {
        let order = catch_unwind(AssertUnwindSafe(|| self.exchange.order_of(user_id, order)));
        order.ok().flatten().map(|order| order.market)
    }

    fn hand_over(&self, gathered: Gathered) -> Result<(), Dead> {
        let Gathered {
            records,
            answers,
            mut out,
            before,
            entries,
            register,
            traces,
            now: _,
        } = gathered;
        if records.is_empty() && answers.is_empty() {
            return Ok(());
        }
        let changed = |event: &MarketEvent| {
            matches!(
                event.event,
                Event::MarketDefined(_) | Event::MarketStateChanged(_)
            )
        };
        let markets = out
            .events
            .iter()
            .any(changed)
            .then(|| Arc::new(markets(&self.exchange)));
        // All have one stamp, and then trades are told in the order of their ids.
        out.events.sort_by_key(|event| event.market);
        let seq = self.exchange.seq();
        let balances = self.balances(&entries);
        let has_records = seq > before;
        let history =
            has_records.then(|| batch_of(before + 1, seq, self.exchange.last(), &out.events, entries));
        let done = Done {
            records,
            answers,
            update: Update {
                audience: Audience::All,
                seq,
                events: out.events,
                balances,
            },
            history,
            markets,
            register,
            traces,
        };
        self.handovers
            .send(Handover::Batch(Box::new(done)))
            .map_err(|_| Dead)
    }

    /// The balances that these lines changed, each once, as they are now.
    fn balances(&self, entries: &[LedgerEntry]) -> Vec<BalanceChange> {
        let touched = entries.iter().filter_map(|line| match line.account {
            EntryAccount::User(user_id) => Some((user_id, line.asset)),
            EntryAccount::Fee | EntryAccount::External => None,
        });
        let mut touched: Vec<(UserId, Asset)> = touched.collect();
        touched.sort_unstable();
        touched.dedup();
        let balance = |(user_id, asset): (UserId, Asset)| {
            let balance = self.exchange.ledger().balance(user_id, asset)?;
            Some(BalanceChange {
                user_id,
                balance: balance_view(asset, balance),
            })
        };
        touched.into_iter().filter_map(balance).collect()
    }
}

/// The markets as callers see them.
pub(crate) fn markets(exchange: &Exchange) -> Markets {
    let views = exchange.engine().markets();
    Markets::new(
        views
            .map(|(market, state)| MarketView {
                market: Arc::clone(market),
                state,
            })
            .collect(),
    )
}
