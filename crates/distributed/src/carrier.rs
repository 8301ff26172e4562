//! What a gateway sends and hears over the broker: hints for the shards' owners, news for all gateways. Nothing depends on
//! any of it arriving.

use std::sync::Arc;

use async_trait::async_trait;
use domain::Stamp;
use messaging::{
    BINARY, Consumer, Delivery, Envelope, Exchange, Handler, Link, LinkError, Publisher, Queue, Subscription,
    Undecodable, Verdict, hint_key,
};
use runtime::trace::{Kind, Span};
use runtime::{Clock, Ids};
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use crate::encoding::{decode, encode};
use crate::{News, Notices};

/// News that may wait for the follower; what comes beyond is dropped, and read from the log.
const NEWS_WAITING: usize = 1_024;
/// News that the broker may send ahead.
const PREFETCH: u16 = 256;
/// The kinds of messages.
const HINT: &str = "shard.hint";
const NEWS: &str = "gateway.news";

/// What a gateway sends and hears.
pub struct Carrier {
    pub(crate) notices: Arc<dyn Notices>,
    pub(crate) news: mpsc::Receiver<News>,
    pub(crate) link: Option<Arc<Link>>,
    /// Hears news for as long as it lives.
    pub(crate) consumer: Option<Consumer>,
}

impl Carrier {
    /// Over this link to the broker, from now on and whenever it comes back. News that cannot be read go to `keeper`.
    ///
    /// # Errors
    /// The link leads nowhere.
    pub fn over(
        link: &Arc<Link>,
        ids: Ids,
        clock: Clock,
        keeper: Arc<dyn Undecodable>,
    ) -> Result<Self, LinkError> {
        let (sender, news) = mpsc::channel(NEWS_WAITING);
        let subscription = Subscription::to(Queue::GatewayNews).prefetch(PREFETCH);
        let consumer = link.consume(subscription, Ear { sender }, keeper)?;
        let notices = Arc::new(Sender {
            publisher: link.publisher().clone(),
            ids,
            clock,
        });
        Ok(Self {
            notices,
            news,
            link: Some(Arc::clone(link)),
            consumer: Some(consumer),
        })
    }

    /// Within one process: what is sent goes to `notices`, what comes is `news`.
    pub fn within(notices: Arc<dyn Notices>, news: mpsc::Receiver<News>) -> Self {
        Self {
            notices,
            news,
            link: None,
            consumer: None,
        }
    }
}

/// The message that carries a piece of news; none: it is too large to be carried.
pub(crate) fn news_envelope(news: &News, ids: &Ids, clock: &Clock) -> Option<Envelope> {
    let body = match encode(news) {
        Ok(body) => body,
        Err(error) => {
            tracing::error!(%error, "a piece of news cannot be encoded");
            return None;
        }
    };
    let at = Stamp::from_micros(clock.wall_us());
    Envelope::new(ids.uuid_v7(), NEWS, BINARY, at, body.into()).ok()
}

/// Sends over a link.
struct Sender {
    publisher: Publisher,
    ids: Ids,
    clock: Clock,
}

impl Notices for Sender {
    fn hint(&self, shard: u32) {
        let at = Stamp::from_micros(self.clock.wall_us());
        if let Ok(envelope) = Envelope::new(self.ids.uuid_v7(), HINT, BINARY, at, Vec::new().into()) {
            // Dropped, the owner finds the work when it looks.
            self.publisher
                .try_publish(Exchange::ShardHints, &hint_key(shard), envelope);
        }
    }

    fn news(&self, news: News) {
        if let Some(envelope) = news_envelope(&news, &self.ids, &self.clock) {
            self.publisher.try_publish(Exchange::GatewayNews, "", envelope);
        }
    }
}

/// Hears news.
struct Ear {
    sender: mpsc::Sender<News>,
}

#[async_trait]
impl Handler for Ear {
    async fn handle(&mut self, delivery: &Delivery) -> Verdict {
        let _span = Span::beneath(delivery.envelope.trace(), "hear news", Kind::Consumer);
        let news = match decode::<News>(delivery.envelope.body()) {
            Ok(news) => news,
            Err(error) => return Verdict::Unreadable(error.to_string()),
        };
        if let Err(TrySendError::Full(_)) = self.sender.try_send(news) {
            metrics::counter!("gateway_news_dropped_total").increment(1);
        }
        Verdict::Done
    }
}
