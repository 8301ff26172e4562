//! Lanes over WebSocket: each connection belongs to a user and carries many requests at a time, matched by `id`.

use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use tokio::task::JoinHandle;

use crate::api::User;
use crate::cli::Protocol;
use crate::drive::{Job, Queue, Shared};
use crate::flow::{Action, amendment};
use crate::output::note;
use crate::tally::Outcome;
use crate::ws::Socket;

/// How often overdue answers are looked for, and how long a lost connection waits.
const PAUSE: Duration = Duration::from_millis(200);

/// How a lane behaves.
#[derive(Debug, Clone)]
pub(crate) struct WsPlan {
    pub(crate) url: Rc<str>,
    pub(crate) window: usize,
    pub(crate) timeout: Duration,
}

/// The connections, each with a queue of its own, and which belong to whom.
pub(crate) struct WsLanes {
    queues: Vec<Rc<Queue>>,
    by_user: HashMap<usize, Vec<usize>>,
    turn: usize,
    workers: Vec<JoinHandle<()>>,
}

impl WsLanes {
    /// Connects `count` times, the users taking turns.
    ///
    /// # Errors
    /// Nobody listens there, or the users are not let in.
    pub(crate) async fn open(
        plan: &WsPlan,
        users: &[User],
        count: usize,
        shared: &Rc<Shared>,
    ) -> anyhow::Result<Self> {
        let mut lanes = Self {
            queues: Vec::new(),
            by_user: HashMap::new(),
            turn: 0,
            workers: Vec::new(),
        };
        for (index, (number, user)) in users.iter().enumerate().cycle().take(count).enumerate() {
            let socket = Socket::connect(&plan.url, Some(&user.token)).await?;
            let queue = Rc::new(Queue::default());
            let lane = Lane {
                plan: plan.clone(),
                token: user.token.clone(),
                queue: Rc::clone(&queue),
                shared: Rc::clone(shared),
                waiting: HashMap::new(),
                next: 0,
            };
            lanes.workers.push(tokio::task::spawn_local(lane.work(socket)));
            lanes.queues.push(queue);
            lanes.by_user.entry(number).or_default().push(index);
        }
        Ok(lanes)
    }

    /// Gives a job to a connection of its user, or back where it has none.
    pub(crate) fn take(&mut self, job: Job) -> Result<(), Job> {
        let Some(lanes) = self.by_user.get(&job.action.user()) else {
            return Err(job);
        };
        self.turn = self.turn.wrapping_add(1);
        self.queues[lanes[self.turn % lanes.len()]].push(job);
        Ok(())
    }

    /// What still waits for a connection.
    pub(crate) fn drain(&self) -> Vec<Job> {
        let jobs = self
            .queues
            .iter()
            .flat_map(|queue| std::iter::from_fn(|| queue.pop()));
        jobs.collect()
    }

    /// Waits until the connections are closed.
    pub(crate) async fn finish(self) {
        self.close();
        for worker in self.workers {
            // A worker has nothing to say.
            let _ = worker.await;
        }
    }

    /// Nothing more will come.
    pub(crate) fn close(&self) {
        for queue in &self.queues {
            queue.close();
        }
    }
}

struct Lane {
    plan: WsPlan,
    token: String,
    queue: Rc<Queue>,
    shared: Rc<Shared>,
    /// What waits for its answer, and when it was sent.
    waiting: HashMap<u64, (Job, Duration)>,
    next: u64,
}

impl Lane {
    async fn work(mut self, socket: Socket) {
        let mut socket = Some(socket);
        loop {
            let outcome = match &mut socket {
                Some(socket) => self.carry(socket).await,
                None => Err(anyhow::anyhow!("not connected")),
            };
            match outcome {
                Ok(()) => return,
                Err(error) if socket.is_some() => note(&format!("a WebSocket of the load ended: {error:#}")),
                Err(_) => {}
            }
            for (_, (job, sent)) in std::mem::take(&mut self.waiting) {
                self.shared
                    .ended(Protocol::Ws, job, sent, &Outcome::Unknown("connection"));
            }
            // What still waits was never sent: the driver takes it back.
            if self.queue.is_closed() {
                return;
            }
            tokio::time::sleep(PAUSE).await;
            socket = Socket::connect(&self.plan.url, Some(&self.token)).await.ok();
        }
    }

    /// Carries jobs until the run is over.
    async fn carry(&mut self, socket: &mut Socket) -> anyhow::Result<()> {
        let mut overdue = tokio::time::interval(PAUSE);
        loop {
            while self.waiting.len() < self.plan.window {
                let Some(job) = self.queue.pop() else {
                    break;
                };
                self.next += 1;
                let text = text(self.next, &job.action, &self.shared);
                let sent = self.shared.now();
                self.waiting.insert(self.next, (job, sent));
                socket.send(text).await?;
            }
            if self.queue.is_closed() && self.waiting.is_empty() {
                return Ok(());
            }
            // Where the window is full only an answer lets the next job in.
            let full = self.waiting.len() >= self.plan.window;
            tokio::select! {
                frame = socket.next() => self.answered(frame?.as_str().as_bytes()),
                () = self.queue.changed(), if !full => {}
                _ = overdue.tick() => self.give_up(),
            }
        }
    }

    fn answered(&mut self, frame: &[u8]) {
        // Frames without an id of ours are of no request.
        let Some((id, status)) = number(frame, "id").zip(number(frame, "status")) else {
            return;
        };
        if let Some((job, sent)) = self.waiting.remove(&id) {
            let status = u16::try_from(status).unwrap_or(0);
            let outcome = Outcome::Answered { status, body: frame };
            self.shared.ended(Protocol::Ws, job, sent, &outcome);
        }
    }

    fn give_up(&mut self) {
        let now = self.shared.now();
        let late = |sent: &Duration| now.saturating_sub(*sent) > self.plan.timeout;
        let ids: Vec<u64> = self
            .waiting
            .iter()
            .filter(|(_, (_, sent))| late(sent))
            .map(|(id, _)| *id)
            .collect();
        for id in ids {
            if let Some((job, sent)) = self.waiting.remove(&id) {
                self.shared
                    .ended(Protocol::Ws, job, sent, &Outcome::Unknown("timeout"));
            }
        }
    }
}

/// The first number that stands under this name, found without reading the rest. The same name may stand before a text,
/// as `status` does in an order.
pub(crate) fn number(frame: &[u8], name: &str) -> Option<u64> {
    let needle = format!("\"{name}\":");
    let needle = needle.as_bytes();
    let mut rest = frame;
    loop {
        let at = rest.windows(needle.len()).position(|window| window == needle)?;
        rest = &rest[at + needle.len()..];
        let digits = rest.iter().skip_while(|byte| **byte == b' ');
        let digits: Vec<u8> = digits.take_while(|byte| byte.is_ascii_digit()).copied().collect();
        if !digits.is_empty() {
            return std::str::from_utf8(&digits).ok()?.parse().ok();
        }
    }
}

/// The frame of an action.
fn text(id: u64, action: &Action, shared: &Shared) -> String {
    match action {
        Action::Place { .. } => {
            let order = shared.flow.borrow().order(action);
            format!(r#"{{"id":{id},"op":"place","order":{order}}}"#)
        }
        Action::Cancel(live) => {
            format!(r#"{{"id":{id},"op":"cancel","order_id":"{}"}}"#, live.order_id)
        }
        Action::Amend {
            live,
            price,
            quantity,
        } => {
            let change = amendment(*price, *quantity);
            let change = change.trim_start_matches('{');
            format!(
                r#"{{"id":{id},"op":"amend","order_id":"{}",{change}"#,
                live.order_id
            )
        }
        Action::Echo => format!(r#"{{"id":{id},"op":"ping"}}"#),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn id_and_status_are_found_in_an_answer() {
        let frame = br#"{"id":17,"op":"place","status":201,"result":{"status":"OPEN","order_id":"a"}}"#;
        assert_eq!(number(frame, "id"), Some(17));
        assert_eq!(number(frame, "status"), Some(201));
        let sorted = br#"{"id": 18,"op":"place","result":{"order_id":"a","status":"OPEN"},"status":201}"#;
        assert_eq!(number(sorted, "id"), Some(18));
        assert_eq!(number(sorted, "status"), Some(201));
        assert_eq!(number(br#"{"channel":"orders","n":1}"#, "id"), None);
        assert_eq!(number(br#"{"id":"text"}"#, "id"), None);
    }
}
