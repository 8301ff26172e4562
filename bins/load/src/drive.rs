//! The open loop: arrivals come by the clock, lanes carry them, answers are counted.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::cli::Protocol;
use crate::flow::{Action, Flow};
use crate::output::Progress;
use crate::pacer::Pacer;
use crate::schedule::{Arrivals, Schedule};
use crate::tally::{Outcome, Promises, Tally, Totals, field};

/// After so many arrivals in a row that were overdue, the lanes get their turn.
const TURN: u32 = 8;

/// Something that waits for a lane.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) due: Duration,
    pub(crate) action: Action,
}

/// What waits for one lane, or for several that share it.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    jobs: RefCell<VecDeque<Job>>,
    wake: Notify,
    closed: Cell<bool>,
}

impl Queue {
    pub(crate) fn push(&self, job: Job) {
        self.jobs.borrow_mut().push_back(job);
        self.wake.notify_one();
    }

    pub(crate) fn pop(&self) -> Option<Job> {
        self.jobs.borrow_mut().pop_front()
    }

    /// The next job; none when the run is over.
    pub(crate) async fn next(&self) -> Option<Job> {
        loop {
            if let Some(job) = self.pop() {
                return Some(job);
            }
            if self.closed.get() {
                // The others that share the queue are told in turn.
                self.wake.notify_one();
                return None;
            }
            self.wake.notified().await;
        }
    }

    /// Waits until there may be a job, or the run is over.
    pub(crate) async fn changed(&self) {
        self.wake.notified().await;
    }

    pub(crate) fn close(&self) {
        self.closed.set(true);
        self.wake.notify_one();
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.get()
    }
}

/// What the parts of one run share. All run on one thread.
pub(crate) struct Shared {
    pub(crate) flow: Rc<RefCell<Flow>>,
    pub(crate) promises: Rc<RefCell<Promises>>,
    pub(crate) tally: RefCell<Tally>,
    in_flight: Cell<usize>,
    start: Cell<Instant>,
    fault: RefCell<Option<anyhow::Error>>,
}

impl Shared {
    pub(crate) fn new(flow: Rc<RefCell<Flow>>, promises: Rc<RefCell<Promises>>, warmup: Duration) -> Self {
        Self {
            flow,
            promises,
            tally: RefCell::new(Tally::new(warmup)),
            in_flight: Cell::new(0),
            start: Cell::new(Instant::now()),
            fault: RefCell::default(),
        }
    }

    /// The time since the start.
    pub(crate) fn now(&self) -> Duration {
        self.start.get().elapsed()
    }

    /// How a job that was sent at `sent` ended now.
    pub(crate) fn ended(&self, protocol: Protocol, job: Job, sent: Duration, outcome: &Outcome<'_>) {
        self.in_flight.set(self.in_flight.get().saturating_sub(1));
        let key = (protocol, job.action.op());
        let counted = self
            .tally
            .borrow_mut()
            .count(key, [job.due, sent, self.now()], outcome);
        if let Err(error) = counted {
            self.fault.replace(Some(error));
        }
        self.promise(job.action, outcome);
    }

    fn promise(&self, action: Action, outcome: &Outcome<'_>) {
        let done = matches!(
            outcome,
            Outcome::Answered {
                status: 200..=299,
                ..
            }
        );
        let mut order_id = None;
        if let Action::Place { user, number, .. } = &action {
            let mut promises = self.promises.borrow_mut();
            match outcome {
                Outcome::Answered { body, .. } if done => {
                    let text = field(body, "order_id");
                    match text.and_then(|text| text.parse().ok()) {
                        Some(id) => promises.acknowledged.push((id, *user)),
                        None => promises.unreadable += 1,
                    }
                    order_id = text.filter(|_| field(body, "status") == Some("OPEN"));
                }
                // The gateway says itself that it does not know.
                Outcome::Answered { status: 500.., .. } | Outcome::Unknown(_) => {
                    promises.unknown.push((*user, *number));
                }
                Outcome::Answered { .. } => {}
            }
        }
        self.flow.borrow_mut().answered(action, done, order_id);
    }
}

/// Brings jobs onto lanes.
pub(crate) trait Lanes {
    /// Over which protocol the next arrival goes, before it is chosen.
    fn protocol(&mut self) -> Protocol;
    /// Takes a job; gives it back where no lane can carry it.
    fn take(&mut self, protocol: Protocol, job: Job) -> Result<(), Job>;
    /// Nothing more will come.
    fn close(&mut self);
    /// Takes back what still waits for a lane.
    fn drain(&mut self) -> Vec<Job>;
}

/// How one run is driven.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) arrivals: Arrivals,
    pub(crate) rate: f64,
    pub(crate) warmup: Duration,
    pub(crate) duration: Duration,
    pub(crate) in_flight: usize,
    pub(crate) timeout: Duration,
    pub(crate) seed: u64,
}

/// Drives one run; `choose` says what arrives over a protocol.
///
/// # Errors
/// The timer fails, or answers cannot be counted.
pub(crate) async fn drive(
    plan: Plan,
    shared: &Shared,
    lanes: &mut dyn Lanes,
    what: &str,
    mut choose: impl FnMut(Protocol) -> Action,
) -> anyhow::Result<Totals> {
    let end = plan.warmup + plan.duration;
    let mut pacer = Pacer::new()?;
    let mut progress = Progress::new(what, end.as_secs());
    let start = Instant::now();
    shared.start.set(start);
    let (mut overdue, mut second) = (0, 0);
    for due in Schedule::new(plan.arrivals, plan.rate, end, plan.seed) {
        if shared.now() < due {
            overdue = 0;
            pacer.until(start + due).await?;
        } else {
            overdue += 1;
            if overdue % TURN == 0 {
                tokio::task::yield_now().await;
            }
        }
        if due.as_secs() > second {
            second = due.as_secs();
            progress.at(second, || state(shared, plan.rate));
        }
        let protocol = lanes.protocol();
        let action = choose(protocol);
        arrive(plan, shared, lanes, protocol, Job { due, action })?;
    }
    lanes.close();
    wait(shared, plan.timeout).await;
    // What could not even be sent by now is given up.
    for job in lanes.drain() {
        shared.in_flight.set(shared.in_flight.get().saturating_sub(1));
        give_up(shared, lanes.protocol(), job)?;
    }
    wait(shared, plan.timeout * 2).await;
    if let Some(fault) = shared.fault.take() {
        return Err(fault);
    }
    anyhow::ensure!(
        shared.in_flight.get() == 0,
        "{} requests have neither an answer nor a timeout",
        shared.in_flight.get()
    );
    shared.tally.borrow().totals(plan.rate, end)
}

fn arrive(
    plan: Plan,
    shared: &Shared,
    lanes: &mut dyn Lanes,
    protocol: Protocol,
    job: Job,
) -> anyhow::Result<()> {
    let refused = if shared.in_flight.get() < plan.in_flight {
        lanes.take(protocol, job)
    } else {
        Err(job)
    };
    match refused {
        Ok(()) => {
            shared.in_flight.set(shared.in_flight.get() + 1);
            Ok(())
        }
        Err(job) => give_up(shared, protocol, job),
    }
}

fn give_up(shared: &Shared, protocol: Protocol, job: Job) -> anyhow::Result<()> {
    let key = (protocol, job.action.op());
    shared.flow.borrow_mut().not_sent(job.action);
    shared.tally.borrow_mut().not_sent(key, job.due)
}

/// Waits until nothing is in flight, at most so long.
async fn wait(shared: &Shared, most: Duration) {
    let patience = Instant::now() + most;
    while shared.in_flight.get() > 0 && Instant::now() < patience {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

fn state(shared: &Shared, rate: f64) -> String {
    let tally = shared.tally.borrow();
    let lines = tally.lines();
    let (mut done, mut not_sent, mut p99) = (0, 0, 0);
    for line in &lines {
        done += line.latency.count;
        not_sent += line.not_sent;
        p99 = p99.max(line.latency.p99_us);
    }
    format!(
        "{rate:.0}/s wanted, {done} measured, {} in flight, {not_sent} not sent, p99 {:.1} ms",
        shared.in_flight.get(),
        p99 as f64 / 1_000.0
    )
}
