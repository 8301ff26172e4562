//! Sessions: connections at whose end all orders of their user are cancelled.

use std::collections::BTreeMap;

use domain::{CancelReason, CloseSession, FieldError, OpenSession, Refusal, SessionId, UserId};

use crate::engine::Answer;
use crate::funds::Funds;
use crate::turn::Turn;

/// The most open sessions of a user.
const OF_USER: u32 = 100;

/// All open sessions.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    by_id: BTreeMap<SessionId, UserId>,
    /// How many each user has; never none.
    of_user: BTreeMap<UserId, u32>,
}

impl Sessions {
    /// Remembers a session; one that is open stays as it is. False: its user has too many.
    pub fn open(&mut self, id: SessionId, user_id: UserId) -> bool {
        if self.by_id.contains_key(&id) {
            return true;
        }
        let count = self.of_user.get(&user_id).copied().unwrap_or_default();
        if count >= OF_USER {
            return false;
        }
        self.of_user.insert(user_id, count + 1);
        self.by_id.insert(id, user_id);
        true
    }

    /// Forgets a session, and tells whose it was.
    pub fn close(&mut self, id: SessionId) -> Option<UserId> {
        let user_id = self.by_id.remove(&id)?;
        match self.of_user.get_mut(&user_id) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(self.of_user.remove(&user_id)),
        }
        Some(user_id)
    }

    /// All of them, by id.
    pub fn all(&self) -> impl Iterator<Item = (SessionId, UserId)> {
        self.by_id.iter().map(|(id, user_id)| (*id, *user_id))
    }

    /// Whether every user has as many as are counted, and no more than allowed.
    pub fn are_consistent(&self) -> bool {
        let mut counted: BTreeMap<UserId, u32> = BTreeMap::new();
        self.by_id
            .values()
            .for_each(|user_id| *counted.entry(*user_id).or_default() += 1);
        counted == self.of_user && counted.values().all(|count| *count <= OF_USER)
    }
}

impl<F: Funds> Turn<'_, F> {
    pub fn open_session(&mut self, open: &OpenSession) -> Answer {
        if self.engine.sessions.open(open.session_id, open.user_id) {
            return Answer::SessionOpened(open.session_id);
        }
        let rule = format!("is set by as many sessions as a user may have: {OF_USER}");
        Answer::Refused(Refusal::Shape(FieldError::new("cancel_on_disconnect", rule)))
    }

    pub fn close_session(&mut self, close: &CloseSession) -> Answer {
        match self.engine.sessions.close(close.session_id) {
            Some(user_id) if close.cancel => {
                let count = self.begin_cancel_of(user_id, CancelReason::Disconnected);
                self.work(crate::CHUNK);
                Answer::CancelledAll(count)
            }
            _ => Answer::CancelledAll(0),
        }
    }
}
