//! Timers that every gateway looks after: dead man's switches, and the sessions of gateways that died.

use std::sync::Arc;

use domain::{CancelReason, UserId};
use persistence::postgres::intake::{fire_sessions, fire_switches, keep_sessions};

use crate::intake::{Intake, SESSION_LIFE, hint, patient};

/// The most that fire at once.
const MOST: u32 = 100;

impl Intake {
    /// Cancels the orders of users whose switches have run out, or whose sessions nobody keeps alive.
    pub(crate) async fn fire_timers(self: Arc<Self>) {
        // While the clock cannot be trusted, nothing fires.
        if self.moments.next().is_err() {
            return;
        }
        let now = self.moments.now();
        let switches = async {
            let rows = |users: &[UserId]| self.rows_of(users, CancelReason::DeadMansSwitch);
            fire_switches(&mut *self.pool.get().await?, now, MOST, rows).await
        };
        let sessions = async {
            let rows = |users: &[UserId]| self.rows_of(users, CancelReason::Disconnected);
            fire_sessions(&mut *self.pool.get().await?, MOST, rows).await
        };
        for fired in [
            patient("dead man's switches", switches).await,
            patient("dead sessions", sessions).await,
        ]
        .into_iter()
        .flatten()
        {
            if !fired.commands.is_empty() {
                tracing::info!(commands = fired.commands.len(), "timers have fired");
                hint(&*self.notices, &fired.commands);
            }
        }
    }

    /// Keeps the sessions that this gateway holds alive.
    pub(crate) async fn keep_sessions(self: Arc<Self>) {
        let keep = async { keep_sessions(&mut *self.pool.get().await?, self.gateway, SESSION_LIFE).await };
        // Where it fails, the sessions end as if this gateway had died: it may be cut off.
        let _ = patient("keep sessions", keep).await;
    }
}
