//! Gathering: requests that wait at the same time are done together, in one statement or one call.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use runtime::trace::{self, Kind, Span, TraceContext};
use tokio::runtime::Handle;
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::time::{Instant, sleep_until};

/// How much is done together.
#[derive(Debug, Clone, Copy)]
pub(crate) struct GatherOptions {
    /// How many groups are done at a time.
    pub lanes: usize,
    /// The most items of a group.
    pub most: usize,
    /// The most items that wait.
    pub capacity: usize,
    /// The least time from the beginning of a group to that of the next in its lane.
    pub pace: Duration,
}

/// What is done with a group of items.
#[async_trait]
pub(crate) trait Gathered: Send + Sync + 'static {
    /// One request.
    type Item: Send + 'static;
    /// What it came to.
    type Answer: Send + 'static;
    /// Does all of them; one answer for each, in order.
    async fn run(&self, items: Vec<Self::Item>) -> Vec<Self::Answer>;
}

struct Waiting<G: Gathered> {
    item: G::Item,
    trace: Option<TraceContext>,
    answer: oneshot::Sender<G::Answer>,
}

/// Gathers what waits. Whoever comes to a lane that has rested is done at once; a busy lane begins its groups at a pace, so
/// that they are large: a group costs little more than one item.
pub(crate) struct Gatherer<G: Gathered> {
    queue: mpsc::Sender<Waiting<G>>,
}

impl<G: Gathered> Gatherer<G> {
    /// Starts its lanes; `name` says in traces what they do. They end when the gatherer is dropped and what waits is done.
    pub fn start(runtime: &Handle, name: &'static str, options: GatherOptions, work: G) -> Self {
        let (queue, waiting) = mpsc::channel(options.capacity.max(1));
        let (work, waiting) = (Arc::new(work), Arc::new(Mutex::new(waiting)));
        for _ in 0..options.lanes.max(1) {
            runtime.spawn(lane(name, Arc::clone(&work), Arc::clone(&waiting), options));
        }
        Self { queue }
    }

    /// Has it done with others, and waits for what it comes to; none: that will not be known.
    pub async fn ask(&self, item: G::Item) -> Option<G::Answer> {
        let (answer, answered) = oneshot::channel();
        let trace = trace::current();
        let waiting = Waiting { item, trace, answer };
        self.queue.send(waiting).await.ok()?;
        answered.await.ok()
    }
}

async fn lane<G: Gathered>(
    name: &'static str,
    work: Arc<G>,
    waiting: Arc<Mutex<mpsc::Receiver<Waiting<G>>>>,
    options: GatherOptions,
) {
    let (most, mut next) = (options.most.max(1), Instant::now());
    loop {
        sleep_until(next).await;
        let mut group = Vec::new();
        if waiting.lock().await.recv_many(&mut group, most).await == 0 {
            return;
        }
        next = Instant::now() + options.pace;
        let traces = group.iter().map(|waiting| waiting.trace);
        let mut span = Span::of_group(name, Kind::Client, traces);
        span.set("items", group.len() as i64);
        let (items, answers): (Vec<_>, Vec<_>) = group
            .into_iter()
            .map(|waiting| (waiting.item, waiting.answer))
            .unzip();
        let (work, context) = (Arc::clone(&work), span.context());
        // In a task of its own, so that a fault ends this group and not the lane.
        let doing = async move { trace::within(context, work.run(items)).await };
        match tokio::spawn(doing).await {
            Ok(done) => {
                for (answer, done) in answers.into_iter().zip(done) {
                    // Who does not wait any more has been told that the outcome is not known.
                    let _ = answer.send(done);
                }
            }
            Err(error) => {
                span.fail(error.to_string());
                trace::within_sync(
                    context,
                    || tracing::error!(%error, "a group of requests was not done"),
                );
            }
        }
    }
}

/// A group of which one item cannot be done with the others: it is tried in halves, in the order of its items, so that the
/// one is found in a few tries and fails nobody else.
pub(crate) struct Halves<T> {
    /// The parts that are still to be tried, the first of them last.
    left: Vec<Vec<T>>,
}

impl<T> Halves<T> {
    /// All of them together, to begin with.
    pub fn of(items: Vec<T>) -> Self {
        Self { left: vec![items] }
    }

    /// What is to be tried next.
    pub fn next(&mut self) -> Option<Vec<T>> {
        self.left.pop()
    }

    /// This part, of more than one item, is tried again as two.
    pub fn split(&mut self, mut part: Vec<T>) {
        let rest = part.split_off(part.len() / 2);
        self.left.push(rest);
        self.left.push(part);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex as Lock;

    use futures_util::future::join_all;
    use tokio::sync::Semaphore;

    use super::*;

    /// Doubles numbers, and remembers in which groups they came; zero is a fault.
    struct Doubling {
        groups: Arc<Lock<Vec<usize>>>,
        gate: Arc<Semaphore>,
    }

    #[async_trait]
    impl Gathered for Doubling {
        type Item = u32;
        type Answer = u32;
        async fn run(&self, items: Vec<u32>) -> Vec<u32> {
            let _turn = self.gate.acquire().await;
            self.groups.lock().unwrap().push(items.len());
            items
                .into_iter()
                .map(|n| if n == 0 { panic!("a fault") } else { 2 * n })
                .collect()
        }
    }

    #[tokio::test]
    async fn what_waits_meanwhile_is_done_together_and_a_fault_ends_only_its_group() {
        let (groups, gate) = (Arc::new(Lock::new(Vec::new())), Arc::new(Semaphore::new(0)));
        let options = GatherOptions {
            lanes: 1,
            most: 50,
            capacity: 1_000,
            pace: Duration::from_millis(1),
        };
        let doubling = Doubling {
            groups: Arc::clone(&groups),
            gate: Arc::clone(&gate),
        };
        let gatherer = Gatherer::start(&Handle::current(), "double", options, doubling);
        let first = gatherer.ask(7);
        let rest = async {
            let rest = join_all((1..=120).map(|n| gatherer.ask(n)));
            let open = async {
                while gatherer.queue.capacity() > 1_000 - 120 {
                    tokio::task::yield_now().await;
                }
                gate.add_permits(1_000);
            };
            tokio::join!(rest, open).0
        };
        let (first, rest) = tokio::join!(first, rest);
        assert_eq!(first, Some(14));
        let expected: Vec<_> = (1..=120).map(|n| Some(2 * n)).collect();
        assert_eq!(rest, expected, "each gets its own answer");
        assert!(groups.lock().unwrap().iter().all(|group| *group <= 50));
        assert!(groups.lock().unwrap().len() <= 4, "they were gathered");
        assert_eq!(gatherer.ask(0).await, None);
        assert_eq!(gatherer.ask(3).await, Some(6), "the lane goes on");
    }

    #[test]
    fn one_that_cannot_be_done_is_found_in_a_few_tries_and_the_order_stays() {
        for bad in [0, 1, 250, 499] {
            let mut halves = Halves::of((0..500).collect());
            let (mut tries, mut done) = (0, Vec::new());
            while let Some(part) = halves.next() {
                tries += 1;
                if part.len() > 1 && part.contains(&bad) {
                    halves.split(part);
                } else {
                    done.extend(part);
                }
            }
            assert_eq!(done, Vec::from_iter(0..500));
            assert!(tries <= 19, "{bad}: {tries} tries");
        }
    }
}
