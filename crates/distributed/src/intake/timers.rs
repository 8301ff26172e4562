//! Dead man's switches and sessions, as their users set them.

use std::sync::{Arc, Mutex, PoisonError};

use domain::{CancelAllAfter, CancelReason, FieldError, SessionId, Stamp, UserId};
use persistence::postgres::intake::{
    MassCancel, Session, arm_switch, close_session, disarm_switch, open_session,
};
use trading::{Caller, EntryError};

use super::mass::counted;
use super::{Expected, Intake, Mass, SESSION_LIFE, Weight, hint, patient};

/// The most open sessions of a user.
const SESSIONS: u32 = 100;

impl Intake {
    /// Arms, renews or disarms a user's switch; the moment at which it runs out.
    ///
    /// # Errors
    /// Those of [`trading::OrderEntry::cancel_all_after`].
    pub(crate) async fn arm(
        self: &Arc<Self>,
        caller: Caller,
        timeout_micros: u64,
    ) -> Result<Option<Stamp>, EntryError> {
        let after = CancelAllAfter {
            user_id: caller.user_id,
            timeout_micros,
        };
        after.check().map_err(EntryError::Invalid)?;
        self.whole(Weight::Urgent, move |intake, _| async move {
            let now = intake.moments.next()?.at.max(intake.moments.now());
            let fires_at = (timeout_micros > 0).then(|| now.plus_micros(timeout_micros));
            let write = async {
                let mut connection = intake.pool.get().await?;
                match fires_at {
                    Some(at) => arm_switch(&mut connection, after.user_id, at).await,
                    None => disarm_switch(&mut connection, after.user_id).await,
                }
            };
            patient("dead man's switch", write).await?;
            Ok(fires_at)
        })
        .await
    }

    /// Opens a session of a user's, which this gateway keeps alive.
    ///
    /// # Errors
    /// Those of [`trading::OrderEntry::open_session`].
    pub(crate) async fn open_session(self: &Arc<Self>, caller: Caller) -> Result<SessionId, EntryError> {
        self.whole(Weight::Ordinary, move |intake, _| async move {
            let session_id = intake.moments.next()?.session_id();
            let session = Session {
                session_id,
                user_id: caller.user_id,
                gateway: intake.gateway,
            };
            let write = async {
                let mut connection = intake.pool.get().await?;
                open_session(&mut connection, session, SESSION_LIFE, SESSIONS).await
            };
            if patient("open session", write).await? {
                return Ok(session_id);
            }
            let rule = format!("is set by as many sessions as a user may have: {SESSIONS}");
            Err(EntryError::Invalid(FieldError::new("cancel_on_disconnect", rule)))
        })
        .await
    }

    /// Ends a session; with `cancel`, its user's orders are cancelled.
    ///
    /// # Errors
    /// Those of [`trading::OrderEntry::close_session`].
    pub(crate) async fn close_session(
        self: &Arc<Self>,
        session_id: SessionId,
        cancel: bool,
    ) -> Result<(), EntryError> {
        self.whole(Weight::Urgent, move |intake, until| async move {
            let waiting: Mutex<Vec<Expected>> = Mutex::default();
            let rows = |users: &[UserId]| {
                if !cancel {
                    return Some(MassCancel::default());
                }
                let rows = intake.rows_of(users, CancelReason::Disconnected)?;
                *waiting.lock().unwrap_or_else(PoisonError::into_inner) = intake.expected(&rows);
                Some(rows)
            };
            let close = async {
                let mut connection = intake.pool.get().await?;
                close_session(&mut connection, session_id, rows).await
            };
            let rows = patient("close session", close).await?;
            hint(&*intake.notices, &rows.commands);
            let expected = waiting.into_inner().unwrap_or_else(PoisonError::into_inner);
            // It will be done, whenever: who has gone cannot wait for it.
            match counted(expected, until).await {
                Ok(_) | Err(EntryError::OutcomeUnknown) => Ok(()),
                Err(error) => Err(error),
            }
        })
        .await
    }

    /// The rows that cancel all orders of these users, whatever the states of the markets; none: not now.
    pub(crate) fn rows_of(&self, users: &[UserId], reason: CancelReason) -> Option<MassCancel> {
        let all: Vec<Mass> = users.iter().map(|user| Mass::of_user(*user, reason)).collect();
        self.mass_rows(&all).ok()
    }
}
