//! An owner's side of the broker: news and messages go out, hints come in.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use messaging::{
    Consumer, Delivery, Exchange, Handler, Link, LinkError, Message, PublishError, Publisher, Queue,
    Subscription, Undecodable, Verdict, news_of,
};
use persistence::postgres::orders::MarketGrids;
use runtime::trace::{Kind, Span};
use runtime::{Clock, Ids};
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use super::outlet::{Announced, NotPublished, Outlet};
use crate::News;
use crate::carrier::news_envelope;

/// Sends over a link to the broker.
pub struct Broker {
    publisher: Publisher,
    unheard: Unheard,
    ids: Ids,
    clock: Clock,
}

impl Broker {
    /// Over this link, from now on and whenever it comes back.
    pub fn over(link: &Link, ids: Ids, clock: Clock) -> Self {
        Self {
            publisher: link.publisher().clone(),
            unheard: Unheard::default(),
            ids,
            clock,
        }
    }
}

/// For so long nothing is published under a routing key after the broker has found nobody bound to it.
const UNHEARD_FOR: Duration = Duration::from_secs(1);

/// Routing keys of orders' events that nobody is bound to: what is sent under them only comes back.
#[derive(Debug, Default)]
struct Unheard(Mutex<HashMap<String, Instant>>);

impl Unheard {
    /// Whether somebody may hear what is published under a key.
    fn may_be_heard(&self, key: &str, now: Instant) -> bool {
        let mut until = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_quiet = until.get(key).is_some_and(|until| now < *until);
        if !is_quiet {
            until.remove(key);
        }
        !is_quiet
    }

    /// Nobody was bound to this key.
    fn nobody(&self, key: String, now: Instant) {
        let mut until = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        until.insert(key, now + UNHEARD_FOR);
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
        // Orders' events go to whoever wants them, which may be nobody.
        let is_for_anybody = |message: &Message| message.exchange == Exchange::OrderEvents;
        let now = Instant::now();
        let (ways, messages): (Vec<(usize, Option<String>)>, Vec<Message>) = (events.iter().enumerate())
            .filter_map(message)
            .filter(|(_, message)| !is_for_anybody(message) || self.unheard.may_be_heard(&message.key, now))
            .map(|(place, message)| {
                let key = is_for_anybody(&message).then(|| message.key.clone());
                ((place, key), message)
            })
            .unzip();
        let mut results = self.publisher.publish_all(messages).await.into_iter();
        let (mut left, mut why, mut returned) = (Vec::new(), None, false);
        for (place, key) in ways {
            match (results.next(), key) {
                (Some(Ok(())), _) => {}
                (Some(Err(PublishError::Unroutable(_))), Some(key)) => self.unheard.nobody(key, now),
                (Some(Err(error)), _) => {
                    left.push(place);
                    returned |= matches!(error, PublishError::Unroutable(_));
                    why.get_or_insert(error);
                }
                (None, _) => left.push(place),
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
/// when nobody tells any more whether it is owned. What cannot be read goes to `keeper`.
///
/// # Errors
/// The topology has no such queue.
pub async fn hear_while_owning(
    link: &Link,
    shard: u32,
    hint: Arc<Notify>,
    mut owning: watch::Receiver<bool>,
    keeper: Arc<dyn Undecodable>,
) -> Result<(), LinkError> {
    loop {
        // Gone, it stays as it is for ever.
        if owning.wait_for(|owns| *owns).await.is_err() {
            return Ok(());
        }
        let consumer = hear_hints(link, shard, Arc::clone(&hint), Arc::clone(&keeper))?;
        let lost = owning.wait_for(|owns| !*owns).await.is_err();
        consumer.stop().await;
        if lost {
            return Ok(());
        }
    }
}

fn hear_hints(
    link: &Link,
    shard: u32,
    hint: Arc<Notify>,
    keeper: Arc<dyn Undecodable>,
) -> Result<Consumer, LinkError> {
    let subscription = Subscription::to(Queue::ShardHints(shard)).prefetch(1);
    link.consume(subscription, Ear { hint }, keeper)
}

/// Hears hints.
struct Ear {
    hint: Arc<Notify>,
}

#[async_trait]
impl Handler for Ear {
    async fn handle(&mut self, delivery: &Delivery) -> Verdict {
        let _span = Span::beneath(delivery.envelope.trace(), "hear hint", Kind::Consumer);
        self.hint.notify_one();
        Verdict::Done
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_nobody_is_bound_to_is_left_out_for_a_second() {
        let (unheard, now) = (Unheard::default(), Instant::now());
        assert!(unheard.may_be_heard("order.open.BTC-USDT", now));
        unheard.nobody("order.open.BTC-USDT".to_owned(), now);
        assert!(!unheard.may_be_heard("order.open.BTC-USDT", now));
        assert!(unheard.may_be_heard("order.filled.BTC-USDT", now), "another key");
        let later = now + UNHEARD_FOR;
        assert!(unheard.may_be_heard("order.open.BTC-USDT", later), "asked again");
        assert!(unheard.0.lock().unwrap().is_empty(), "nothing is kept");
    }
}
