//! Timers that every gateway looks after: dead man's switches, and the sessions of gateways that died.

use std::sync::Arc;

use domain::{CancelReason, UserId};
use persistence::postgres::intake::{fire_sessions, fire_switches};

use crate::intake::{Intake, hint, patient};

/// The most that fire at once, and how often in one turn.
const MOST: u32 = 100;
const TURNS: usize = 20;

impl Intake {
    /// Cancels the orders of users whose switches have run out, or whose sessions nobody keeps alive.
    pub(crate) async fn fire_timers(self: Arc<Self>) {
        for _ in 0..TURNS {
            // While the clock cannot be trusted, nothing fires.
            if self.moments.next().is_err() {
                return;
            }
            let fired = self.fire_some().await;
            if fired > 0 {
                tracing::info!(commands = fired, "timers have fired");
            }
            if fired < MOST as usize {
                return;
            }
        }
    }

    /// How many commands some of them came to.
    async fn fire_some(&self) -> usize {
        let now = self.moments.now();
        let switches = async {
            let rows =
                |users: &[UserId], shards: &[u32]| self.rows_of(users, shards, CancelReason::DeadMansSwitch);
            fire_switches(&mut *self.pool.get().await?, now, MOST, rows).await
        };
        let sessions = async {
            let rows =
                |users: &[UserId], shards: &[u32]| self.rows_of(users, shards, CancelReason::Disconnected);
            fire_sessions(&mut *self.pool.get().await?, MOST, rows).await
        };
        let switches = patient("dead man's switches", switches).await;
        let sessions = patient("dead sessions", sessions).await;
        let mut fired = 0;
        for rows in [switches, sessions].into_iter().flatten() {
            hint(&*self.notices, &rows.commands);
            fired += rows.commands.len();
        }
        fired
    }
}
