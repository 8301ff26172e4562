//! The outermost middleware: request id, limits per address, whole-request timeout, panics, error answers, access log.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::future::{Ready, ready};
use std::panic::AssertUnwindSafe;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{Service, ServiceRequest, ServiceResponse, Transform};
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::http::{ConnectionType, Method};
use actix_web::{Error, HttpMessage};
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use runtime::trace::{self, Span, TraceContext};
use tokio::time::Instant;

use crate::address_limit::has_credentials;
use crate::context::{RequestContext, is_sane};
use crate::{
    AddressLimits, PROBLEM_JSON, Problem, StatusCode, TrustedProxies, connections, cors, metrics, rate,
};

/// The header that carries the request id both ways.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The header that says to which trace a request belongs (W3C Trace Context).
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// What one request may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EdgeLimits {
    /// The largest body, in bytes.
    pub body_bytes: usize,
    /// How long a body may take to arrive.
    pub body_timeout: Duration,
    /// How long a whole request may take.
    pub request_timeout: Duration,
}

impl Default for EdgeLimits {
    /// 16 kB, 5 seconds, 60 seconds.
    fn default() -> Self {
        Self {
            body_bytes: 16 * 1024,
            body_timeout: Duration::from_secs(5),
            request_timeout: Duration::from_secs(60),
        }
    }
}

/// The outermost middleware, for `App::wrap`.
#[derive(Clone)]
pub struct Edge {
    limits: EdgeLimits,
    make_id: Arc<dyn Fn() -> String + Send + Sync>,
    proxies: Arc<TrustedProxies>,
    addresses: Option<Arc<AddressLimits>>,
    /// Whether callers may say to which trace their requests belong.
    joins_callers: bool,
}

impl Edge {
    /// The middleware with these limits; `make_id` names requests whose caller gave no usable name.
    pub fn new(limits: EdgeLimits, make_id: impl Fn() -> String + Send + Sync + 'static) -> Self {
        Self {
            limits,
            make_id: Arc::new(make_id),
            proxies: Arc::default(),
            addresses: None,
            joins_callers: false,
        }
    }

    /// Requests belong to the trace that their caller names: for services whose callers are services of ours. Else each
    /// request has a trace of its own, so that nobody has all of his requests recorded.
    #[must_use]
    pub fn joining_callers(mut self) -> Self {
        self.joins_callers = true;
        self
    }

    /// Believes these proxies what they say about the client's address.
    #[must_use]
    pub fn trusting(mut self, proxies: TrustedProxies) -> Self {
        self.proxies = Arc::new(proxies);
        self
    }

    /// Limits what one address may do, before anything else is looked at.
    #[must_use]
    pub fn limiting_addresses(mut self, limits: Arc<AddressLimits>) -> Self {
        self.addresses = Some(limits);
        self
    }

    /// The work on a request, in its caller's trace where the caller is believed.
    fn span(&self, request: &ServiceRequest) -> Span {
        let parent = request.headers().get(&TRACEPARENT).filter(|_| self.joins_callers);
        let parent = parent.and_then(|parent| TraceContext::parse(parent.to_str().ok()?));
        let method = metrics::method_name(request.method());
        let route = || request.match_pattern().unwrap_or_default();
        let mut span = Span::of_request(|| format!("{method} {}", route()), parent);
        if span.is_recorded() {
            span.set("http.request.method", method);
            span.set("http.route", route());
        }
        span
    }

    fn context(&self, request: &ServiceRequest, trace: Option<TraceContext>) -> Rc<RequestContext> {
        let given = request.headers().get(&REQUEST_ID).and_then(|id| id.to_str().ok());
        let request_id = match given {
            Some(id) if is_sane(id) => id.to_owned(),
            _ => (self.make_id)(),
        };
        Rc::new(RequestContext {
            started: Instant::now(),
            request_id,
            trace,
            limits: self.limits,
            address: self.proxies.client_address(request.request()),
            user_id: Cell::new(None),
            standing: Cell::new(None),
        })
    }

    /// Refuses a request for where it comes from.
    fn admit(&self, request: &ServiceRequest, asked: &mut Asked) -> Result<(), Problem> {
        asked.stays = connections::check(request)?;
        let address = asked.context.address;
        if let Some(limits) = &self.addresses {
            limits.charge(address)?;
        }
        match &asked.login_limits {
            Some(limits) => limits.may_log_in(address),
            None => Ok(()),
        }
    }
}

impl<S, B> Transform<S, ServiceRequest> for Edge
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<BoxBody>;
    type Error = Error;
    type Transform = EdgeService<S>;
    type InitError = ();
    type Future = Ready<Result<Self::Transform, ()>>;

    fn new_transform(&self, service: S) -> Self::Future {
        ready(Ok(EdgeService {
            edge: self.clone(),
            service: Rc::new(service),
        }))
    }
}

/// [`Edge`] around a service.
pub struct EdgeService<S> {
    edge: Edge,
    service: Rc<S>,
}

impl<S, B> Service<ServiceRequest> for EdgeService<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<BoxBody>;
    type Error = Error;
    type Future = LocalBoxFuture<'static, Result<Self::Response, Error>>;

    actix_web::dev::forward_ready!(service);

    fn call(&self, request: ServiceRequest) -> Self::Future {
        let span = self.edge.span(&request);
        let context = self.edge.context(&request, span.context());
        request.extensions_mut().insert(Rc::clone(&context));
        let mut asked = Asked {
            method: request.method().clone(),
            route: request.match_pattern(),
            login_limits: (self.edge.addresses.clone()).filter(|_| has_credentials(request.headers())),
            stays: true,
            context,
            span: RefCell::new(span),
        };
        if let Err(problem) = self.edge.admit(&request, &mut asked) {
            let mut answer = asked.named(problem).response();
            if answer.status() == StatusCode::SERVICE_UNAVAILABLE {
                answer.head_mut().set_connection_type(ConnectionType::Close);
            }
            let trace = asked.context.trace;
            let response = trace::within_sync(trace, || asked.finish(request.into_response(answer)));
            return ready(Ok(response)).boxed_local();
        }
        let service = Rc::clone(&self.service);
        let trace = asked.context.trace;
        let serve = async move {
            let answer = async move { service.call(request).await };
            let answer = AssertUnwindSafe(answer).catch_unwind();
            let answer = tokio::time::timeout(asked.context.limits.request_timeout, answer).await;
            match answer {
                Ok(Ok(Ok(response))) => Ok(asked.finish(response.map_into_boxed_body())),
                Ok(Ok(Err(error))) => Err(asked.fail(from_error(&error))),
                Ok(Err(panic)) => Err(asked.fail(Problem::internal(panic_text(&*panic)))),
                Err(_) => Err(asked.fail(
                    Problem::of_status(StatusCode::GATEWAY_TIMEOUT)
                        .detail("the request took too long; what it asked for may still happen"),
                )),
            }
        };
        trace::within(trace, serve).boxed_local()
    }
}

/// A request that waits for its answer.
struct Asked {
    method: Method,
    route: Option<String>,
    /// Where it counts if this is a login and fails.
    login_limits: Option<Arc<AddressLimits>>,
    /// Whether its connection may stay open behind the answer.
    stays: bool,
    context: Rc<RequestContext>,
    /// Ends with it.
    span: RefCell<Span>,
}

impl Asked {
    /// The answer as it leaves: errors are problems, and it carries the request id.
    fn finish(&self, response: ServiceResponse<BoxBody>) -> ServiceResponse<BoxBody> {
        let mut response = match as_problem(&response) {
            Some(problem) => {
                let mut answer = self.named(problem).response();
                cors::carry_over(response.headers(), answer.headers_mut());
                response.into_response(answer)
            }
            None => response,
        };
        self.mark(response.headers_mut());
        if !self.stays {
            response
                .response_mut()
                .head_mut()
                .set_connection_type(ConnectionType::Close);
        }
        self.account(response.status());
        response
    }

    /// The error as it leaves when there is no answer to change.
    fn fail(&self, problem: Problem) -> Error {
        let mut headers = header::HeaderMap::new();
        self.mark(&mut headers);
        let problem = headers
            .into_iter()
            .fold(self.named(problem), |problem, (name, value)| {
                problem.header(name, value)
            });
        self.account(problem.status());
        problem.into()
    }

    /// The problem under this request's id. Faults of ours are logged here, once.
    fn named(&self, problem: Problem) -> Problem {
        let request_id = &self.context.request_id;
        if let Some(cause) = problem.cause() {
            tracing::error!(request_id, route = self.route(), cause, "request failed");
        }
        problem.request_id(request_id)
    }

    fn mark(&self, headers: &mut header::HeaderMap) {
        if let Ok(id) = HeaderValue::from_str(&self.context.request_id) {
            headers.insert(REQUEST_ID, id);
        }
        headers.insert(
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        );
        if !headers.contains_key(header::CACHE_CONTROL) {
            headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        }
        if let Some(standing) = self.context.standing.get() {
            rate::mark(headers, &standing);
        }
    }

    fn route(&self) -> &str {
        self.route.as_deref().unwrap_or("unmatched")
    }

    /// Counts and logs the answer.
    fn account(&self, status: StatusCode) {
        let took = self.context.started.elapsed();
        metrics::answered(&self.method, self.route(), status, took);
        if let (StatusCode::UNAUTHORIZED, Some(limits)) = (status, &self.login_limits) {
            limits.login_failed(self.context.address);
        }
        let mut span = self.span.borrow_mut();
        span.set("http.response.status_code", i64::from(status.as_u16()));
        if status.is_server_error() {
            span.fail("");
        }
        self.log(status, took);
    }

    /// The access log line. It never has the query string, the body or the token.
    fn log(&self, status: StatusCode, took: Duration) {
        let duration_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        tracing::info!(
            target: "access",
            method = metrics::method_name(&self.method),
            route = self.route(),
            status = status.as_u16(),
            duration_us,
            address = tracing::field::display(self.context.address),
            request_id = self.context.request_id,
            user_id = self.context.user_id.get().map(tracing::field::display),
            "request answered"
        );
    }
}

/// The problem that an error answer is, or must be turned into; none where the answer can leave as it is.
fn as_problem(response: &ServiceResponse<BoxBody>) -> Option<Problem> {
    let status = response.status();
    if !status.is_client_error() && !status.is_server_error() {
        return None;
    }
    if let Some(error) = response.response().error() {
        return Some(from_error(error));
    }
    let json = |kind: &HeaderValue| {
        let kind = kind.as_bytes();
        kind.starts_with(PROBLEM_JSON.as_bytes()) || kind.starts_with(b"application/json")
    };
    if response.headers().get(header::CONTENT_TYPE).is_some_and(json) {
        return None;
    }
    let allowed: Vec<_> = response.headers().get_all(header::ALLOW).cloned().collect();
    Some(Problem::of_status(status).allow(&allowed))
}

/// The problem that an error is. What the framework's own errors say stays inside.
fn from_error(error: &Error) -> Problem {
    if let Some(problem) = error.as_error::<Problem>() {
        return problem.clone();
    }
    let status = error.as_response_error().status_code();
    if status.is_server_error() {
        Problem::internal(error)
    } else {
        Problem::of_status(status)
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("panic: {}", text.unwrap_or("without a text"))
}
