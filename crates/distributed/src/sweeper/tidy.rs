//! Removing what is over: client order ids of orders that ended long ago, and cut-offs that nothing can meet any more.

use std::sync::{Arc, Mutex, PoisonError};

use domain::{OrderId, Stamp};
use engine::CLIENT_ID_WINDOW_MICROS;
use persistence::postgres::intake::{ClaimPage, remove_cutoffs, remove_ended_claims};

use crate::intake::{Intake, patient};

/// Client ids are kept so long beyond their time, so that clocks that differ do not matter.
const GRACE_MICROS: u64 = 60_000_000;
/// Client ids of one look, and looks of one turn.
const PAGE: u32 = 1_000;
const PAGES: usize = 10;
/// Cut-offs of one turn.
const CUTOFFS: u32 = 1_000;

/// How far the walk through the client ids has come.
#[derive(Debug, Default)]
pub(crate) struct Tidying {
    after: Mutex<Option<OrderId>>,
}

impl Intake {
    /// Removes some of what is over.
    pub(crate) async fn tidy(self: Arc<Self>, tidying: &Tidying) {
        let now = self.moments.now();
        for _ in 0..PAGES {
            let after = *tidying.after.lock().unwrap_or_else(PoisonError::into_inner);
            let next = self.tidy_page(after, now).await;
            *tidying.after.lock().unwrap_or_else(PoisonError::into_inner) = next;
            if next.is_none() {
                break;
            }
        }
        let cutoffs = async { remove_cutoffs(&mut *self.pool.get().await?, now, CUTOFFS).await };
        let _ = patient("remove cut-offs", cutoffs).await;
    }

    /// Looks at one page of client ids; where the next one begins, and none at the end.
    async fn tidy_page(&self, after: Option<OrderId>, now: Stamp) -> Option<OrderId> {
        let kept = CLIENT_ID_WINDOW_MICROS + GRACE_MICROS;
        let ended_before = Stamp::from_micros(now.micros().saturating_sub(kept));
        let page = ClaimPage { after, limit: PAGE };
        let remove = async { remove_ended_claims(&mut *self.pool.get().await?, page, ended_before).await };
        let removed = patient("remove client ids", remove).await.ok()?;
        removed.last
    }
}
