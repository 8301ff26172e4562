//! Tells the world what a shard's batches brought, batch by batch, until it is stored.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use domain::{Event, Market, MarketNumber};
use persistence::postgres::orders::MarketGrids;
use runtime::trace::{self, Kind, Span};
use tokio::sync::watch;

use super::outlet::{Announced, Outlet};
use super::status::Status;
use super::tail::Reader;
use crate::Batch;

/// Events that are published together.
const TOGETHER: usize = 1_000;
/// The pauses after something did not work, from the first to the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// Doubles a pause up to the longest.
pub(super) fn longer(pause: Duration) -> Duration {
    (pause * 2).min(PAUSES.1)
}

/// The first pause.
pub(super) const fn first_pause() -> Duration {
    PAUSES.0
}

/// Publishes what one ownership has committed, and what the one before it has not published.
pub(super) struct Publisher {
    pub outlet: Arc<dyn Outlet>,
    pub reader: Reader,
    pub markets: MarketGrids,
    pub status: Status,
    /// How far it has come.
    pub cursor: watch::Sender<u64>,
}

/// Which way an event goes: trades one, orders another, and the rest none.
fn way(event: &Event) -> Option<bool> {
    match event {
        Event::Trade(_) => Some(true),
        Event::OrderAccepted(_)
        | Event::OrderAmended(_)
        | Event::OrderClosed(_)
        | Event::OrderTriggered { .. }
        | Event::OrderPrevented { .. } => Some(false),
        Event::MarketDefined(_) | Event::MarketStateChanged(_) | Event::Level { .. } => None,
    }
}

impl Publisher {
    /// Publishes until the owner is gone.
    pub async fn run(mut self) {
        let mut done = *self.cursor.borrow();
        let mut previous: HashMap<(MarketNumber, bool), u64> = HashMap::new();
        let mut pause = first_pause();
        while self.reader.wait(done).await {
            let batches = match self.reader.next(done).await {
                Ok(batches) => batches,
                Err(error) => {
                    tracing::warn!(%error, "publishing: the log cannot be read");
                    tokio::time::sleep(pause).await;
                    pause = longer(pause);
                    continue;
                }
            };
            pause = first_pause();
            let (mut announced, mut traces) = (Vec::new(), Vec::new());
            for batch in batches {
                traces.extend(batch.traces.iter().copied().map(Some));
                self.announce(&batch, &mut previous, &mut announced);
                done = batch.seq;
                if announced.len() >= TOGETHER {
                    break;
                }
            }
            let span = Span::of_group("publish events", Kind::Producer, traces);
            trace::within(span.context(), self.publish(&announced)).await;
            drop(span);
            self.cursor.send_replace(done);
            self.status.published(done);
        }
    }

    /// Adds what the world hears of a batch.
    fn announce(
        &mut self,
        batch: &Batch,
        previous: &mut HashMap<(MarketNumber, bool), u64>,
        announced: &mut Vec<Announced>,
    ) {
        for event in &batch.events {
            if let Event::MarketDefined(definition) = &event.event
                && let Ok(market) = Market::new(definition.as_ref().clone())
            {
                self.markets.insert(market.into());
            }
            if let Some(way) = way(&event.event) {
                let prev_seq = previous.insert((event.market, way), event.seq).unwrap_or(0);
                announced.push(Announced {
                    event: event.clone(),
                    prev_seq,
                });
            }
        }
    }

    /// Publishes for as long as it takes.
    async fn publish(&self, announced: &[Announced]) {
        let mut pause = first_pause();
        for piece in announced.chunks(TOGETHER) {
            let mut piece = piece.to_vec();
            while let Err(error) = self.outlet.publish(&piece, &self.markets).await {
                // What is stored is not published again.
                let mut left = error.left.iter().peekable();
                let mut place = 0..;
                piece.retain(|_| place.next().is_some_and(|at| left.next_if_eq(&&at).is_some()));
                self.status.count("shard_publish_retries_total");
                tracing::warn!(%error, "publishing");
                tokio::time::sleep(pause).await;
                pause = longer(pause);
            }
        }
    }
}
