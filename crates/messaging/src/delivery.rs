//! What a consumer gets, and what it says of it.

use std::error::Error;

use async_trait::async_trait;
use bytes::Bytes;

use crate::envelope::{DecodeError, Envelope};

/// A message as it came from a queue. The same one may come again, also out of order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The exchange that it was published to, by its name on the broker.
    pub exchange: String,
    /// Its routing key.
    pub key: String,
    /// Whether the broker knows that it was sent to a consumer before.
    pub is_redelivered: bool,
    /// The message.
    pub envelope: Envelope,
}

/// What becomes of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is dealt with, and goes out of the queue.
    Done,
    /// It cannot be dealt with now: the same one again after a pause. Those behind it wait, so that the order is kept.
    Again,
    /// It goes back into the queue, for any consumer. Their order may change.
    Requeue,
    /// It will never be dealt with: it goes to the dead letters where its queue has any, else it is gone.
    Reject,
    /// Its body cannot be read, for this reason: it is kept by [`Undecodable`] and goes out of the queue.
    Unreadable(String),
}

/// Takes the messages of a queue, one after the other.
#[async_trait]
pub trait Handler: Send + 'static {
    /// Deals with a delivery. What it has done must be done already when it returns [`Verdict::Done`]: the message is
    /// gone then. Repetitions are its own to notice.
    async fn handle(&mut self, delivery: &Delivery) -> Verdict;
}

/// A message that nobody could read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// Its queue, by its name on the broker.
    pub queue: String,
    /// The exchange that it was published to.
    pub exchange: String,
    /// Its routing key.
    pub key: String,
    /// Why it cannot be read.
    pub error: DecodeError,
    /// Its body as it came.
    pub body: Bytes,
}

/// Keeps messages that nobody could read, so that they neither get lost nor block those behind them.
#[async_trait]
pub trait Undecodable: Send + Sync + 'static {
    /// Keeps a message. It is acknowledged only after `Ok`; until then it is tried again, and those behind it wait.
    ///
    /// # Errors
    /// It could not be kept.
    async fn keep(&self, message: &Unreadable) -> Result<(), Box<dyn Error + Send + Sync>>;
}
