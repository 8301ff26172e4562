//! The side of publishing that programs see: events are confirmed one by one, hints and news are sent if they can be.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::time::{Instant, timeout, timeout_at};

use crate::channel;
use crate::counts::{Counts, PublishCounts};
use crate::envelope::Envelope;
use crate::events::Message;
use crate::lane::Job;
use crate::line::Line;
use crate::publish_error::{PublishError, Unknown};
use crate::topology::{Exchange, LONGEST_NAME, Topology};

/// Events that may wait to be sent.
pub(crate) const WAITING_EVENTS: usize = 10_000;
/// Hints and news that may wait to be sent.
pub(crate) const WAITING_LIGHT: usize = 1_000;
/// Bytes of bodies that may wait to be sent, for either.
const WAITING_BYTES: usize = 64 * 1024 * 1024;
/// Room is given out in pieces of so many bytes.
const PIECE: usize = 1024;

type Heard = oneshot::Receiver<Result<(), PublishError>>;

/// A queue to a lane, bounded in messages and in bytes.
#[derive(Clone, Debug)]
pub(crate) struct Door {
    jobs: mpsc::Sender<Job>,
    room: Arc<Semaphore>,
}

impl Door {
    pub(crate) fn new(waiting: usize) -> (Self, mpsc::Receiver<Job>) {
        let (jobs, receiver) = mpsc::channel(waiting);
        let room = Arc::new(Semaphore::new(WAITING_BYTES / PIECE));
        (Self { jobs, room }, receiver)
    }

    fn try_send(&self, message: Message, answer: Option<oneshot::Sender<Result<(), PublishError>>>) -> Entry {
        let Ok(room) = Arc::clone(&self.room).try_acquire_many_owned(pieces(&message)) else {
            return Entry::Full;
        };
        match self.jobs.try_send(job(message, answer, room)) {
            Ok(()) => Entry::In,
            Err(TrySendError::Full(_)) => Entry::Full,
            Err(TrySendError::Closed(_)) => Entry::Closed,
        }
    }

    /// Waits for room.
    async fn send(&self, message: Message, answer: oneshot::Sender<Result<(), PublishError>>) -> Entry {
        let Ok(room) = Arc::clone(&self.room).acquire_many_owned(pieces(&message)).await else {
            return Entry::Closed;
        };
        match self.jobs.send(job(message, Some(answer), room)).await {
            Ok(()) => Entry::In,
            Err(_) => Entry::Closed,
        }
    }
}

enum Entry {
    In,
    Full,
    Closed,
}

fn pieces(message: &Message) -> u32 {
    u32::try_from(message.envelope.body().len() / PIECE + 1).unwrap_or(u32::MAX)
}

fn job(
    message: Message,
    answer: Option<oneshot::Sender<Result<(), PublishError>>>,
    room: OwnedSemaphorePermit,
) -> Job {
    let Message {
        exchange,
        key,
        envelope,
    } = message;
    Job {
        exchange,
        key,
        envelope,
        answer,
        room,
    }
}

/// Publishes. Cheap to clone; all clones share one channel for events and one for hints and news.
#[derive(Clone)]
pub struct Publisher {
    pub(crate) events: Door,
    pub(crate) light: Door,
    pub(crate) line: Line,
    pub(crate) topology: Arc<Topology>,
    pub(crate) confirm_timeout: Duration,
    pub(crate) counts: Arc<Counts>,
}

impl Publisher {
    /// Publishes a message that must reach a queue and survive the broker's restart, and waits until the broker has
    /// stored it. While there is no connection it waits for one. Messages of one caller keep their order.
    ///
    /// # Errors
    /// The message is not known to be stored: see [`PublishError`]. An answer comes within the confirm timeout.
    pub async fn publish(
        &self,
        exchange: Exchange,
        key: &str,
        envelope: Envelope,
    ) -> Result<(), PublishError> {
        let message = Message {
            exchange,
            key: checked(key)?.to_owned(),
            envelope,
        };
        let (answer, heard) = oneshot::channel();
        match self.events.try_send(message, Some(answer)) {
            Entry::In => self.hear(heard, Instant::now() + self.confirm_timeout).await,
            Entry::Full => Err(PublishError::Full),
            Entry::Closed => Err(PublishError::Unknown(Unknown::Closed)),
        }
    }

    /// Publishes many such messages without waiting for each before the next is sent, and waits for all of them: one
    /// result for each, in their order. It waits for room where [`publish`](Self::publish) would be refused.
    pub async fn publish_all(&self, messages: Vec<Message>) -> Vec<Result<(), PublishError>> {
        let mut entered = Vec::with_capacity(messages.len());
        for message in messages {
            let (answer, heard) = oneshot::channel();
            let entry = match checked(&message.key) {
                Ok(_) => match timeout(self.confirm_timeout, self.events.send(message, answer)).await {
                    Ok(Entry::In) => Ok((Instant::now() + self.confirm_timeout, heard)),
                    Ok(Entry::Full) | Err(_) => Err(PublishError::Full),
                    Ok(Entry::Closed) => Err(PublishError::Unknown(Unknown::Closed)),
                },
                Err(error) => Err(error),
            };
            let is_full = matches!(entry, Err(PublishError::Full));
            entered.push(entry);
            if is_full {
                // Nothing moves: the others would wait as long, each of them.
                break;
            }
        }
        let mut results = Vec::with_capacity(entered.capacity());
        for entry in entered {
            results.push(match entry {
                Ok((deadline, heard)) => self.hear(heard, deadline).await,
                Err(error) => Err(error),
            });
        }
        results
    }

    /// Sends a message if that can be done at once: nobody waits, and nobody hears whether it arrived. Whether it was
    /// taken; else it is dropped and counted.
    pub fn try_publish(&self, exchange: Exchange, key: &str, envelope: Envelope) -> bool {
        let message = Message {
            exchange,
            key: key.to_owned(),
            envelope,
        };
        let can_be_sent = self.line.is_attached() && key.len() <= LONGEST_NAME;
        let taken = can_be_sent && matches!(self.light.try_send(message, None), Entry::In);
        if !taken {
            self.counts.dropped();
        }
        taken
    }

    /// Declares the topology once more over the present connection: somebody has deleted some of it, since messages come
    /// back that a queue of it should take.
    ///
    /// # Errors
    /// There is no connection, or the broker's words.
    pub async fn declare_again(&self) -> Result<(), String> {
        let Some(connection) = self.line.connection() else {
            return Err("there is no connection".to_owned());
        };
        let declaring = async {
            let (channel, ended) = channel::open(&connection, None).await?;
            let declared = self.topology.declare(&channel).await;
            declared.map_err(|error| ended.explain(&error))?;
            channel.close().await.map_err(|error| error.to_string())
        };
        match timeout(self.confirm_timeout, declaring).await {
            Ok(declared) => declared,
            Err(_) => Err(format!("no answer within {:?}", self.confirm_timeout)),
        }
    }

    /// What became of the messages so far.
    pub fn counts(&self) -> PublishCounts {
        self.counts.now()
    }

    async fn hear(&self, heard: Heard, deadline: Instant) -> Result<(), PublishError> {
        match timeout_at(deadline, heard).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(PublishError::Unknown(Unknown::Closed)),
            Err(_) => Err(PublishError::Unknown(Unknown::Timeout(self.confirm_timeout))),
        }
    }
}

impl std::fmt::Debug for Publisher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Publisher")
            .field("counts", &self.counts())
            .finish_non_exhaustive()
    }
}

/// AMQP cannot carry a longer key, and the library would panic over it.
fn checked(key: &str) -> Result<&str, PublishError> {
    if key.len() <= LONGEST_NAME {
        Ok(key)
    } else {
        let words = format!("the key has more than {LONGEST_NAME} bytes");
        Err(PublishError::Unroutable(words))
    }
}
