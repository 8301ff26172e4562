//! Load at a rate through all gateways, with every answer written down.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::sync::{Semaphore, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{MissedTickBehavior, interval};

use super::clients::Clients;
use super::dice::Dice;
use super::flow::{Action, Flow, Live, PAIRS};
use super::promise::{Placing, Promise, is_final};
use crate::http::Asked;

/// Requests at the same time; what is due beyond them is left out.
const IN_FLIGHT: usize = 200;
/// How often an order is asked for again at the end, and the pause before each.
const TRIES: usize = 40;
const PAUSE: Duration = Duration::from_millis(250);
/// Orders that are asked for again at the same time.
const TOGETHER: usize = 16;

/// What came of the requests, in numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Orders that were asked for.
    pub placed: u64,
    /// Of these: answered with 200 or 201, with 202, with a refusal that leaves an order, with one that leaves none.
    pub done: u64,
    /// See above.
    pub waiting: u64,
    /// See above.
    pub rejected: u64,
    /// See above.
    pub refused: u64,
    /// Requests of all kinds that were not answered, or with 500 or 504.
    pub unknown: u64,
    /// Cancels, amendments and mass cancels.
    pub changes: u64,
    /// What was due while too many requests were open.
    pub left_out: u64,
}

/// What the tasks of the requests share.
pub struct Shared {
    /// Who asks.
    pub clients: Clients,
    promises: Mutex<Vec<Promise>>,
    rested: Mutex<Vec<Live>>,
    counts: Mutex<Counts>,
}

/// Load that stands still.
pub struct Traffic {
    flow: Flow,
    /// What was promised so far.
    pub shared: Arc<Shared>,
}

/// Load that runs.
pub struct Running {
    stop: watch::Sender<bool>,
    task: JoinHandle<Traffic>,
}

impl Shared {
    fn new(clients: Clients) -> Self {
        Self {
            clients,
            promises: Mutex::default(),
            rested: Mutex::default(),
            counts: Mutex::default(),
        }
    }

    /// What was promised so far, in the order in which it was asked for.
    pub fn promises(&self) -> MutexGuard<'_, Vec<Promise>> {
        locked(&self.promises)
    }

    /// In numbers, since the last time that this was asked.
    pub fn take_counts(&self) -> Counts {
        std::mem::take(&mut *locked(&self.counts))
    }

    fn count(&self, asked: &Asked) {
        let mut counts = locked(&self.counts);
        match asked {
            Asked::NotSent => counts.refused += 1,
            Asked::Unknown => counts.unknown += 1,
            Asked::Answer(answer) => match answer.status {
                200 | 201 => counts.done += 1,
                202 => counts.waiting += 1,
                422 => counts.rejected += 1,
                500 | 504 => counts.unknown += 1,
                _ => counts.refused += 1,
            },
        }
    }

    /// Asks for an order; where no answer comes, once more at another gateway.
    async fn place(&self, at: usize, pair: usize, mut dice: Dice) {
        let (user, body) = {
            let promises = self.promises();
            (promises[at].user, promises[at].body.clone())
        };
        let count = self.clients.ports.len();
        let first = dice.place(count);
        for attempt in 0..2 {
            let gateway = (first + attempt) % count;
            let asked = self
                .clients
                .ask(user, gateway, "POST", "/api/v1/orders", &body)
                .await;
            let placing = self.promises()[at].placed(&asked);
            if placing == Placing::Told || attempt == 1 {
                self.count(&asked);
                if rests(&asked) {
                    locked(&self.rested).push(Live { at, pair });
                }
                return;
            }
            tokio::time::sleep(dice.millis(10, 800)).await;
        }
    }

    /// Asks for a change of an order.
    async fn change(&self, live: Live, body: Option<String>, mut dice: Dice) {
        let (user, order_id) = {
            let promises = self.promises();
            let promise = &promises[live.at];
            (promise.user, promise.order_id.clone().unwrap_or_default())
        };
        let gateway = dice.place(self.clients.ports.len());
        let path = format!("/api/v1/orders/{order_id}");
        let method = if body.is_some() { "PATCH" } else { "DELETE" };
        let text = body.as_deref().unwrap_or_default();
        let asked = self.clients.ask(user, gateway, method, &path, text).await;
        {
            let mut promises = self.promises();
            match &body {
                Some(_) => promises[live.at].amended(&asked),
                None => promises[live.at].cancelled(&asked),
            }
        }
        if body.is_some() && rests(&asked) {
            locked(&self.rested).push(live);
        }
        self.changed(&asked);
    }

    /// Cancels all that a user has in a market: what was acknowledged before ends.
    async fn cancel_all(&self, user: usize, pair: usize, mut dice: Dice) {
        let covered: Vec<usize> = {
            let promises = self.promises();
            let of = |promise: &Promise| {
                promise.user == user && promise.symbol() == PAIRS[pair].symbol && promise.is_acknowledged()
            };
            (0..promises.len()).filter(|at| of(&promises[*at])).collect()
        };
        let gateway = dice.place(self.clients.ports.len());
        let path = format!("/api/v1/orders?symbol={}", PAIRS[pair].dashed);
        let asked = self.clients.ask(user, gateway, "DELETE", &path, "").await;
        if let Asked::Answer(answer) = &asked
            && answer.status == 200
        {
            let mut promises = self.promises();
            covered.into_iter().for_each(|at| promises[at].swept());
        }
        self.changed(&asked);
    }

    fn changed(&self, asked: &Asked) {
        let mut counts = locked(&self.counts);
        counts.changes += 1;
        let silent = match asked {
            Asked::Unknown => true,
            Asked::Answer(answer) => matches!(answer.status, 500 | 504),
            Asked::NotSent => false,
        };
        counts.unknown += u64::from(silent);
    }

    /// Asks for an order again under its name until it is known what became of it.
    async fn resolve(&self, at: usize, mut dice: Dice) {
        let (user, body) = {
            let promises = self.promises();
            (promises[at].user, promises[at].body.clone())
        };
        for _ in 0..TRIES {
            let gateway = dice.place(self.clients.ports.len());
            let asked = self
                .clients
                .ask(user, gateway, "POST", "/api/v1/orders", &body)
                .await;
            let known = {
                let mut promise = self.promises();
                promise[at].placed(&asked);
                !promise[at].is_open_question()
            };
            let refused = matches!(&asked, Asked::Answer(answer) if answer.status == 400);
            if known || refused {
                return;
            }
            tokio::time::sleep(PAUSE).await;
        }
        self.promises()[at].fault("asked for again and again, and nobody knows what became of it".to_owned());
    }
}

impl Traffic {
    /// For these users.
    pub fn new(clients: Clients, dice: Dice) -> Self {
        Self {
            flow: Flow::new(dice, clients.users.len()),
            shared: Arc::new(Shared::new(clients)),
        }
    }

    /// Begins to ask, so many times a second.
    pub fn start(mut self, rate: u32) -> Running {
        let (stop, mut stopped) = watch::channel(false);
        let task = tokio::spawn(async move {
            let mut due = interval(Duration::from_secs(1) / rate.max(1));
            due.set_missed_tick_behavior(MissedTickBehavior::Burst);
            let room = Arc::new(Semaphore::new(IN_FLIGHT));
            let mut open = JoinSet::new();
            loop {
                tokio::select! {
                    _ = stopped.changed() => break,
                    _ = due.tick() => {}
                }
                while open.try_join_next().is_some() {}
                let Ok(permit) = Arc::clone(&room).try_acquire_owned() else {
                    locked(&self.shared.counts).left_out += 1;
                    continue;
                };
                let (action, dice, shared) = (self.next(), self.flow.dice(), Arc::clone(&self.shared));
                open.spawn(async move {
                    shared.act(action, dice).await;
                    drop(permit);
                });
            }
            while open.join_next().await.is_some() {}
            self
        });
        Running { stop, task }
    }

    /// Finds out what became of every order of which nobody was told.
    pub async fn resolve(&mut self) -> usize {
        let open: Vec<usize> = {
            let promises = self.shared.promises();
            (0..promises.len())
                .filter(|at| promises[*at].is_open_question())
                .collect()
        };
        let count = open.len();
        let room = Arc::new(Semaphore::new(TOGETHER));
        let mut tasks = JoinSet::new();
        for at in open {
            let (shared, room, dice) = (Arc::clone(&self.shared), Arc::clone(&room), self.flow.dice());
            tasks.spawn(async move {
                let _permit = room.acquire().await;
                shared.resolve(at, dice).await;
            });
        }
        while tasks.join_next().await.is_some() {}
        count
    }

    fn next(&mut self) -> Action {
        for live in std::mem::take(&mut *locked(&self.shared.rested)) {
            self.flow.rests(live);
        }
        self.flow.next()
    }
}

impl Shared {
    async fn act(&self, action: Action, dice: Dice) {
        match action {
            Action::Place {
                user,
                pair,
                client_id,
                body,
            } => {
                let at = {
                    let mut promises = self.promises();
                    promises.push(Promise::new(user, client_id, &body));
                    promises.len() - 1
                };
                locked(&self.counts).placed += 1;
                self.place(at, pair, dice).await;
            }
            Action::Cancel(live) => self.change(live, None, dice).await,
            Action::Amend(live, body) => self.change(live, Some(body.to_string()), dice).await,
            Action::CancelAll { user, pair } => self.cancel_all(user, pair, dice).await,
        }
    }
}

impl Running {
    /// Asks for nothing new and waits for the answers that are still to come.
    ///
    /// # Errors
    /// The load has broken down.
    pub async fn stop(self) -> Result<Traffic> {
        // Where nobody listens any more it has ended already.
        let _ = self.stop.send(true);
        self.task.await.context("the load broke down")
    }
}

/// Whether an answer shows an order that is live and may be changed.
fn rests(asked: &Asked) -> bool {
    match asked {
        Asked::Answer(answer) => {
            matches!(answer.status, 200..=202)
                && answer.text("order_type") == Some("LIMIT")
                && answer.text("status").is_some_and(|status| !is_final(status))
        }
        _ => false,
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
