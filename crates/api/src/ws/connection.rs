//! One connection as its requests share it: who it is, and the session at whose end orders are cancelled.

use std::cell::Cell;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use domain::SessionId;
use http::{Authenticated, Bucket, Credential, Identity, Problem, Scope};
use tokio::sync::{Mutex, Semaphore, oneshot};
use trading::{Caller, EntryError};

use super::handshake::unauthenticated;
use crate::caller::caller;
use crate::streams::Seat;
use crate::{ApiState, Exchange};

/// The first wait between tries to end a session; each is twice the one before.
const CLOSE_RETRY: Duration = Duration::from_millis(100);
/// The longest.
const CLOSE_RETRY_MOST: Duration = Duration::from_secs(5);

/// One connection. It lives as long as one of its requests does.
pub(super) struct Connection {
    pub(super) state: ApiState,
    pub(super) seat: Rc<Seat>,
    pub(super) address: IpAddr,
    identity: Cell<Option<Identity>>,
    /// Subscribing and unsubscribing are done one after the other.
    pub(super) subscribing: Mutex<()>,
    /// Opening and closing the session too.
    pub(super) switching: Mutex<()>,
    /// Places for requests that wait for their answers.
    pub(super) in_flight: Arc<Semaphore>,
    session: Cell<Option<SessionId>>,
}

impl Connection {
    pub(super) fn new(state: ApiState, seat: Seat, identity: Option<Identity>, address: IpAddr) -> Rc<Self> {
        Rc::new(Self {
            in_flight: Arc::new(Semaphore::new(state.ws.in_flight.max(1))),
            state,
            seat: Rc::new(seat),
            address,
            identity: Cell::new(identity),
            subscribing: Mutex::new(()),
            switching: Mutex::new(()),
            session: Cell::new(None),
        })
    }

    /// Who has signed in.
    pub(super) fn identity(&self) -> Option<Identity> {
        self.identity.get()
    }

    /// Takes a fresh identity.
    pub(super) fn sign_in(&self, identity: Identity) {
        self.identity.set(Some(identity));
    }

    /// Whether what was signed in with is not good any more.
    pub(super) fn time_left(&self) -> Option<Duration> {
        let expires = self.identity.get()?.expires_secs?;
        let left = expires
            .saturating_mul(1_000_000)
            .saturating_sub(self.state.clock.wall_us());
        Some(Duration::from_micros(left))
    }

    /// Whether an API key was signed in with.
    pub(super) fn has_key(&self) -> bool {
        let identity = self.identity.get();
        identity.is_some_and(|identity| identity.credential != Credential::Token)
    }

    /// Whether what was signed in with is an API key that was revoked since.
    pub(super) fn is_revoked(&self) -> bool {
        let identity = self.identity.get();
        identity.is_some_and(|identity| is_revoked(&*self.state.exchange, identity))
    }

    /// The caller, if it has one of these rights.
    ///
    /// # Errors
    /// 401 or 403.
    pub(super) fn with_any(&self, scopes: &[Scope]) -> Result<Identity, Problem> {
        let identity = self.identity.get().ok_or_else(unauthenticated)?;
        Authenticated(identity).with_any(scopes)
    }

    /// Takes so many units of the user's limit.
    ///
    /// # Errors
    /// 429, or 503 where rates cannot be counted.
    pub(super) async fn charge(&self, identity: Identity, bucket: Bucket, cost: u32) -> Result<(), Problem> {
        let charged = self.state.limits.charge_user(identity.user_id, bucket, cost);
        charged.await.map(|_| ())
    }

    /// Whether orders are cancelled when the connection ends; switches it on or off. One call at a time.
    ///
    /// # Errors
    /// The exchange does not take it.
    pub(super) async fn cancel_on_disconnect(&self, who: Caller, enabled: bool) -> Result<(), EntryError> {
        let exchange = &self.state.exchange;
        match (self.session.get(), enabled) {
            (None, true) => self.session.set(Some(self.open_session(who).await?)),
            (Some(session), false) => {
                exchange.close_session(session, false).await?;
                self.session.set(None);
            }
            _ => {}
        }
        Ok(())
    }

    /// Opens a session; one that nobody waits for any more when it is open is ended again.
    async fn open_session(&self, who: Caller) -> Result<SessionId, EntryError> {
        let exchange = Arc::clone(&self.state.exchange);
        let (tell, told) = oneshot::channel();
        self.seat.outlive(async move {
            let opened = exchange.open_session(who).await;
            if let Err(Ok(session)) = tell.send(opened) {
                close(exchange, session, false).await;
            }
        });
        told.await.unwrap_or(Err(EntryError::OutcomeUnknown))
    }
}

impl Drop for Connection {
    /// Ends the session, however the connection has ended: this is after its last request.
    fn drop(&mut self) {
        if let Some(session) = self.session.get() {
            let exchange = Arc::clone(&self.state.exchange);
            self.seat.outlive(close(exchange, session, true));
        }
    }
}

/// Ends a session, however long it takes; with `cancel`, its user's orders are cancelled.
async fn close(exchange: Arc<dyn Exchange>, session: SessionId, cancel: bool) {
    let mut pause = CLOSE_RETRY;
    while let Err(error) = exchange.close_session(session, cancel).await {
        tracing::warn!(%error, %session, cancel, "the session of a connection is not ended yet");
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(CLOSE_RETRY_MOST);
    }
}

/// Whether an identity comes from an API key that is good no more.
pub(super) fn is_revoked(exchange: &dyn Exchange, identity: Identity) -> bool {
    match identity.credential {
        Credential::Token => false,
        Credential::ApiKey(id) => exchange
            .api_key(id.as_str())
            .is_none_or(|key| key.revoked_at.is_some()),
    }
}

/// The caller that an identity is.
pub(super) fn who(identity: Identity) -> Caller {
    caller(identity)
}
