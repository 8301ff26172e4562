//! Forgetting the oldest client order ids of users who have very many.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use domain::UserId;
use engine::CLIENT_IDS_PER_USER;
use persistence::postgres::intake::{crowds, forget_oldest};
use tokio::time::Instant;

use crate::intake::{Intake, patient};

/// Users of one look.
const PAGE: u32 = 20;
/// How long one turn goes on while there are more users.
const BUDGET: Duration = Duration::from_millis(200);
/// Client ids that are forgotten at once.
const AT_ONCE: u32 = 10_000;

/// How far the walk through the users has come.
#[derive(Debug)]
pub(crate) struct Crowds {
    after: Mutex<Option<UserId>>,
    /// How many ids are kept of a user.
    keep: u32,
    /// From how many on the oldest are forgotten: not one by one.
    most: u32,
    budget: Duration,
}

impl Default for Crowds {
    fn default() -> Self {
        let keep = u32::try_from(CLIENT_IDS_PER_USER).unwrap_or(u32::MAX);
        Self::keeping(keep, keep.saturating_add(keep / 10), BUDGET)
    }
}

impl Crowds {
    /// Keeps so many ids of a user as soon as there are more than `most`, and goes on for so long in a turn.
    pub const fn keeping(keep: u32, most: u32, budget: Duration) -> Self {
        Self {
            after: Mutex::new(None),
            keep,
            most,
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
            let look = async { crowds(&mut *self.pool.get().await?, after, PAGE, walk.most).await };
            let Ok(users) = patient("crowds of client ids", look).await else {
                return;
            };
            for crowd in users.iter().filter(|crowd| crowd.is_crowded) {
                let forget = async {
                    forget_oldest(&mut *self.pool.get().await?, crowd.user_id, walk.keep, AT_ONCE).await
                };
                if let Ok(count) = patient("forget client ids", forget).await {
                    metrics::counter!("client_ids_forgotten_total").increment(count as u64);
                    tracing::info!(user_id = %crowd.user_id, count, "the oldest client ids of a user are forgotten");
                }
            }
            let last = users.last().map(|crowd| crowd.user_id);
            *walk.after.lock().unwrap_or_else(PoisonError::into_inner) = last;
            if last.is_none() {
                return;
            }
        }
    }
}
