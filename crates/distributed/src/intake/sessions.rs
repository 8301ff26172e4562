//! The sessions that this gateway holds, for as long as their connections live: a row that is gone ends none of them.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use domain::{CancelReason, FieldError, SessionId, UserId};
use persistence::postgres::PgError;
use persistence::postgres::intake::{
    MassCancel, Session, close_session, keep_sessions, open_session, reopen_sessions,
};
use tokio::time::Instant;
use trading::{Caller, EntryError};

use super::mass::counted;
use super::{Intake, Mass, SESSION_LIFE, Weight, hint, patient};

/// The most open sessions of a user.
const SESSIONS: u32 = 100;

#[derive(Debug)]
struct Held {
    user_id: UserId,
    /// Somebody ends it just now.
    closing: bool,
    /// What its end cancels, once that was tried: each try writes the same rows, so that they count once.
    cancel: Option<Arc<MassCancel>>,
}

/// The sessions that this gateway holds.
#[derive(Debug, Default)]
pub(crate) struct Sessions(Mutex<HashMap<SessionId, Held>>);

impl Sessions {
    fn hold(&self) -> MutexGuard<'_, HashMap<SessionId, Held>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, session_id: SessionId, user_id: UserId) {
        let held = Held {
            user_id,
            closing: false,
            cancel: None,
        };
        self.hold().insert(session_id, held);
    }

    /// Somebody begins to end it: whose it is, and what earlier tries have cancelled. None: it has ended.
    fn begin_to_close(&self, session_id: SessionId) -> Option<(UserId, Option<Arc<MassCancel>>)> {
        let mut all = self.hold();
        let held = all.get_mut(&session_id)?;
        held.closing = true;
        Some((held.user_id, held.cancel.clone()))
    }

    fn cancels(&self, session_id: SessionId, rows: &Arc<MassCancel>) {
        if let Some(held) = self.hold().get_mut(&session_id) {
            held.cancel = Some(Arc::clone(rows));
        }
    }

    /// It has ended, or it goes on.
    fn closed(&self, session_id: SessionId, ended: bool) {
        let mut all = self.hold();
        if ended {
            all.remove(&session_id);
        } else if let Some(held) = all.get_mut(&session_id) {
            held.closing = false;
        }
    }

    /// Those that nobody ends.
    fn open(&self) -> Vec<(SessionId, UserId)> {
        let all = self.hold();
        let open = all.iter().filter(|(_, held)| !held.closing);
        open.map(|(id, held)| (*id, held.user_id)).collect()
    }

    fn is_open(&self, session_id: SessionId) -> bool {
        self.hold().get(&session_id).is_some_and(|held| !held.closing)
    }
}

impl Intake {
    /// Opens a session of a user's, which this gateway keeps alive.
    ///
    /// # Errors
    /// Those of [`trading::OrderEntry::open_session`].
    pub(crate) async fn open_session(self: &Arc<Self>, caller: Caller) -> Result<SessionId, EntryError> {
        self.whole(Weight::Ordinary, move |intake, _| async move {
            let session_id = intake.moments.next()?.session_id();
            let session = intake.session((session_id, caller.user_id));
            let write = async {
                let mut connection = intake.pool.get().await?;
                open_session(&mut connection, session, SESSION_LIFE, SESSIONS).await
            };
            if patient("open session", write).await? {
                intake.sessions.add(session_id, caller.user_id);
                return Ok(session_id);
            }
            let rule = format!("is set by as many sessions as a user may have: {SESSIONS}");
            Err(EntryError::Invalid(FieldError::new("cancel_on_disconnect", rule)))
        })
        .await
    }

    const fn session(&self, (session_id, user_id): (SessionId, UserId)) -> Session {
        Session {
            session_id,
            user_id,
            gateway: self.gateway,
        }
    }

    /// Ends a session; with `cancel`, its user's orders are cancelled, also if others took this gateway for dead before.
    ///
    /// # Errors
    /// Those of [`trading::OrderEntry::close_session`].
    pub(crate) async fn close_session(
        self: &Arc<Self>,
        session_id: SessionId,
        cancel: bool,
    ) -> Result<(), EntryError> {
        self.whole(Weight::Urgent, move |intake, until| async move {
            let Some((user_id, before)) = intake.sessions.begin_to_close(session_id) else {
                return Ok(());
            };
            let rows = match (before, cancel) {
                (_, false) => Ok(Arc::default()),
                (Some(rows), true) => Ok(rows),
                (None, true) => {
                    let mass = Mass::of_user(user_id, CancelReason::Disconnected);
                    let shards = intake.every_shard().await;
                    shards.and_then(|shards| intake.mass_rows(&[mass], &shards).map(Arc::new))
                }
            };
            let ended = match rows {
                Ok(rows) => intake.end_session(session_id, &rows, until).await,
                Err(error) => Err(error),
            };
            intake.sessions.closed(session_id, ended.is_ok());
            ended
        })
        .await
    }

    async fn end_session(
        &self,
        session_id: SessionId,
        rows: &Arc<MassCancel>,
        until: Instant,
    ) -> Result<(), EntryError> {
        if !rows.commands.is_empty() {
            self.sessions.cancels(session_id, rows);
        }
        let expected = self.expected(rows);
        let close = async {
            let mut connection = self.pool.get().await?;
            close_session(&mut connection, session_id, rows).await
        };
        patient("close session", close).await?;
        hint(&*self.notices, &rows.commands);
        // It will be done, whenever: who has gone cannot wait for it.
        match counted(expected, until).await {
            Ok(_) | Err(EntryError::OutcomeUnknown) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Keeps the sessions that this gateway holds alive, and opens those again that others have ended.
    pub(crate) async fn keep_sessions(self: Arc<Self>) {
        let open = self.sessions.open();
        let keep = async { keep_sessions(&mut *self.pool.get().await?, self.gateway, SESSION_LIFE).await };
        // Where it fails for long, the sessions end as if this gateway had died: it may be cut off.
        let Ok(kept) = patient("keep sessions", keep).await else {
            return;
        };
        let kept: HashSet<SessionId> = kept.into_iter().collect();
        let gone = open.into_iter().filter(|(id, _)| !kept.contains(id));
        let gone: Vec<Session> = gone.map(|one| self.session(one)).collect();
        if gone.is_empty() {
            return;
        }
        metrics::counter!("sessions_reopened_total").increment(gone.len() as u64);
        tracing::warn!(
            sessions = gone.len(),
            "this gateway was taken for dead; its sessions are opened again"
        );
        let reopen = async {
            let mut connection = self.pool.get().await?;
            reopen_sessions(&mut connection, &gone, SESSION_LIFE).await?;
            for session in gone.iter().filter(|one| !self.sessions.is_open(one.session_id)) {
                // Its connection has ended meanwhile, and cancels by itself.
                close_session(&mut connection, session.session_id, &MassCancel::default()).await?;
            }
            Ok::<_, PgError>(())
        };
        let _ = patient("reopen sessions", reopen).await;
    }
}
