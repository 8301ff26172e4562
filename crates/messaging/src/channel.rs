//! What the broker says on a channel without being asked: confirmations, returned messages, and that it is over.

use std::fmt::Display;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use amqprs::callbacks::{ChannelCallback, ConnectionCallback};
use amqprs::channel::Channel;
use amqprs::connection::Connection;
use amqprs::error::Error;
use amqprs::{Ack, BasicProperties, Cancel, Close, CloseChannel, Nack, Return};
use async_trait::async_trait;
use tokio::sync::watch;

use crate::health::Health;

/// Hears what becomes of published messages.
pub(crate) trait Confirmations: Send + Sync {
    /// The broker dealt with the message of this tag, or with all up to it.
    fn settled(&self, tag: u64, multiple: bool, is_ack: bool);

    /// The broker sent a message back, before its confirmation.
    fn returned(&self, properties: &BasicProperties, words: String);
}

/// Says when a channel is over, and why: by the broker's words, or because whoever reads the connection has gone.
#[derive(Debug, Clone)]
pub(crate) struct Ended(watch::Receiver<Option<String>>);

impl Ended {
    /// Waits for the end of the channel.
    pub(crate) async fn wait(&mut self) -> String {
        match self.0.wait_for(Option::is_some).await {
            Ok(reason) => reason.clone().unwrap_or_default(),
            Err(_) => "the connection was lost".to_owned(),
        }
    }

    /// The broker's words, if it has ended the channel.
    pub(crate) fn reason(&self) -> Option<String> {
        self.0.borrow().clone()
    }

    /// The words for an error on this channel: the broker's where there are any.
    pub(crate) fn explain(&self, error: &impl Display) -> String {
        self.reason().unwrap_or_else(|| error.to_string())
    }
}

/// Opens a channel on which nothing that the broker says gets lost.
pub(crate) async fn open(
    connection: &Connection,
    confirmations: Option<Arc<dyn Confirmations>>,
) -> Result<(Channel, Ended), String> {
    let channel = connection
        .open_channel(None)
        .await
        .map_err(|error| error.to_string())?;
    let (ended, receiver) = watch::channel(None);
    channel
        .register_callback(Listener { ended, confirmations })
        .await
        .map_err(|error| error.to_string())?;
    Ok((channel, Ended(receiver)))
}

/// Lives as long as somebody reads the channel: its end drops `ended`.
struct Listener {
    ended: watch::Sender<Option<String>>,
    confirmations: Option<Arc<dyn Confirmations>>,
}

impl Listener {
    fn end(&self, reason: String) {
        self.ended.send_replace(Some(reason));
    }
}

#[async_trait]
impl ChannelCallback for Listener {
    async fn close(&mut self, _channel: &Channel, close: CloseChannel) -> Result<(), Error> {
        self.end(format!("{} ({})", close.reply_text(), close.reply_code()));
        Ok(())
    }

    async fn cancel(&mut self, _channel: &Channel, _cancel: Cancel) -> Result<(), Error> {
        self.end("the broker cancelled the consumer: its queue is gone or moved".to_owned());
        Ok(())
    }

    async fn flow(&mut self, _channel: &Channel, active: bool) -> Result<bool, Error> {
        Ok(active)
    }

    async fn publish_ack(&mut self, _channel: &Channel, ack: Ack) {
        if let Some(confirmations) = &self.confirmations {
            confirmations.settled(ack.delivery_tag(), ack.mutiple(), true);
        }
    }

    async fn publish_nack(&mut self, _channel: &Channel, nack: Nack) {
        if let Some(confirmations) = &self.confirmations {
            confirmations.settled(nack.delivery_tag(), nack.multiple(), false);
        }
    }

    async fn publish_return(
        &mut self,
        _channel: &Channel,
        returned: Return,
        properties: BasicProperties,
        _content: Vec<u8>,
    ) {
        if let Some(confirmations) = &self.confirmations {
            let words = format!("{} ({})", returned.reply_text(), returned.reply_code());
            confirmations.returned(&properties, words);
        }
    }
}

/// Hears what the broker says about a connection as a whole.
pub(crate) struct ConnectionListener {
    part: String,
    health: Arc<Health>,
    closed: Arc<Mutex<Option<String>>>,
}

impl ConnectionListener {
    pub(crate) fn new(part: &str, health: Arc<Health>, closed: Arc<Mutex<Option<String>>>) -> Self {
        Self {
            part: format!("{part} (blocked)"),
            health,
            closed,
        }
    }
}

#[async_trait]
impl ConnectionCallback for ConnectionListener {
    async fn close(&mut self, _connection: &Connection, close: Close) -> Result<(), Error> {
        *lock(&self.closed) = Some(format!("{} ({})", close.reply_text(), close.reply_code()));
        Ok(())
    }

    // The library does not announce that it understands these two, so today's brokers are silent, and the lack of
    // confirmations tells; see the lane.
    async fn blocked(&mut self, _connection: &Connection, reason: String) {
        self.health.trouble(&self.part, &reason);
    }

    async fn unblocked(&mut self, _connection: &Connection) {
        self.health.forget(&self.part);
    }

    async fn secret_updated(&mut self, _connection: &Connection) {}
}

impl Drop for ConnectionListener {
    fn drop(&mut self) {
        self.health.forget(&self.part);
    }
}

/// What a thread that panicked left behind is whole: every change under these locks is one step.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
