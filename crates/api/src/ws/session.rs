//! The life of a connection: reads requests, writes frames, watches the time.

use std::future::{Future, poll_fn};
use std::panic::AssertUnwindSafe;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use actix_ws::{Item, Message, MessageStream, ProtocolError, Session};
use futures_util::FutureExt;
use futures_util::future::join;
use http::{Problem, StatusCode};
use runtime::trace::{self, Span};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior};
use trading::Caller;

use super::WsLimits;
use super::connection::Connection;
use super::orders;
use super::request::{Head, Outcome, Refused, Request, ok, read};
use super::subscriptions;
use crate::caller::user;
use crate::streams::Seat;
use crate::streams::outbox::{Close, Frame, Inbox, Queued};
use crate::wire::time;

/// How long the last frames of a connection may take to leave.
const FAREWELL: Duration = Duration::from_secs(5);
/// How often the time of a token is looked at again at least.
const LOOK: Duration = Duration::from_secs(3_600);
/// The window in which frames are counted.
const SECOND: Duration = Duration::from_secs(1);

/// Serves a connection until it ends.
pub(super) async fn run(connection: Rc<Connection>, inbox: Inbox, session: Session, stream: MessageStream) {
    let seat = Rc::clone(&connection.seat);
    let writing = write(seat, inbox, session, connection.state.ws.heartbeat);
    // With the reader the connection ends, and with it the orders that were to be cancelled then; its seat stays taken
    // until the farewell is said.
    let reading = Reader::new(connection).run(stream);
    join(writing, reading).await;
}

/// Sends what is queued, and pings; at the end the close frame.
async fn write(seat: Rc<Seat>, inbox: Inbox, mut session: Session, heartbeat: Duration) {
    let Inbox { mut frames, mut cut } = inbox;
    let mut ping = tokio::time::interval(heartbeat);
    ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ping.reset();
    let close = loop {
        let next = tokio::select! {
            biased;
            close = Inbox::ended(&mut cut) => break close,
            _ = ping.tick() => Some(None),
            next = frames.recv() => next.map(Some),
        };
        let Some(next) = next else { break Close::Gone };
        let mut sending = std::pin::pin!(send(&mut session, next));
        tokio::select! {
            biased;
            sent = &mut sending => if !sent { break Close::Gone },
            close = Inbox::ended(&mut cut) => {
                if close.is_orderly() {
                    // A frame that is on its way is not dropped.
                    let _ = tokio::time::timeout(FAREWELL, sending).await;
                }
                break close;
            }
        }
    };
    seat.outbox.cut(close);
    tracing::debug!(?close, "a connection ends");
    metrics::counter!("ws_closed_total", "code" => close.code().to_string()).increment(1);
    let farewell = async {
        if close.is_orderly() {
            while let Ok(next) = frames.try_recv() {
                send(&mut session, Some(next)).await;
            }
        }
        // An error says that the connection has gone already.
        let _ = session.close(Some(close.reason())).await;
    };
    if tokio::time::timeout(FAREWELL, farewell).await.is_err() {
        tracing::debug!(?close, "a connection was dropped without a close frame");
    }
}

/// Sends a frame, or a ping. False: the connection is gone.
async fn send(session: &mut Session, queued: Option<Queued>) -> bool {
    let sent = match queued.as_ref().map(Queued::frame) {
        Some(Frame::Text(text)) => session.text(text.clone()).await,
        Some(Frame::Pong(bytes)) => session.pong(bytes).await,
        None => session.ping(b"").await,
    };
    if let Some(queued) = queued {
        crate::figures::sent(queued.waited());
    }
    sent.is_ok()
}

struct Reader {
    connection: Rc<Connection>,
    limits: WsLimits,
    cut: watch::Receiver<Option<Close>>,
    opened: Instant,
    last_sign: Instant,
    /// Whether anything was asked for.
    has_asked: bool,
    window: Instant,
    in_window: u32,
    /// Channels that were subscribed to in the window.
    channels_in_window: usize,
    /// What came of a text in pieces.
    pieces: Option<Vec<u8>>,
}

impl Reader {
    fn new(connection: Rc<Connection>) -> Self {
        let now = Instant::now();
        Self {
            limits: connection.state.ws,
            cut: connection.seat.outbox.watch(),
            opened: now,
            last_sign: now,
            has_asked: false,
            window: now,
            in_window: 0,
            channels_in_window: 0,
            pieces: None,
            connection,
        }
    }

    /// Reads until the connection ends.
    async fn run(mut self, mut stream: MessageStream) {
        loop {
            let (deadline, reason) = self.next_deadline();
            let message = tokio::select! {
                biased;
                _ = Inbox::ended(&mut self.cut) => return,
                message = stream.recv() => message,
                () = tokio::time::sleep_until(deadline) => {
                    if self.is_due(reason) {
                        self.connection.seat.outbox.cut(reason);
                    }
                    continue;
                }
            };
            self.last_sign = Instant::now();
            if let Err(close) = self.take(message).await {
                self.connection.seat.outbox.cut(close);
                return;
            }
        }
    }

    /// When the connection ends unless something happens, and why.
    fn next_deadline(&self) -> (Instant, Close) {
        let mut next = (self.last_sign + self.limits.idle, Close::Lost);
        let identity = self.connection.identity();
        if identity.is_none() && !self.has_asked {
            next = sooner(next, (self.opened + self.limits.first_request, Close::Silent));
        }
        if let Some(left) = self.connection.time_left() {
            next = sooner(next, (Instant::now() + left.min(LOOK), Close::Expired));
        }
        if self.connection.has_key() {
            next = sooner(next, (Instant::now() + self.limits.heartbeat, Close::Revoked));
        }
        next
    }

    /// Whether the reason to end the connection holds once its deadline has come.
    fn is_due(&self, reason: Close) -> bool {
        match reason {
            Close::Expired => self.connection.time_left().is_some_and(|left| left.is_zero()),
            Close::Revoked => self.connection.is_revoked(),
            _ => true,
        }
    }

    async fn take(&mut self, message: Option<Result<Message, ProtocolError>>) -> Result<(), Close> {
        let message = match message {
            None => return Err(Close::Gone),
            Some(Err(ProtocolError::Overflow)) => return Err(Close::TooLarge),
            Some(Err(ProtocolError::Io(error))) if error.kind() == std::io::ErrorKind::InvalidData => {
                return Err(Close::NoRequest);
            }
            Some(Err(_)) => return Err(Close::Gone),
            Some(Ok(message)) => message,
        };
        self.count()?;
        if self.connection.is_revoked() {
            return Err(Close::Revoked);
        }
        match message {
            Message::Text(_) if self.pieces.is_some() => Err(Close::NoRequest),
            Message::Text(text) => self.request(&text).await,
            Message::Continuation(piece) => match self.join(piece)? {
                Some(text) => self.request(&text).await,
                None => Ok(()),
            },
            Message::Binary(_) => Err(Close::Binary),
            Message::Ping(bytes) => {
                self.connection.seat.outbox.send(Frame::Pong(bytes));
                Ok(())
            }
            Message::Pong(_) | Message::Nop => Ok(()),
            Message::Close(_) => Err(Close::Gone),
        }
    }

    /// Puts the pieces of a text together; together they may be as large as one frame.
    fn join(&mut self, piece: Item) -> Result<Option<String>, Close> {
        let (bytes, is_first, is_last) = match piece {
            Item::FirstText(bytes) => (bytes, true, false),
            Item::FirstBinary(_) => return Err(Close::Binary),
            Item::Continue(bytes) => (bytes, false, false),
            Item::Last(bytes) => (bytes, false, true),
        };
        let mut text = match (self.pieces.take(), is_first) {
            (None, true) => Vec::new(),
            (Some(text), false) => text,
            _ => return Err(Close::NoRequest),
        };
        if text.len() + bytes.len() > self.limits.max_frame {
            return Err(Close::TooLarge);
        }
        text.extend_from_slice(&bytes);
        if is_last {
            return String::from_utf8(text).map(Some).map_err(|_| Close::NoRequest);
        }
        self.pieces = Some(text);
        Ok(None)
    }

    /// Counts a frame.
    fn count(&mut self) -> Result<(), Close> {
        if self.last_sign - self.window >= SECOND {
            self.window = self.last_sign;
            self.in_window = 0;
            self.channels_in_window = 0;
        }
        self.in_window += 1;
        if self.in_window > self.limits.messages_per_second {
            return Err(Close::TooMany("too many messages"));
        }
        Ok(())
    }

    /// Counts channels that are subscribed to: each makes a snapshot.
    fn count_channels(&mut self, channels: usize) -> Result<(), Close> {
        self.channels_in_window = self.channels_in_window.saturating_add(channels);
        let frames = usize::try_from(self.limits.messages_per_second).unwrap_or(usize::MAX);
        if self.channels_in_window > frames.max(self.limits.subscriptions) {
            return Err(Close::TooMany("too many subscriptions"));
        }
        Ok(())
    }

    /// Starts what a frame asks for, behind what was asked before.
    async fn request(&mut self, text: &str) -> Result<(), Close> {
        let request = match read(text) {
            Ok(request) => request,
            Err(Refused::NoRequest) => return Err(Close::NoRequest),
            Err(Refused::Faulty(head, problem)) => {
                self.has_asked = true;
                self.answer(head, Err(problem));
                return Ok(());
            }
        };
        let head = request.head();
        if let Request::Auth { token, .. } = request {
            let outcome = self.sign_in(&token)?;
            self.answer(head, outcome);
            return Ok(());
        }
        self.has_asked = true;
        if let Request::Subscribe { channels, .. } = &request {
            self.count_channels(channels.len())?;
        }
        let places = std::sync::Arc::clone(&self.connection.in_flight);
        let place = tokio::select! {
            biased;
            _ = Inbox::ended(&mut self.cut) => return Ok(()),
            place = places.acquire_owned() => place.map_err(|_| Close::Gone)?,
        };
        // It may have waited long.
        if self.connection.is_revoked() {
            return Err(Close::Revoked);
        }
        // Work on orders has a trace of its own, as if it came over HTTP.
        let span = Span::of_request(|| format!("ws {}", head.op), None);
        let trace = span.context();
        let admitted = match trace::within(trace, admit(&self.connection, &request)).await {
            Ok(admitted) => admitted,
            Err(problem) => {
                self.answer(head, Err(problem));
                return Ok(());
            }
        };
        let connection = Rc::clone(&self.connection);
        let work = async move {
            let work = AssertUnwindSafe(carry_out(&connection, admitted, request)).catch_unwind();
            let outcome = trace::within(trace, work)
                .await
                .unwrap_or_else(|_| Err(Problem::internal("a request panicked")));
            connection.seat.outbox.send(head.answer(outcome));
            drop((place, span));
        };
        start(work).await;
        Ok(())
    }

    /// Takes a token.
    fn sign_in(&self, token: &SecretString) -> Result<Outcome, Close> {
        let Connection {
            state, seat, address, ..
        } = &*self.connection;
        if state.addresses.may_log_in(*address).is_err() {
            return Err(Close::TooMany("too many failed logins"));
        }
        let Ok(identity) = state.verifier.verify(token.expose_secret()) else {
            state.addresses.login_failed(*address);
            return Err(Close::BadToken);
        };
        let before = self.connection.identity();
        if before.is_some_and(|before| before.user_id != identity.user_id) {
            let problem = Problem::of_status(StatusCode::FORBIDDEN).detail("the token is another user's");
            return Ok(Err(problem));
        }
        if !seat.sign_in(user(identity), self.limits.connections_per_user) {
            return Err(Close::TooMany("too many connections of this user"));
        }
        self.connection.sign_in(identity);
        Ok(ok(json!({ "user_id": identity.user_id.to_string() })))
    }

    fn answer(&self, head: Head, outcome: Outcome) {
        self.connection.seat.outbox.send(head.answer(outcome));
    }
}

/// Checks rights and takes what the request costs; the caller, where it needs one.
async fn admit(connection: &Connection, request: &Request) -> Result<Option<Caller>, Problem> {
    match request {
        Request::Auth { .. }
        | Request::Unsubscribe { .. }
        | Request::Subscriptions { .. }
        | Request::Ping { .. } => Ok(None),
        Request::Subscribe { channels, .. } => subscriptions::admit(connection, channels).await,
        _ => orders::admit(connection, request).await.map(Some),
    }
}

/// Carries an admitted request out.
async fn carry_out(connection: &Connection, caller: Option<Caller>, request: Request) -> Outcome {
    match (request, caller) {
        (Request::Ping { .. }, _) => ok(json!({ "time": time(connection.state.now()) })),
        (Request::Subscriptions { .. }, _) => ok(json!({ "channels": connection.seat.followed() })),
        (
            Request::Subscribe {
                channels,
                fills_after,
                ..
            },
            caller,
        ) => subscriptions::subscribe(connection, caller, channels, fills_after).await,
        (Request::Unsubscribe { channels, .. }, _) => subscriptions::unsubscribe(connection, channels).await,
        (request, Some(caller)) => orders::carry_out(connection, caller, request).await,
        (_, None) => Err(Problem::internal("a request without a caller")),
    }
}

/// Lets work begin at once, so that later work comes behind it, and go on by itself.
async fn start(work: impl Future<Output = ()> + 'static) {
    let mut work = Box::pin(work);
    let begun = poll_fn(|context| Poll::Ready(work.as_mut().poll(context))).await;
    if begun.is_pending() {
        actix_web::rt::spawn(work);
    }
}

fn sooner(one: (Instant, Close), other: (Instant, Close)) -> (Instant, Close) {
    if other.0 < one.0 { other } else { one }
}
