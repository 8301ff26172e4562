//! Forgetting the oldest client order ids of users who have very many.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use domain::UserId;
use engine::CLIENT_IDS_PER_USER;
use persistence::postgres::intake::{forget_oldest, next_crowd};
use tokio::time::Instant;

use crate::intake::{Intake, patient};

/// How long one turn goes on while there are more users.
const BUDGET: Duration = Duration::from_millis(200);
/// Client ids that are forgotten at once.
const AT_ONCE: u32 = 2_000;

/// How far the walk through the users has come.
#[derive(Debug)]
pub(crate) struct Crowds {
    after: Mutex<Option<UserId>>,
    /// How many ids are kept of a user.
    keep: u32,
    /// From how many on the oldest are forgotten: not one by one.
    most: u32,
    /// How many go at once.
    at_once: u32,
    budget: Duration,
}

impl Default for Crowds {
    fn default() -> Self {
        let keep = u32::try_from(CLIENT_IDS_PER_USER).unwrap_or(u32::MAX);
        Self::keeping(keep, keep.saturating_add(keep / 10), AT_ONCE, BUDGET)
    }
}

impl Crowds {
    /// Keeps so many ids of a user as soon as there are more than `most`; so many go at once, and a turn goes on for so long.
    pub const fn keeping(keep: u32, most: u32, at_once: u32, budget: Duration) -> Self {
        Self {
            after: Mutex::new(None),
            keep,
            most,
            at_once,
            budget,
        }
    }
}

impl Intake {
    /// Looks at some users, and forgets the oldest ids of those who have too many.
    pub(crate) async fn thin_out(self: Arc<Self>, walk: &Crowds) {
        let until = Instant::now() + walk.budget;
        while Instant::now() < until {
            let after = *walk.after.lock().unwrap_or_else(PoisonError::into_inner);
            let look = async { next_crowd(&mut *self.pool.get().await?, after, walk.most).await };
            let Ok(crowd) = patient("a crowd of client ids", look).await else {
                return;
            };
            if let Some(crowd) = crowd.filter(|crowd| crowd.is_crowded) {
                self.forget_oldest_of(crowd.user_id, walk).await;
            }
            *walk.after.lock().unwrap_or_else(PoisonError::into_inner) = crowd.map(|crowd| crowd.user_id);
            if crowd.is_none() {
                return;
            }
        }
    }

    /// Forgets the oldest ids of a user until as many are left as are kept, or it cannot be done now.
    async fn forget_oldest_of(&self, user_id: UserId, walk: &Crowds) {
        let mut forgotten = 0_u64;
        loop {
            let forget =
                async { forget_oldest(&mut *self.pool.get().await?, user_id, walk.keep, walk.at_once).await };
            let Ok(count @ 1..) = patient("forget client ids", forget).await else {
                break;
            };
            forgotten += count as u64;
        }
        if forgotten > 0 {
            metrics::counter!("client_ids_forgotten_total").increment(forgotten);
            tracing::info!(%user_id, count = forgotten, "the oldest client ids of a user are forgotten");
        }
    }
}
