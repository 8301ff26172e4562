//! WebSocket: the handshake, tickets for it, and what connections may do.

mod connection;
mod handshake;
mod orders;
mod request;
mod session;
mod subscriptions;

use std::time::Duration;

use actix_web::Responder;
use actix_web::web::{Data, Json, ServiceConfig, get, post, resource};
use domain::Stamp;
use http::{Authenticated, NoBody, Problem, StatusCode, Tickets};
use serde::Serialize;

use crate::ApiState;
use crate::wire::time;

/// What WebSocket connections may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WsLimits {
    /// How often the server sends a ping.
    pub heartbeat: Duration,
    /// A connection from which nothing came for so long is closed.
    pub idle: Duration,
    /// A connection that has neither signed in nor asked for anything after so long is closed.
    pub first_request: Duration,
    /// The largest frame that is taken, in bytes.
    pub max_frame: usize,
    /// Channels of one connection.
    pub subscriptions: usize,
    /// Connections of one user.
    pub connections_per_user: usize,
    /// Connections in all.
    pub connections: usize,
    /// Frames of one connection in a second. So many channels, or `subscriptions` where that is more, may be subscribed to
    /// in a second.
    pub messages_per_second: u32,
    /// Requests of one connection that wait for an answer; further ones wait unread.
    pub in_flight: usize,
}

impl Default for WsLimits {
    /// As the WebSocket guide says.
    fn default() -> Self {
        Self {
            heartbeat: Duration::from_secs(15),
            idle: Duration::from_secs(30),
            first_request: Duration::from_secs(5),
            max_frame: 64 * 1024,
            subscriptions: 200,
            connections_per_user: 50,
            connections: 10_000,
            messages_per_second: 100,
            in_flight: 20,
        }
    }
}

/// Adds `GET /ws` and the route for tickets.
pub(crate) fn routes(config: &mut ServiceConfig) {
    config.service(resource("/api/v1/ws-ticket").route(post().to(ticket)));
    connection_route(config);
}

/// Adds `GET /ws`.
pub(crate) fn connection_route(config: &mut ServiceConfig) {
    config.service(resource("/ws").route(get().to(handshake::connect)));
}

#[derive(Serialize)]
struct TicketBody {
    ticket: String,
    expires_at: String,
}

async fn ticket(
    Authenticated(identity): Authenticated,
    state: Data<ApiState>,
    _: NoBody,
) -> Result<impl Responder, Problem> {
    let (now, at) = (state.clock.monotonic(), state.now());
    let ticket = state.tickets.issue(identity, now).await;
    let ticket = ticket.ok_or_else(|| Problem::unavailable("too many tickets wait to be used", 1))?;
    let life = u64::try_from(Tickets::LIFE.as_micros()).unwrap_or(u64::MAX);
    let expires_at = time(Stamp::from_micros(at.micros().saturating_add(life)));
    Ok((Json(TicketBody { ticket, expires_at }), StatusCode::CREATED))
}
