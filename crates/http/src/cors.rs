//! Which web pages may call: exact origins for CORS and for WebSocket handshakes.

use actix_cors::Cors;
use actix_web::HttpRequest;
use actix_web::http::Uri;
use actix_web::http::header::{self, HeaderMap, HeaderName};
use actix_web::middleware::Condition;
use serde::Deserialize;

/// The headers that pages may send.
const ALLOWED: [&str; 7] = [
    "authorization",
    "content-type",
    "x-request-id",
    "x-api-key",
    "x-api-timestamp",
    "x-api-signature",
    "x-api-recv-window",
];

/// The headers that pages may read.
const EXPOSED: [&str; 6] = [
    "x-request-id",
    "ratelimit-limit",
    "ratelimit-remaining",
    "ratelimit-reset",
    "retry-after",
    "location",
];

/// For how many seconds a browser remembers what it may do.
const MAX_AGE_SECS: usize = 600;

/// The origins whose pages may call; by default none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Vec<String>")]
pub struct Origins(Vec<String>);

/// An entry that is no exact origin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no exact origin such as https://app.example.com")]
pub struct BadOrigin(String);

impl Origins {
    /// Reads exact origins: scheme, host in lower case, and the port unless it is the scheme's own.
    ///
    /// # Errors
    /// Names the first entry that is none: patterns, paths and `null` are refused.
    pub fn parse<S: AsRef<str>>(entries: &[S]) -> Result<Self, BadOrigin> {
        let origin = |entry: &S| {
            let entry = entry.as_ref();
            if is_exact(entry) {
                Ok(entry.to_owned())
            } else {
                Err(BadOrigin(entry.to_owned()))
            }
        };
        Ok(Self(entries.iter().map(origin).collect::<Result<_, _>>()?))
    }

    /// The CORS middleware. Wrap it inside of the edge layer, so `.wrap(origins.cors()).wrap(edge)`. Without origins it
    /// does nothing.
    pub fn cors(&self) -> Condition<Cors> {
        let cors = Cors::default()
            .allowed_methods(["GET", "POST", "PATCH", "PUT", "DELETE"])
            .allowed_headers(ALLOWED)
            .expose_headers(EXPOSED)
            .max_age(MAX_AGE_SECS);
        let origins = self.0.iter();
        let cors = origins.fold(cors, |cors, origin| cors.allowed_origin(origin));
        Condition::new(!self.0.is_empty(), cors)
    }

    /// Whether a WebSocket handshake may come from where it says it does. Without an origin it does not come from a web
    /// page; pages of this server itself may always.
    pub fn allow(&self, request: &HttpRequest) -> bool {
        let mut given = request.headers().get_all(header::ORIGIN);
        let (origin, None) = (given.next(), given.next()) else {
            return false;
        };
        let Some(origin) = origin else { return true };
        let Ok(origin) = origin.to_str() else { return false };
        self.0.iter().any(|allowed| allowed == origin) || is_own(origin, request)
    }
}

impl TryFrom<Vec<String>> for Origins {
    type Error = BadOrigin;

    fn try_from(entries: Vec<String>) -> Result<Self, BadOrigin> {
        Self::parse(&entries)
    }
}

/// Whether it is what a browser would send for one origin.
fn is_exact(entry: &str) -> bool {
    let own_port = [("https://", ":443"), ("http://", ":80")];
    let Some((host, own_port)) = own_port
        .iter()
        .find_map(|(scheme, port)| entry.strip_prefix(scheme).map(|host| (host, port)))
    else {
        return false;
    };
    let plain = |b: u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-' | b'_' | b':' | b'[' | b']');
    let is_authority = entry
        .parse::<Uri>()
        .is_ok_and(|uri| uri.host().is_some_and(|host| !host.is_empty()) && has_good_port(&uri));
    host.bytes().all(plain) && !host.ends_with(own_port) && is_authority
}

fn has_good_port(uri: &Uri) -> bool {
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    let port = authority.rsplit_once(':').map(|(_, port)| port);
    // What ends with a bracket is an IPv6 address without a port.
    port.is_none_or(|port| port.ends_with(']') || uri.port_u16().is_some())
}

/// Whether the origin is the host that the request was sent to.
fn is_own(origin: &str, request: &HttpRequest) -> bool {
    let host = request.headers().get(header::HOST);
    let host = host
        .and_then(|host| host.to_str().ok())
        .or_else(|| request.uri().authority().map(|authority| authority.as_str()));
    let of_page = ["https://", "http://"]
        .iter()
        .find_map(|scheme| origin.strip_prefix(scheme));
    matches!((host, of_page), (Some(host), Some(of_page)) if !host.is_empty() && host.eq_ignore_ascii_case(of_page))
}

/// Takes what CORS says about an answer over to the answer that replaces it.
pub(crate) fn carry_over(from: &HeaderMap, to: &mut HeaderMap) {
    let of_cors = |name: &HeaderName| *name == header::VARY || name.as_str().starts_with("access-control-");
    for (name, value) in from.iter().filter(|(name, _)| of_cors(name)) {
        to.append(name.clone(), value.clone());
    }
}
