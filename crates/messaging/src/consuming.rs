//! A consumer at work: attached to every connection that comes, one delivery at a time in the queue's order,
//! acknowledged in groups after it is dealt with.

use std::sync::Arc;
use std::time::Duration;

use amqprs::channel::{
    BasicAckArguments, BasicConsumeArguments, BasicNackArguments, BasicQosArguments, BasicRejectArguments,
    Channel, ConsumerMessage, QueueBindArguments, QueueDeclareArguments,
};
use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use crate::channel::{self, Ended};
use crate::consumer::{Finish, Running};
use crate::definitions::table_of;
use crate::delivery::{Delivery, Handler, Undecodable, Unreadable, Verdict};
use crate::envelope::{DecodeError, Envelope};
use crate::health::Health;
use crate::line::{Attached, Line};
use crate::topology::{Exchange, Queue, Topology};

/// The first pause before a delivery is tried again, and the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// How long saying goodbye may take.
const GOODBYE: Duration = Duration::from_secs(2);

/// The task of a consumer.
pub(crate) struct Consuming {
    pub(crate) part: String,
    pub(crate) queue: Queue,
    pub(crate) prefetch: u16,
    pub(crate) topology: Arc<Topology>,
    pub(crate) health: Arc<Health>,
    pub(crate) line: Line,
    pub(crate) handler: Box<dyn Handler>,
    pub(crate) undecodable: Arc<dyn Undecodable>,
    pub(crate) running: Running,
    pub(crate) open_timeout: Duration,
}

/// The queue as one channel sees it.
struct Session {
    name: String,
    channel: Channel,
    ended: Ended,
    deliveries: mpsc::UnboundedReceiver<ConsumerMessage>,
    /// The last delivery that is dealt with and not acknowledged, and how many they are.
    dealt_with: Option<u64>,
    count: u16,
}

impl Consuming {
    /// Consumes until it is stopped or the line ends.
    pub(crate) async fn run(mut self) {
        let _finish = Finish(self.running.finished.clone());
        while !self.running.stop.is_triggered() {
            let attached = tokio::select! {
                attached = self.line.attached() => attached,
                () = self.running.stop.wait() => None,
            };
            let Some(attached) = attached else { break };
            let ended = match timeout(self.open_timeout, self.open(&attached)).await {
                Ok(Ok(session)) => {
                    self.health.up(&self.part);
                    self.consume(session).await
                }
                Ok(Err(reason)) => Err(reason),
                Err(_) => Err(format!("no consumer within {:?}", self.open_timeout)),
            };
            if let Err(reason) = ended {
                self.health.trouble(&self.part, &reason);
                self.line.doubt(attached.number, &reason);
            }
        }
        self.health.forget(&self.part);
    }

    async fn open(&mut self, attached: &Attached) -> Result<Session, String> {
        let (channel, ended) = channel::open(&attached.connection, None).await?;
        let explain = |error: amqprs::error::Error| ended.explain(&error);
        let qos = BasicQosArguments::new(0, self.prefetch, false);
        channel.basic_qos(qos).await.map_err(explain)?;
        let mut name = self.topology.queue(&self.queue);
        if self.queue == Queue::GatewayNews {
            // The broker names it, so that it never meets the queue of a connection that is not quite dead yet.
            let mut own = QueueDeclareArguments::exclusive_server_named();
            own.auto_delete(true)
                .arguments(table_of(&Topology::news_arguments()));
            let declared = channel.queue_declare(own).await.map_err(explain)?;
            name = declared.map(|(name, _, _)| name).unwrap_or_default();
            let news = self.topology.exchange(Exchange::GatewayNews);
            let bind = QueueBindArguments::new(&name, news, "");
            channel.queue_bind(bind).await.map_err(explain)?;
        }
        let consume = BasicConsumeArguments::new(&name, "");
        let (_, deliveries) = channel.basic_consume_rx(consume).await.map_err(explain)?;
        Ok(Session {
            name,
            channel,
            ended,
            deliveries,
            dealt_with: None,
            count: 0,
        })
    }

    /// Consumes until it is stopped, or the channel is over for this reason.
    async fn consume(&mut self, mut session: Session) -> Result<(), String> {
        while let Some(message) = self.next(&mut session).await? {
            if !self.deal_with(message, &mut session).await? {
                break;
            }
        }
        session.close().await
    }

    /// The next message; none: it is stopped. What is dealt with is acknowledged before it waits.
    async fn next(&mut self, session: &mut Session) -> Result<Option<ConsumerMessage>, String> {
        if self.running.stop.is_triggered() {
            return Ok(None);
        }
        if let Ok(message) = session.deliveries.try_recv() {
            return Ok(Some(message));
        }
        session.acknowledge().await?;
        tokio::select! {
            biased;
            () = self.running.stop.wait() => Ok(None),
            reason = session.ended.wait() => Err(reason),
            message = session.deliveries.recv() => match message {
                Some(message) => Ok(Some(message)),
                None => Err(session.ended.wait().await),
            },
        }
    }

    /// Has a message dealt with, or kept where it cannot be read. False: it was stopped before that, and the message goes
    /// back with the channel.
    async fn deal_with(&mut self, message: ConsumerMessage, session: &mut Session) -> Result<bool, String> {
        // A message is whole: the library says so.
        let (Some(deliver), Some(properties), Some(body)) =
            (message.deliver, message.basic_properties, message.content)
        else {
            return Err("a delivery without its parts".to_owned());
        };
        let body = Bytes::from(body);
        let verdict = match Envelope::decode(&properties, body.clone()) {
            Ok(envelope) => {
                let delivery = Delivery {
                    exchange: deliver.exchange().clone(),
                    key: deliver.routing_key().clone(),
                    is_redelivered: deliver.redelivered(),
                    envelope,
                };
                match self.handle(&delivery, session).await? {
                    None => return Ok(false),
                    Some(Verdict::Unreadable(reason)) => Err(DecodeError::Body(reason)),
                    Some(verdict) => Ok(verdict),
                }
            }
            Err(error) => Err(error),
        };
        let verdict = match verdict {
            Ok(verdict) => verdict,
            Err(error) => {
                let message = Unreadable {
                    queue: session.name.clone(),
                    exchange: deliver.exchange().clone(),
                    key: deliver.routing_key().clone(),
                    error,
                    body,
                };
                if !self.keep(&message, session).await? {
                    return Ok(false);
                }
                Verdict::Done
            }
        };
        session
            .settle(deliver.delivery_tag(), &verdict, self.prefetch)
            .await?;
        Ok(true)
    }

    /// Has a delivery dealt with, again and again if need be; none: it was stopped in between.
    async fn handle(
        &mut self,
        delivery: &Delivery,
        session: &mut Session,
    ) -> Result<Option<Verdict>, String> {
        let mut pause = FIRST_PAUSE;
        loop {
            let verdict = self.handler.handle(delivery).await;
            if verdict != Verdict::Again {
                return Ok(Some(verdict));
            }
            if !self.rest(&mut pause, session).await? {
                return Ok(None);
            }
        }
    }

    /// Has an unreadable message kept, again and again if need be. False: it was stopped in between.
    async fn keep(&mut self, message: &Unreadable, session: &mut Session) -> Result<bool, String> {
        let mut pause = FIRST_PAUSE;
        loop {
            let (queue, error) = (&message.queue, &message.error);
            match self.undecodable.keep(message).await {
                Ok(()) => {
                    tracing::error!(queue, %error, "a message cannot be read");
                    return Ok(true);
                }
                Err(failure) => {
                    tracing::error!(queue, %error, %failure, "a message that cannot be read could not be kept");
                }
            }
            if !self.rest(&mut pause, session).await? {
                return Ok(false);
            }
        }
    }

    /// Acknowledges what came before, and waits a little longer than last time. False: it was stopped in between.
    async fn rest(&mut self, pause: &mut Duration, session: &mut Session) -> Result<bool, String> {
        session.acknowledge().await?;
        tokio::select! {
            () = self.running.stop.wait() => return Ok(false),
            reason = session.ended.wait() => return Err(reason),
            () = sleep(*pause) => {}
        }
        *pause = (*pause * 2).min(LONGEST_PAUSE);
        Ok(true)
    }
}

impl Session {
    /// Tells the broker what became of a delivery; what is dealt with only when some have gathered.
    async fn settle(&mut self, tag: u64, verdict: &Verdict, prefetch: u16) -> Result<(), String> {
        let is_requeued = match verdict {
            Verdict::Done => {
                self.dealt_with = Some(tag);
                self.count += 1;
                // Half of what may be sent ahead, so that the broker never pauses.
                if self.count > prefetch / 2 {
                    self.acknowledge().await?;
                }
                return Ok(());
            }
            Verdict::Requeue => true,
            Verdict::Reject | Verdict::Again | Verdict::Unreadable(_) => false,
        };
        self.acknowledge().await?;
        let told = if is_requeued {
            self.channel
                .basic_nack(BasicNackArguments::new(tag, false, true))
                .await
        } else {
            self.channel
                .basic_reject(BasicRejectArguments::new(tag, false))
                .await
        };
        told.map_err(|error| self.ended.explain(&error))
    }

    /// Acknowledges all that is dealt with.
    async fn acknowledge(&mut self) -> Result<(), String> {
        self.count = 0;
        let Some(tag) = self.dealt_with.take() else {
            return Ok(());
        };
        let acknowledged = self.channel.basic_ack(BasicAckArguments::new(tag, true)).await;
        acknowledged.map_err(|error| self.ended.explain(&error))
    }

    /// Acknowledges, then closes the channel: the broker takes them in this order, and gives the rest to others.
    async fn close(mut self) -> Result<(), String> {
        self.acknowledge().await?;
        let _ = timeout(GOODBYE, self.channel.close()).await;
        Ok(())
    }
}
