//! A connection's place among the streams: what it follows, and what is done for it when it has gone.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use domain::{TradeId, UserId};
use http::Problem;
use trading::{Caller, QueryError, TradeFilter};

use super::Streams;
use super::outbox::{Close, Inbox, Outbox};
use super::own::OwnSnapshot;
use super::topic::{Channel, OwnTopic, Topic};
use crate::error::{self, Sought};

/// Own trades in a snapshot.
const FILLS: usize = 1_000;

/// A connection's place among the streams; it leaves when this is dropped.
#[derive(Debug)]
pub(crate) struct Seat {
    streams: Arc<Streams>,
    id: u64,
    /// The way to the connection.
    pub(crate) outbox: Outbox,
}

impl Seat {
    /// A place for a new connection, and what is sent to it. None: `most` are open, or the server stops.
    pub(crate) fn take(streams: &Arc<Streams>, most: usize) -> Option<(Self, Inbox)> {
        let mut hub = streams.hub();
        if hub.is_stopping() || hub.members() >= most {
            return None;
        }
        let (outbox, inbox) = Outbox::new(
            streams.options.queue_frames,
            streams.options.queue_bytes,
            Arc::clone(&streams.slow),
        );
        let id = hub.join(outbox.clone());
        metrics::gauge!("ws_connections").set(hub.members() as f64);
        drop(hub);
        let streams = Arc::clone(streams);
        Some((Self { streams, id, outbox }, inbox))
    }

    /// Does something that must not end with the connection; it ends when the streams have stopped.
    pub(crate) fn outlive(&self, work: impl Future<Output = ()> + Send + 'static) {
        let unfinished = Unfinished::new(&self.streams);
        let mut over = self.streams.over.subscribe();
        self.streams.runtime.spawn(async move {
            tokio::select! {
                biased;
                () = work => {}
                _ = over.wait_for(|over| *over) => tracing::error!("what a connection left was not done"),
            }
            drop(unfinished);
        });
    }

    /// The connection has signed in. False: the user has too many connections.
    pub(crate) fn sign_in(&self, user_id: UserId, most: usize) -> bool {
        self.streams.hub().sign_in(self.id, user_id, most)
    }

    /// How many channels the connection would follow with these.
    pub(crate) fn count_with(&self, channels: &BTreeSet<Channel>) -> usize {
        self.streams.hub().count_with(self.id, channels)
    }

    /// The names of the channels that the connection follows.
    pub(crate) fn followed(&self) -> Vec<String> {
        self.streams.hub().followed(self.id)
    }

    /// Refuses channels that nobody can follow yet.
    ///
    /// # Errors
    /// 503 where the streams do not know a market yet.
    pub(crate) fn check(&self, topics: &[Topic]) -> Result<(), Problem> {
        let hub = self.streams.hub();
        let known = |topic: &Topic| hub.market(topic.market()).is_some();
        if hub.is_ready() && topics.iter().all(known) {
            Ok(())
        } else {
            Err(Problem::unavailable("the streams catch up", 1))
        }
    }

    /// Follows public channels, each from a snapshot on.
    ///
    /// # Errors
    /// 503 where the streams do not know a market yet.
    pub(crate) fn subscribe(&self, topics: &[Topic]) -> Result<(), Problem> {
        self.check(topics)?;
        let now = self.streams.now();
        let mut hub = self.streams.hub();
        for topic in topics {
            hub.subscribe(self.id, *topic, now);
        }
        Ok(())
    }

    /// Follows the caller's own channels, from a snapshot on. One call at a time.
    ///
    /// # Errors
    /// The exchange does not answer; what was followed before still is.
    pub(crate) async fn subscribe_own(
        &self,
        caller: Caller,
        topics: BTreeSet<OwnTopic>,
        fills_after: Option<TradeId>,
    ) -> Result<(), Problem> {
        let streams = &self.streams;
        {
            let mut hub = streams.hub();
            if !hub.is_ready() {
                return Err(Problem::unavailable("the streams catch up", 1));
            }
            hub.begin_own(self.id, topics.clone(), streams.options.queue_frames);
        }
        let wants_fills = topics.contains(&OwnTopic::Fills);
        let snapshot = self
            .own_snapshot(caller, fills_after.filter(|_| wants_fills))
            .await;
        let markets = streams.exchange.markets();
        let mut hub = streams.hub();
        match snapshot {
            Ok(snapshot) => {
                hub.finish_own(self.id, &topics, Some(snapshot), &markets);
                Ok(())
            }
            Err(error) => {
                hub.finish_own(self.id, &topics, None, &markets);
                Err(error::query(error, Sought::Balances))
            }
        }
    }

    async fn own_snapshot(
        &self,
        caller: Caller,
        fills_after: Option<TradeId>,
    ) -> Result<OwnSnapshot, QueryError> {
        let exchange = &self.streams.exchange;
        let user = exchange.user_snapshot(caller).await?;
        let trades = match fills_after {
            None => Vec::new(),
            Some(after) => {
                let filter = TradeFilter {
                    after: Some(after),
                    limit: FILLS,
                    ..TradeFilter::default()
                };
                exchange.own_trades(caller, filter).await?
            }
        };
        let complete = trades.len() < FILLS;
        Ok(OwnSnapshot {
            user,
            trades,
            complete,
        })
    }

    /// Stops following a channel.
    pub(crate) fn unsubscribe(&self, channel: Channel) {
        self.streams.hub().unsubscribe(self.id, channel);
    }
}

/// Something that is still to be done.
struct Unfinished(Arc<Streams>);

impl Unfinished {
    fn new(streams: &Arc<Streams>) -> Self {
        streams.unfinished.fetch_add(1, Ordering::AcqRel);
        Self(Arc::clone(streams))
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        self.0.unfinished.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.outbox.cut(Close::Gone);
        let mut hub = self.streams.hub();
        hub.leave(self.id);
        metrics::gauge!("ws_connections").set(hub.members() as f64);
    }
}
