//! The handshake: who may connect, and as whom.

use actix_web::http::header::{self, HeaderValue};
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use http::{Authenticated, Identity, Problem, QueryParams, StatusCode, client_address};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::connection::{Connection, is_revoked};
use super::session;
use crate::ApiState;
use crate::caller::user;
use crate::streams::Seat;

/// What the address of a handshake may carry. It never reaches a log.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Shown {
    token: Option<SecretString>,
    ticket: Option<SecretString>,
}

/// Opens a connection.
pub(super) async fn connect(
    request: HttpRequest,
    payload: Payload,
    state: Data<ApiState>,
    QueryParams(shown): QueryParams<Shown>,
) -> Result<HttpResponse, Problem> {
    if !state.origins.allow(&request) {
        return Err(Problem::of_status(StatusCode::FORBIDDEN).detail("the origin is not allowed"));
    }
    let (response, session, stream) = actix_ws::handle(&request, payload).map_err(|_| {
        Problem::of_status(StatusCode::BAD_REQUEST).detail("this is no handshake of a WebSocket")
    })?;
    let limits = state.ws;
    let identity = identify(&request, &state, shown).await?;
    let Some((seat, inbox)) = Seat::take(&state.streams, limits.connections) else {
        return Err(Problem::unavailable("there are too many connections", 5));
    };
    if let Some(identity) = identity
        && !seat.sign_in(user(identity), limits.connections_per_user)
    {
        return Err(too_many_connections());
    }
    let stream = stream.max_frame_size(limits.max_frame);
    let address = client_address(&request);
    let connection = Connection::new(state.get_ref().clone(), seat, identity, address);
    actix_web::rt::spawn(session::run(connection, inbox, session, stream));
    Ok(response)
}

/// The caller, where it has shown anything.
async fn identify(
    request: &HttpRequest,
    state: &ApiState,
    shown: Shown,
) -> Result<Option<Identity>, Problem> {
    let headers = request.headers();
    let in_header = headers.contains_key(header::AUTHORIZATION) || headers.contains_key("x-api-key");
    match (in_header, shown.token, shown.ticket) {
        (false, None, None) => Ok(None),
        (true, None, None) => Authenticated::of(request).map(|Authenticated(identity)| Some(identity)),
        (false, Some(token), None) => {
            let check = async { state.verifier.verify(token.expose_secret()).ok() };
            logged_in(request, state, check).await
        }
        (false, None, Some(ticket)) => {
            let check = async {
                let shown = state
                    .tickets
                    .redeem(ticket.expose_secret(), state.clock.monotonic());
                let identity = shown.await;
                identity.filter(|identity| !is_revoked(&*state.exchange, *identity))
            };
            logged_in(request, state, check).await
        }
        _ => Err(Problem::of_status(StatusCode::BAD_REQUEST).detail("sign in in one way only")),
    }
}

async fn logged_in(
    request: &HttpRequest,
    state: &ApiState,
    check: impl Future<Output = Option<Identity>>,
) -> Result<Option<Identity>, Problem> {
    let address = client_address(request);
    state.addresses.may_log_in(address)?;
    match check.await {
        Some(identity) => Ok(Some(identity)),
        None => {
            state.addresses.login_failed(address);
            Err(unauthenticated())
        }
    }
}

/// 401, always the same.
pub(super) fn unauthenticated() -> Problem {
    Problem::of_status(StatusCode::UNAUTHORIZED)
        .header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
}

fn too_many_connections() -> Problem {
    Problem::new(StatusCode::TOO_MANY_REQUESTS, "too_many_connections")
        .detail("this user has too many connections open")
}
