//! Requests that are signed with an API key: the middleware that checks them, and the keys it needs to know.

use std::future::{Ready, ready};
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{Payload, Service, ServiceRequest, ServiceResponse, Transform};
use actix_web::http::header::{self, HeaderMap, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::{Error, HttpMessage, HttpResponse};
use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use ipnet::IpNet;
use runtime::Clock;
use uuid::Uuid;

use crate::auth::unauthenticated;
use crate::body::collect;
use crate::context::RequestContext;
use crate::replay::{SeenSignatures, Sight, SignatureStore, name_of};
use crate::signature::{KeyMaterial, SignedParts, verify};
use crate::{Credential, EdgeLimits, Identity, KeyId, Problem, Scopes, SecretBox};

/// The header with the id of the key.
pub(crate) const KEY: &str = "x-api-key";
/// The header with the time of signing, in milliseconds since 1970.
const TIMESTAMP: &str = "x-api-timestamp";
/// The header with the time for which the signature is good, in milliseconds.
const RECV_WINDOW: &str = "x-api-recv-window";
/// The header with the signature.
const SIGNATURE: &str = "x-api-signature";
/// The receive window of requests that name none.
const DEFAULT_WINDOW: &str = "5000";
/// The longest receive window, in milliseconds.
const LONGEST_WINDOW_MS: u64 = 60_000;
/// How far a timestamp may be ahead of our clock, in milliseconds.
const AHEAD_MS: u64 = 1_000;
/// How many signatures are remembered at once.
const SIGNATURES: usize = 1 << 18;
/// The most digits of a number in a header.
const DIGITS: usize = 16;

/// What is known of an API key.
#[derive(Debug, Clone)]
pub struct ApiKeyRecord {
    /// Whose it is.
    pub user_id: Uuid,
    /// The user's institution.
    pub institution_id: Option<Uuid>,
    /// What it may do.
    pub scopes: Scopes,
    /// What its signatures are checked with.
    pub material: KeyMaterial,
    /// The networks that it may be used from; any where there is none.
    pub addresses: Vec<IpNet>,
    /// Whether it was taken back.
    pub revoked: bool,
}

/// Where API keys are looked up. Asked by the workers of the server, so it must answer from memory.
pub trait KeyStore: Send + Sync {
    /// The key with this id.
    fn find(&self, key_id: &str) -> Option<ApiKeyRecord>;
}

/// The middleware that checks requests with `X-API-Key`. It stands inside [`crate::Edge`], whose limits hold for the
/// body. Clones share what they have seen, so that no worker takes a request that another one took.
///
/// A good request gets its [`Identity`] among its extensions, where [`crate::Authenticated`] finds it. A bad one gets
/// the 401 of every bad token. Requests without the header pass untouched.
#[derive(Clone)]
pub struct ApiKeyLayer {
    gate: Arc<Gate>,
    body_bytes: usize,
}

impl ApiKeyLayer {
    /// The middleware over these keys.
    pub fn new(keys: Arc<dyn KeyStore>, secrets: SecretBox, clock: Clock) -> Self {
        Self::with_room(keys, secrets, clock, SIGNATURES)
    }

    /// The same, with room for about so many signatures whose windows have not ended. Where it is full, 503.
    pub fn with_room(keys: Arc<dyn KeyStore>, secrets: SecretBox, clock: Clock, signatures: usize) -> Self {
        let gate = Gate {
            keys,
            secrets,
            clock,
            seen: SeenSignatures::new(signatures),
            shared: None,
        };
        Self {
            gate: Arc::new(gate),
            body_bytes: 0,
        }
    }

    /// Takes bodies of up to so many bytes, where the edge takes fewer: those of routes that take more.
    #[must_use]
    pub fn with_bodies_of(mut self, bytes: usize) -> Self {
        self.body_bytes = bytes;
        self
    }

    /// The same, which also asks this store whether another gateway has taken a signature.
    pub fn sharing(
        keys: Arc<dyn KeyStore>,
        secrets: SecretBox,
        clock: Clock,
        shared: Option<Arc<dyn SignatureStore>>,
    ) -> Self {
        let gate = Gate {
            keys,
            secrets,
            clock,
            seen: SeenSignatures::new(SIGNATURES),
            shared,
        };
        Self {
            gate: Arc::new(gate),
            body_bytes: 0,
        }
    }
}

impl std::fmt::Debug for ApiKeyLayer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ApiKeyLayer").finish_non_exhaustive()
    }
}

impl<S, B> Transform<S, ServiceRequest> for ApiKeyLayer
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<BoxBody>;
    type Error = Error;
    type Transform = ApiKeyService<S>;
    type InitError = ();
    type Future = Ready<Result<Self::Transform, ()>>;

    fn new_transform(&self, service: S) -> Self::Future {
        ready(Ok(ApiKeyService {
            gate: Arc::clone(&self.gate),
            body_bytes: self.body_bytes,
            service: Rc::new(service),
        }))
    }
}

/// [`ApiKeyLayer`] around a service.
pub struct ApiKeyService<S> {
    gate: Arc<Gate>,
    body_bytes: usize,
    service: Rc<S>,
}

impl<S, B> Service<ServiceRequest> for ApiKeyService<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<BoxBody>;
    type Error = Error;
    type Future = LocalBoxFuture<'static, Result<Self::Response, Error>>;

    actix_web::dev::forward_ready!(service);

    fn call(&self, mut request: ServiceRequest) -> Self::Future {
        if !request.headers().contains_key(KEY) {
            let answer = self.service.call(request);
            return async move { Ok(answer.await?.map_into_boxed_body()) }.boxed_local();
        }
        let (gate, service) = (Arc::clone(&self.gate), Rc::clone(&self.service));
        let body_bytes = self.body_bytes;
        async move {
            match gate.admit(&mut request, body_bytes).await {
                Ok(identity) => {
                    request.extensions_mut().insert(identity);
                    Ok(service.call(request).await?.map_into_boxed_body())
                }
                Err(problem) => {
                    let (request, _) = request.into_parts();
                    Ok(ServiceResponse::new(request, HttpResponse::from_error(problem)))
                }
            }
        }
        .boxed_local()
    }
}

/// What all workers share.
struct Gate {
    keys: Arc<dyn KeyStore>,
    secrets: SecretBox,
    clock: Clock,
    seen: SeenSignatures,
    shared: Option<Arc<dyn SignatureStore>>,
}

impl Gate {
    /// Who signed the request. Its body is read and given back.
    async fn admit(&self, request: &mut ServiceRequest, body_bytes: usize) -> Result<Identity, Problem> {
        let shown = Shown::of(request.headers()).ok_or_else(unauthenticated)?;
        let record = self.keys.find(shown.key_id.as_str());
        let record = record
            .filter(|record| {
                !record.revoked && allows(record, Some(crate::client_address(request.request())))
            })
            .filter(|_| shown.is_in_time(self.now_ms()))
            .ok_or_else(unauthenticated)?;
        let body = take_body(request, body_bytes).await?;
        let target = request
            .uri()
            .path_and_query()
            .map_or("", |target| target.as_str());
        let message = SignedParts {
            timestamp: &shown.timestamp,
            recv_window: &shown.recv_window,
            method: request.method().as_str(),
            target,
            body: &body,
        }
        .bytes();
        let signature = verify(
            shown.key_id,
            &record.material,
            &self.secrets,
            &message,
            &shown.signature,
        )
        .ok_or_else(unauthenticated)?;
        // The body may have taken its time; what is compared with what was seen must be in time now.
        let now_ms = self.now_ms();
        if !shown.is_in_time(now_ms) {
            return Err(unauthenticated());
        }
        match self.seen.see(shown.key_id, &signature, shown.ends_ms(), now_ms) {
            Sight::First => {}
            Sight::Again => return Err(unauthenticated()),
            Sight::Full => return Err(Problem::unavailable("too many signed requests at once", 1)),
            Sight::Share => {
                return Err(Problem::new(StatusCode::TOO_MANY_REQUESTS, "rate_limited")
                    .detail(
                        "this key has too many signed requests whose windows have not ended: shorten them",
                    )
                    .header(header::RETRY_AFTER, HeaderValue::from_static("1")));
            }
        }
        if let Some(shared) = &self.shared {
            let life = Duration::from_millis(shown.ends_ms().saturating_sub(now_ms) + 1_000);
            let name = name_of(shown.key_id, &signature);
            if shared.is_first(&name, life).await == Some(false) {
                return Err(unauthenticated());
            }
        }
        if !body.is_empty() {
            request.set_payload(Payload::from(body));
        }
        Ok(Identity {
            user_id: record.user_id,
            institution_id: record.institution_id,
            scopes: record.scopes,
            expires_secs: None,
            credential: Credential::ApiKey(shown.key_id),
        })
    }

    fn now_ms(&self) -> u64 {
        self.clock.wall_us() / 1_000
    }
}

/// What the headers of a signed request show.
struct Shown {
    key_id: KeyId,
    timestamp: String,
    timestamp_ms: u64,
    recv_window: String,
    window_ms: u64,
    signature: String,
}

impl Shown {
    /// None where a header is missing, stands there twice or cannot be read, or where a token comes with it.
    fn of(headers: &HeaderMap) -> Option<Self> {
        if headers.contains_key(header::AUTHORIZATION) {
            return None;
        }
        let timestamp = only(headers, TIMESTAMP)?;
        let recv_window = if headers.contains_key(RECV_WINDOW) {
            only(headers, RECV_WINDOW)?
        } else {
            DEFAULT_WINDOW
        };
        Some(Self {
            key_id: KeyId::new(only(headers, KEY)?)?,
            timestamp: timestamp.to_owned(),
            timestamp_ms: number(timestamp)?,
            recv_window: recv_window.to_owned(),
            window_ms: number(recv_window).filter(|window| *window <= LONGEST_WINDOW_MS)?,
            signature: only(headers, SIGNATURE)?.to_owned(),
        })
    }

    fn is_in_time(&self, now_ms: u64) -> bool {
        self.timestamp_ms < now_ms.saturating_add(AHEAD_MS)
            && now_ms.saturating_sub(self.timestamp_ms) <= self.window_ms
    }

    /// The last millisecond in which it is in time.
    fn ends_ms(&self) -> u64 {
        self.timestamp_ms.saturating_add(self.window_ms)
    }
}

/// The text of a header that stands there once.
fn only<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut values = headers.get_all(name);
    let (Some(value), None) = (values.next(), values.next()) else {
        return None;
    };
    value.to_str().ok()
}

/// A number of plain digits.
fn number(text: &str) -> Option<u64> {
    let plain = text.len() <= DIGITS && text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

fn allows(record: &ApiKeyRecord, address: Option<IpAddr>) -> bool {
    let addresses = &record.addresses;
    addresses.is_empty()
        || address.is_some_and(|address| {
            let address = address.to_canonical();
            addresses.iter().any(|network| network.contains(&address))
        })
}

/// Takes the body out of a request. What follows the head of a WebSocket handshake is none and stays.
async fn take_body(request: &mut ServiceRequest, body_bytes: usize) -> Result<Bytes, Problem> {
    let upgrade = request.headers().get(header::UPGRADE);
    let websocket = upgrade.is_some_and(|to| to.as_bytes().eq_ignore_ascii_case(b"websocket"));
    if websocket && *request.method() == Method::GET {
        return Ok(Bytes::new());
    }
    let context = RequestContext::of(request.request());
    let mut limits = context.map_or_else(EdgeLimits::default, |context| context.limits);
    // The handler's own limit is looked at when the body is read again.
    limits.body_bytes = limits.body_bytes.max(body_bytes);
    collect(request.take_payload(), &limits).await
}
