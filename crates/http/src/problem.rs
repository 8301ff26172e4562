//! Error answers: RFC 9457 problem+json with a stable code and the request id.

use std::borrow::Cow;
use std::fmt;

use actix_web::body::BoxBody;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, Responder, ResponseError};
use serde_json::{Map, Value, json};

/// The media type of an error answer.
pub const PROBLEM_JSON: &str = "application/problem+json";

/// The longest text that an error answer repeats or explains, in characters.
const DETAIL_LENGTH: usize = 300;

/// An error answer. The code is stable: callers decide by it; the other texts are for people.
#[derive(Debug, Clone)]
pub struct Problem(Box<Parts>);

#[derive(Debug, Clone)]
struct Parts {
    status: StatusCode,
    code: Cow<'static, str>,
    detail: Option<Cow<'static, str>>,
    field: Option<Cow<'static, str>>,
    request_id: Option<String>,
    extensions: Map<String, Value>,
    headers: Vec<(HeaderName, HeaderValue)>,
    cause: Option<String>,
}

impl Problem {
    /// An error answer with this status and code.
    pub fn new(status: StatusCode, code: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Parts {
            status,
            code: code.into(),
            detail: None,
            field: None,
            request_id: None,
            extensions: Map::new(),
            headers: Vec::new(),
            cause: None,
        }))
    }

    /// The answer that says no more than its status does: unknown route, wrong method and the like.
    pub fn of_status(status: StatusCode) -> Self {
        let code = match status.as_u16() {
            401 => "unauthenticated",
            403 => "forbidden",
            404 => "not_found",
            405 => "method_not_allowed",
            408 => "request_timeout",
            413 => "body_too_large",
            415 => "unsupported_media_type",
            429 => "too_many_requests",
            503 => "unavailable",
            504 => "timeout",
            500..=599 => "internal",
            _ => "bad_request",
        };
        Self::new(status, code)
    }

    /// 400: a field breaks a rule.
    pub fn invalid_field(field: impl Into<Cow<'static, str>>, rule: impl fmt::Display) -> Self {
        let field = field.into();
        let detail = format!("{field} {rule}");
        Self::new(StatusCode::BAD_REQUEST, "invalid_field")
            .field(field)
            .detail(detail)
    }

    /// 500: a fault of ours. The cause is logged under the request id, and the caller gets nothing but that id.
    pub fn internal(cause: impl fmt::Display) -> Self {
        let mut problem = Self::of_status(StatusCode::INTERNAL_SERVER_ERROR);
        problem.0.cause = Some(cause.to_string());
        problem
    }

    /// 503: not now. Tells after how many seconds another try makes sense.
    pub fn unavailable(reason: impl Into<Cow<'static, str>>, retry_after_secs: u32) -> Self {
        Self::of_status(StatusCode::SERVICE_UNAVAILABLE)
            .detail(reason)
            .header(header::RETRY_AFTER, HeaderValue::from(retry_after_secs))
    }

    /// Explains it to a person; long texts are cut.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<Cow<'static, str>>) -> Self {
        let mut detail = detail.into();
        if let Some((at, _)) = detail.char_indices().nth(DETAIL_LENGTH) {
            detail.to_mut().truncate(at);
        }
        self.0.detail = Some(detail);
        self
    }

    /// Names the field that is wrong.
    #[must_use]
    pub fn field(mut self, field: impl Into<Cow<'static, str>>) -> Self {
        self.0.field = Some(field.into());
        self
    }

    /// Adds a member of its own, such as `order_id`.
    #[must_use]
    pub fn with(mut self, member: &str, value: impl Into<Value>) -> Self {
        self.0.extensions.insert(member.to_owned(), value.into());
        self
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.push((name, value));
        self
    }

    /// Names the request.
    #[must_use]
    pub fn request_id(mut self, request_id: &str) -> Self {
        self.0.request_id = Some(request_id.to_owned());
        self
    }

    /// The stable code.
    pub fn code(&self) -> &str {
        &self.0.code
    }

    /// The status.
    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    /// What went wrong inside, for the log only.
    pub fn cause(&self) -> Option<&str> {
        self.0.cause.as_deref()
    }

    /// The body as the caller gets it.
    pub fn body(&self) -> Value {
        let Parts {
            status,
            code,
            detail,
            field,
            request_id,
            extensions,
            headers: _,
            cause: _,
        } = &*self.0;
        let mut body = extensions.clone();
        body.insert("type".to_owned(), json!("about:blank"));
        body.insert(
            "title".to_owned(),
            json!(status.canonical_reason().unwrap_or("Error")),
        );
        body.insert("status".to_owned(), json!(status.as_u16()));
        body.insert("code".to_owned(), json!(code));
        for (name, text) in [("detail", detail.as_deref()), ("field", field.as_deref())] {
            if let Some(text) = text {
                body.insert(name.to_owned(), json!(text));
            }
        }
        if let Some(request_id) = request_id {
            body.insert("request_id".to_owned(), json!(request_id));
        }
        Value::Object(body)
    }

    /// The answer.
    pub fn response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.0.status);
        for (name, value) in &self.0.headers {
            response.insert_header((name.clone(), value.clone()));
        }
        response
            .insert_header((header::CONTENT_TYPE, PROBLEM_JSON))
            .body(self.body().to_string())
    }

    /// The same problem, telling which methods the route does take.
    pub(crate) fn allow(self, methods: &[HeaderValue]) -> Self {
        methods.iter().fold(self, |problem, methods| {
            problem.header(header::ALLOW, methods.clone())
        })
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.0.status.as_u16(), self.0.code)
    }
}

impl std::error::Error for Problem {}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.0.status
    }

    fn error_response(&self) -> HttpResponse<BoxBody> {
        self.response()
    }
}

impl Responder for Problem {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse<BoxBody> {
        HttpResponse::from_error(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_body_has_this_shape() {
        let problem = Problem::invalid_field("price", "must be a multiple of the tick 0.01")
            .with("order_id", "018bcfe5-687b-7000-8000-00000000002a")
            .request_id("r-1");
        assert_eq!(
            problem.body().to_string(),
            r#"{"code":"invalid_field","detail":"price must be a multiple of the tick 0.01","field":"price","order_id":"018bcfe5-687b-7000-8000-00000000002a","request_id":"r-1","status":400,"title":"Bad Request","type":"about:blank"}"#
        );
        assert_eq!(
            problem.response().headers().get(header::CONTENT_TYPE).unwrap(),
            PROBLEM_JSON
        );
    }

    #[test]
    fn a_fault_of_ours_shows_its_request_id_and_nothing_else() {
        let problem = Problem::internal("password for db is hunter2").request_id("r-2");
        assert_eq!(
            problem.body().to_string(),
            r#"{"code":"internal","request_id":"r-2","status":500,"title":"Internal Server Error","type":"about:blank"}"#
        );
        assert!(!problem.to_string().contains("hunter2"));
        assert_eq!(problem.cause(), Some("password for db is hunter2"));
    }

    #[test]
    fn an_extension_cannot_replace_a_member_of_the_standard() {
        let problem = Problem::of_status(StatusCode::CONFLICT)
            .with("status", 200)
            .with("code", "x");
        assert_eq!(problem.body()["status"], 409);
        assert_eq!(problem.body()["code"], "bad_request");
    }

    #[test]
    fn a_long_detail_is_cut_between_characters() {
        let problem = Problem::of_status(StatusCode::BAD_REQUEST).detail("\u{20ac}".repeat(1_000));
        assert_eq!(problem.body()["detail"], "\u{20ac}".repeat(DETAIL_LENGTH));
    }

    #[test]
    fn unavailable_says_when_to_try_again() {
        let response = Problem::unavailable("the queue is full", 2).response();
        assert_eq!(response.status(), 503);
        assert_eq!(response.headers().get(header::RETRY_AFTER).unwrap(), "2");
    }
}
