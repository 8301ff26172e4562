//! Removing what is over: client order ids of orders that ended long ago, and cut-offs that nothing can meet any more.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use domain::{OrderId, Stamp};
use engine::CLIENT_ID_WINDOW_MICROS;
use persistence::postgres::intake::{ClaimPage, remove_cutoffs, remove_ended_claims};
use tokio::time::Instant;
use uuid::Uuid;

use crate::intake::{Intake, patient};

/// Client ids are kept so long beyond their time, so that clocks that differ do not matter.
const GRACE_MICROS: u64 = 60_000_000;
/// Client ids are kept so long after the end of their orders.
const KEPT_MICROS: u64 = CLIENT_ID_WINDOW_MICROS + GRACE_MICROS;
/// Client ids of one look.
const PAGE: u32 = 1_000;
/// How long one turn goes on while there are more pages.
const BUDGET: Duration = Duration::from_secs(2);
/// The walk of a gateway begins somewhere within this time before what may go: several walk at different places.
const SPREAD_MICROS: u64 = CLIENT_ID_WINDOW_MICROS;
/// Cut-offs of one turn.
const CUTOFFS: u32 = 1_000;

/// How far the walk through the client ids has come.
#[derive(Debug)]
pub(crate) struct Tidying {
    after: Mutex<Option<OrderId>>,
    budget: Duration,
}

impl Tidying {
    /// A walk that begins where the gateway's own id says.
    pub fn anywhere(now: Stamp, gateway: Uuid) -> Self {
        let back = gateway.as_u64_pair().1 % SPREAD_MICROS;
        let at = now.micros().saturating_sub(KEPT_MICROS + back);
        Self::beginning(Some(OrderId::at(Stamp::from_micros(at), 0)), BUDGET)
    }

    /// A walk that begins there and goes on for so long in a turn.
    pub const fn beginning(after: Option<OrderId>, budget: Duration) -> Self {
        Self {
            after: Mutex::new(after),
            budget,
        }
    }
}

impl Intake {
    /// Removes some of what is over.
    pub(crate) async fn tidy(self: Arc<Self>, tidying: &Tidying) {
        let (now, until) = (self.moments.now(), Instant::now() + tidying.budget);
        while Instant::now() < until {
            let after = *tidying.after.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(next) = self.tidy_page(after, now).await else {
                break;
            };
            *tidying.after.lock().unwrap_or_else(PoisonError::into_inner) = next;
            if next.is_none() {
                break;
            }
        }
        let cutoffs = async { remove_cutoffs(&mut *self.pool.get().await?, now, CUTOFFS).await };
        let _ = patient("remove cut-offs", cutoffs).await;
    }

    /// Looks at one page of client ids; where the next one begins, from the beginning after the last. None: it could not.
    async fn tidy_page(&self, after: Option<OrderId>, now: Stamp) -> Option<Option<OrderId>> {
        let ended_before = Stamp::from_micros(now.micros().saturating_sub(KEPT_MICROS));
        let page = ClaimPage { after, limit: PAGE };
        let remove = async { remove_ended_claims(&mut *self.pool.get().await?, page, ended_before).await };
        let removed = patient("remove client ids", remove).await.ok()?;
        Some(removed.last)
    }
}
