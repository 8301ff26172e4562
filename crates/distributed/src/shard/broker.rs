//! An owner's side of the broker: news and messages go out, hints come in.

use std::error::Error;
use std::sync::Arc;

use async_trait::async_trait;
use messaging::{
    Consumer, Delivery, Exchange, Handler, Link, LinkError, Message, PublishError, Publisher, Queue,
    Subscription, Unreadable, Verdict, news_of,
};
use persistence::postgres::orders::MarketGrids;
use runtime::{Clock, Ids};
use tokio::sync::{Notify, watch};

use super::outlet::{Announced, NotPublished, Outlet};
use crate::News;
use crate::carrier::news_envelope;

/// Sends over a link to the broker.
pub struct Broker {
    publisher: Publisher,
    ids: Ids,
    clock: Clock,
}

impl Broker {
    /// Over this link, from now on and whenever it comes back.
    pub fn over(link: &Link, ids: Ids, clock: Clock) -> Self {
        Self {
            publisher: link.publisher().clone(),
            ids,
            clock,
        }
    }
}

#[async_trait]
impl Outlet for Broker {
    fn news(&self, news: News) {
        if let Some(envelope) = news_envelope(&news, &self.ids, &self.clock) {
            self.publisher.try_publish(Exchange::GatewayNews, "", envelope);
        }
    }

    async fn publish(&self, events: &[Announced], markets: &MarketGrids) -> Result<(), NotPublished> {
        let message = |(place, one): (usize, &Announced)| -> Option<(usize, Message)> {
            let market = markets.numbered(one.event.market)?;
            Some((place, news_of(&one.event, market, one.prev_seq)?))
        };
        let (places, messages): (Vec<usize>, Vec<Message>) =
            events.iter().enumerate().filter_map(message).unzip();
        // Orders' events go to whoever wants them, which may be nobody.
        let nobody_need_listen: Vec<bool> = (messages.iter())
            .map(|message| message.exchange == Exchange::OrderEvents)
            .collect();
        let mut results = self.publisher.publish_all(messages).await.into_iter();
        let (mut left, mut why, mut returned) = (Vec::new(), None, false);
        for (place, nobody) in places.into_iter().zip(nobody_need_listen) {
            match results.next() {
                Some(Ok(())) => {}
                Some(Err(PublishError::Unroutable(_))) if nobody => {}
                Some(Err(error)) => {
                    left.push(place);
                    returned |= matches!(error, PublishError::Unroutable(_));
                    why.get_or_insert(error);
                }
                None => left.push(place),
            }
        }
        if left.is_empty() {
            return Ok(());
        }
        if returned && let Err(error) = self.publisher.declare_again().await {
            tracing::warn!(%error, "the queues of trades are gone, and cannot be declared again");
        }
        let why = why.map_or_else(|| "they were not sent".to_owned(), |error| error.to_string());
        Err(NotPublished { left, why })
    }
}

/// Hears that a shard has work, while it is owned here: a stand-by would take the hints away from the owner. It ends
/// when nobody tells any more whether it is owned.
///
/// # Errors
/// The topology has no such queue.
pub async fn hear_while_owning(
    link: &Link,
    shard: u32,
    hint: Arc<Notify>,
    mut owning: watch::Receiver<bool>,
) -> Result<(), LinkError> {
    loop {
        // Gone, it stays as it is for ever.
        if owning.wait_for(|owns| *owns).await.is_err() {
            return Ok(());
        }
        let consumer = hear_hints(link, shard, Arc::clone(&hint))?;
        let lost = owning.wait_for(|owns| !*owns).await.is_err();
        consumer.stop().await;
        if lost {
            return Ok(());
        }
    }
}

fn hear_hints(link: &Link, shard: u32, hint: Arc<Notify>) -> Result<Consumer, LinkError> {
    let subscription = Subscription::to(Queue::ShardHints(shard)).prefetch(1);
    link.consume(subscription, Ear { hint }, Arc::new(PassedOver))
}

/// Hears hints.
struct Ear {
    hint: Arc<Notify>,
}

#[async_trait]
impl Handler for Ear {
    async fn handle(&mut self, _: &Delivery) -> Verdict {
        self.hint.notify_one();
        Verdict::Done
    }
}

/// A hint says nothing but that it came.
struct PassedOver;

#[async_trait]
impl messaging::Undecodable for PassedOver {
    async fn keep(&self, _: &Unreadable) -> Result<(), Box<dyn Error + Send + Sync>> {
        Ok(())
    }
}
