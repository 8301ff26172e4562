//! A lane publishes over one channel at a time: it alone sends there, so it knows the tags, and matches what the broker
//! confirms. A lane of events waits for room; one of hints and news never makes anybody wait.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use amqprs::BasicProperties;
use amqprs::channel::{BasicPublishArguments, Channel, ConfirmSelectArguments};
use bytes::Bytes;
use runtime::Shutdown;
use tokio::sync::{Notify, OwnedSemaphorePermit, mpsc};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use crate::Exchange;
use crate::channel::{self, Confirmations, Ended, lock};
use crate::counts::Counts;
use crate::envelope::{self, Envelope};
use crate::health::Health;
use crate::line::{Attached, Line};
use crate::topology::Topology;
use crate::window::{Answer, Window};

/// Bytes that may be sent and not confirmed.
const WINDOW_BYTES: usize = 16 * 1024 * 1024;
/// A channel that confirms nothing for so long is given up: the messages on it block all others.
const PATIENCE: Duration = Duration::from_secs(60);
/// A quiet lane asks the broker so often whether it still confirms.
const PROBE: Duration = Duration::from_secs(10);
/// No queue is bound by this key: the broker confirms such a message and forgets it.
const PROBE_KEY: &str = "probe";

/// A message on its way, with its share of the room for waiting bytes.
pub(crate) struct Job {
    pub(crate) exchange: Exchange,
    pub(crate) key: String,
    pub(crate) envelope: Envelope,
    pub(crate) answer: Option<Answer>,
    pub(crate) room: OwnedSemaphorePermit,
}

/// One lane.
pub(crate) struct Lane {
    pub(crate) part: &'static str,
    /// Whether its messages must reach a queue and survive the broker's restart.
    pub(crate) is_durable: bool,
    pub(crate) most_in_flight: usize,
    pub(crate) confirm_timeout: Duration,
    pub(crate) jobs: mpsc::Receiver<Job>,
    pub(crate) line: Line,
    pub(crate) topology: Arc<Topology>,
    pub(crate) health: Arc<Health>,
    pub(crate) counts: Arc<Counts>,
    /// Triggered, it takes no more messages and ends when those it has are confirmed.
    pub(crate) closing: Shutdown,
}

/// What the channel's listener and the lane share.
struct Flight {
    window: Mutex<Window>,
    /// Rings at every confirmation.
    news: Notify,
    counts: Arc<Counts>,
}

impl Confirmations for Flight {
    fn settled(&self, tag: u64, multiple: bool, is_ack: bool) {
        let settled = lock(&self.window).settle(tag, multiple, is_ack);
        self.counts.settled(settled);
        self.news.notify_one();
    }

    fn returned(&self, properties: &BasicProperties, words: String) {
        if let Some(tag) = envelope::tag_of(properties) {
            lock(&self.window).returned(tag, words);
        }
    }
}

/// How a lane's work on one channel ended.
enum End {
    /// The channel is over.
    Lost(String),
    /// Nothing more will come, and everything is confirmed.
    Done,
}

impl Lane {
    /// Publishes until it is closed and everything is confirmed, or the line ends.
    pub(crate) async fn run(mut self) {
        while let Some(attached) = self.attached().await {
            match self.publish_over(&attached).await {
                End::Lost(reason) => {
                    self.health.trouble(self.part, &reason);
                    self.line.doubt(attached.number, &reason);
                    self.drop_waiting();
                }
                End::Done => break,
            }
        }
        self.health.trouble(self.part, "closed");
    }

    /// Waits for a connection; none: there will be none, or nothing is left to be done.
    async fn attached(&mut self) -> Option<Attached> {
        tokio::select! {
            attached = self.line.attached() => return attached,
            () = self.closing.wait() => self.jobs.close(),
        }
        if self.jobs.is_empty() {
            return None;
        }
        self.line.attached().await
    }

    /// Hints and news that waited for a lost connection are old: nobody wants them.
    fn drop_waiting(&mut self) {
        while !self.is_durable && self.jobs.try_recv().is_ok() {
            self.counts.dropped();
        }
    }

    async fn publish_over(&mut self, attached: &Attached) -> End {
        let flight = Arc::new(Flight {
            window: Mutex::new(Window::new(self.most_in_flight, WINDOW_BYTES)),
            news: Notify::new(),
            counts: Arc::clone(&self.counts),
        });
        let end = match timeout(self.confirm_timeout, open(attached, Arc::clone(&flight))).await {
            Ok(Ok((channel, ended))) => {
                let mut work = Work {
                    lane: self,
                    flight: Arc::clone(&flight),
                    channel,
                    ended,
                    quiet_since: Instant::now(),
                };
                work.run().await
            }
            Ok(Err(reason)) => End::Lost(reason),
            Err(_) => End::Lost(format!("no channel within {:?}", self.confirm_timeout)),
        };
        let abandoned = lock(&flight.window).abandon();
        self.counts.unknown(abandoned);
        end
    }
}

async fn open(attached: &Attached, flight: Arc<Flight>) -> Result<(Channel, Ended), String> {
    let (channel, ended) = channel::open(&attached.connection, Some(flight)).await?;
    let confirms = channel.confirm_select(ConfirmSelectArguments::default()).await;
    confirms.map_err(|error| ended.explain(&error))?;
    Ok((channel, ended))
}

/// A lane's work on one channel.
struct Work<'a> {
    lane: &'a mut Lane,
    flight: Arc<Flight>,
    channel: Channel,
    ended: Ended,
    /// When something was last sent.
    quiet_since: Instant,
}

impl Work<'_> {
    async fn run(&mut self) -> End {
        if let Err(reason) = self.probe().await {
            return End::Lost(reason);
        }
        let look = (self.lane.confirm_timeout / 4).clamp(Duration::from_millis(10), Duration::from_secs(1));
        let mut looks = interval(look);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let closing = self.lane.closing.clone();
        let (mut is_closing, mut has_all, mut is_up) = (false, false, false);
        loop {
            let (has_room, is_empty) = {
                let window = lock(&self.flight.window);
                (window.has_room(), window.is_empty())
            };
            if has_all && is_empty {
                return End::Done;
            }
            let done = tokio::select! {
                biased;
                reason = self.ended.wait() => Err(reason),
                () = self.flight.news.notified(), if !has_room || !is_up || has_all => {
                    is_up = self.look();
                    Ok(())
                }
                _ = looks.tick() => {
                    is_up = self.look();
                    self.probe_if_quiet().await
                }
                () = closing.wait(), if !is_closing => {
                    is_closing = true;
                    self.lane.jobs.close();
                    Ok(())
                }
                job = self.lane.jobs.recv(), if has_room && !has_all => match job {
                    Some(job) => self.send(job).await,
                    None => {
                        has_all = true;
                        Ok(())
                    }
                },
            };
            if let Err(reason) = done {
                return End::Lost(reason);
            }
        }
    }

    /// Tells whether the broker confirms, and how long it has not.
    fn look(&self) -> bool {
        let (oldest, has_begun) = {
            let window = lock(&self.flight.window);
            (window.oldest(), window.has_begun())
        };
        let age = oldest.map(|at| at.elapsed()).unwrap_or_default();
        if age >= self.lane.confirm_timeout {
            let reason = format!("the broker has not confirmed a message for {} s", age.as_secs());
            self.lane.health.trouble(self.lane.part, &reason);
            false
        } else {
            // The first message on the channel is a probe.
            if has_begun {
                self.lane.health.up(self.lane.part);
            }
            has_begun
        }
    }

    async fn probe_if_quiet(&mut self) -> Result<(), String> {
        let oldest = lock(&self.flight.window).oldest();
        match oldest {
            Some(at) if at.elapsed() >= PATIENCE => Err(format!("no confirmation for {PATIENCE:?}")),
            None if self.quiet_since.elapsed() >= PROBE => self.probe().await,
            _ => Ok(()),
        }
    }

    /// Publishes a message that nobody gets, to see whether the broker confirms.
    async fn probe(&mut self) -> Result<(), String> {
        lock(&self.flight.window).push_probe(Instant::now());
        let exchange = self.lane.topology.exchange(Exchange::DeadLetters);
        let arguments = BasicPublishArguments::new(exchange, PROBE_KEY);
        self.publish(BasicProperties::default(), Bytes::new(), arguments)
            .await
    }

    async fn send(&mut self, job: Job) -> Result<(), String> {
        let Job {
            exchange,
            key,
            envelope,
            answer,
            room: _room,
        } = job;
        if answer.as_ref().is_some_and(Answer::is_closed) {
            // Who asked has given up: "unknown" was the answer.
            return Ok(());
        }
        let tag = {
            let mut window = lock(&self.flight.window);
            let tag = window.next_tag();
            window.push(answer, envelope.body().len(), Instant::now());
            tag
        };
        let properties = envelope.properties(self.lane.is_durable, tag);
        let exchange = self.lane.topology.exchange(exchange);
        let mut arguments = BasicPublishArguments::new(exchange, &key);
        arguments.mandatory(self.lane.is_durable);
        self.lane.counts.sent();
        self.publish(properties, envelope.into_body(), arguments).await
    }

    /// Hands a message to the connection, which may have to wait for the network.
    async fn publish(
        &mut self,
        properties: BasicProperties,
        body: Bytes,
        arguments: BasicPublishArguments,
    ) -> Result<(), String> {
        self.quiet_since = Instant::now();
        let publish = self.channel.basic_publish(properties, body.into(), arguments);
        tokio::select! {
            published = publish => published.map_err(|error| error.to_string()),
            reason = self.ended.wait() => Err(reason),
        }
    }
}
