//! JSON bodies: read within a limit and a deadline, refused with the field that is wrong.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::header::{self, HeaderMap};
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use bytes::{Bytes, BytesMut};
use futures_util::future::LocalBoxFuture;
use futures_util::{FutureExt, StreamExt};
use serde::de::DeserializeOwned;
use serde_json::error::Category;

use crate::context::RequestContext;
use crate::{EdgeLimits, Problem, StatusCode};

/// The largest body of one resource, in bytes, as its `app_data`; it takes the place of the limit of all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BodyLimit(pub usize);

/// A JSON body. Use types that refuse unknown fields.
///
/// 415 unless it is plain `application/json`, 413 above the limit, 408 past the deadline, 400 for what does not fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonBody<T>(pub T);

impl<T: DeserializeOwned + 'static> FromRequest for JsonBody<T> {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let mut limits =
            RequestContext::of(request).map_or_else(EdgeLimits::default, |context| context.limits);
        if let Some(BodyLimit(bytes)) = request.app_data::<BodyLimit>() {
            limits.body_bytes = *bytes;
        }
        let acceptable = check_headers(request, &limits);
        let payload = payload.take();
        async move {
            acceptable?;
            parse(&collect(payload, &limits).await?).map(Self)
        }
        .boxed_local()
    }
}

/// No body: 400 for a request that brings one. For calls whose body would be passed over although its sender may have
/// narrowed in it what is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoBody;

impl FromRequest for NoBody {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let headers = request.headers();
        let length = headers.get(header::CONTENT_LENGTH);
        let has_body = headers.contains_key(header::TRANSFER_ENCODING)
            || length.is_some_and(|length| length.as_bytes() != b"0");
        ready(if has_body {
            Err(Problem::of_status(StatusCode::BAD_REQUEST)
                .detail("this takes no body; what it takes stands in the query"))
        } else {
            Ok(Self)
        })
    }
}

fn check_headers(request: &HttpRequest, limits: &EdgeLimits) -> Result<(), Problem> {
    let headers: &HeaderMap = request.headers();
    let encoded = headers
        .get_all(header::CONTENT_ENCODING)
        .any(|encoding| !encoding.as_bytes().eq_ignore_ascii_case(b"identity"));
    if encoded || !request.content_type().eq_ignore_ascii_case("application/json") {
        return Err(Problem::of_status(StatusCode::UNSUPPORTED_MEDIA_TYPE)
            .detail("send application/json without content encoding"));
    }
    let length = headers.get(header::CONTENT_LENGTH);
    let announced = length.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    match announced {
        Some(bytes) if bytes > limits.body_bytes as u64 => Err(too_large(limits.body_bytes)),
        _ => Ok(()),
    }
}

/// Reads a body to its end, within its limit and deadline.
pub(crate) async fn collect(payload: Payload, limits: &EdgeLimits) -> Result<Bytes, Problem> {
    tokio::time::timeout(limits.body_timeout, read(payload, limits.body_bytes))
        .await
        .map_err(|_| {
            Problem::of_status(StatusCode::REQUEST_TIMEOUT).detail("the body did not arrive in time")
        })?
}

async fn read(mut payload: Payload, limit: usize) -> Result<Bytes, Problem> {
    let mut body = BytesMut::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|_| {
            Problem::of_status(StatusCode::BAD_REQUEST).detail("the body could not be read to its end")
        })?;
        if body.len() + chunk.len() > limit {
            return Err(too_large(limit));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

fn too_large(limit: usize) -> Problem {
    Problem::of_status(StatusCode::PAYLOAD_TOO_LARGE).detail(format!("the limit is {limit} bytes"))
}

/// Reads a value, and names the field that does not fit where there is one.
fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    if has_nul(bytes) {
        return Err(Problem::new(StatusCode::BAD_REQUEST, "invalid_json")
            .detail("texts must not have the character U+0000"));
    }
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = error.path().to_string();
        refused(&path, error.inner())
    })?;
    reader.end().map_err(|error| refused(".", &error))?;
    Ok(value)
}

/// Whether a text in it has the character NUL, which the parser takes when it is escaped and databases refuse.
fn has_nul(json: &[u8]) -> bool {
    let mut rest = json;
    while let Some(at) = rest.iter().position(|byte| *byte == b'\\') {
        if rest[at..].starts_with(br"\u0000") {
            return true;
        }
        // Behind a backslash stands what it escapes, which may be another backslash.
        rest = rest.get(at + 2..).unwrap_or_default();
    }
    false
}

fn refused(path: &str, error: &serde_json::Error) -> Problem {
    let text = error.to_string();
    match error.classify() {
        Category::Data => {
            let rule = text
                .rsplit_once(" at line ")
                .map_or(text.as_str(), |(rule, _)| rule);
            let field = named_in(rule).or((path != ".").then_some(path));
            let problem = Problem::new(StatusCode::BAD_REQUEST, "invalid_field").detail(rule.to_owned());
            match field {
                Some(field) if field.len() <= 100 => problem.field(field.to_owned()),
                _ => problem,
            }
        }
        Category::Syntax | Category::Eof | Category::Io => {
            Problem::new(StatusCode::BAD_REQUEST, "invalid_json").detail(text)
        }
    }
}

/// The field that an error about a missing, unknown or repeated field names first, between backticks.
pub(crate) fn named_in(text: &str) -> Option<&str> {
    let about_field = ["missing field `", "unknown field `", "duplicate field `"];
    let rest = about_field.iter().find_map(|start| text.strip_prefix(start))?;
    rest.split_once('`').map(|(field, _)| field)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Sample {
        #[serde(rename = "price")]
        _price: String,
        #[serde(rename = "post_only")]
        _post_only: Option<bool>,
    }

    #[test]
    fn what_does_not_fit_is_refused_with_its_field() {
        for (body, code, field) in [
            (r#"{"price":1}"#, "invalid_field", Some("price")),
            (r#"{"price":null}"#, "invalid_field", Some("price")),
            (
                r#"{"price":"1","post_only":"yes"}"#,
                "invalid_field",
                Some("post_only"),
            ),
            (r#"{"post_only":true}"#, "invalid_field", Some("price")),
            (
                r#"{"price":"1","status":"FILLED"}"#,
                "invalid_field",
                Some("status"),
            ),
            (r#"{"price":"1","price":"2"}"#, "invalid_field", Some("price")),
            ("[]", "invalid_field", None),
            ("7", "invalid_field", None),
            ("", "invalid_json", None),
            ("{", "invalid_json", None),
            (r#"{"price":"1"} x"#, "invalid_json", None),
            (r#"{"price":"\ud800"}"#, "invalid_json", None),
            ("{\"price\":\"\u{0}\"}", "invalid_json", None),
            (r#"{"price":"\u0000"}"#, "invalid_json", None),
            (r#"{"price":"\\\u0000"}"#, "invalid_json", None),
            (r#"{"\u0000":"1"}"#, "invalid_json", None),
            ("\u{feff}{}", "invalid_json", None),
        ] {
            let problem = parse::<Sample>(body.as_bytes()).unwrap_err();
            assert_eq!(problem.code(), code, "{body}");
            assert_eq!(problem.status(), 400, "{body}");
            assert_eq!(
                problem.body()["field"].as_str(),
                field,
                "{body}: {}",
                problem.body()
            );
        }
    }

    #[test]
    fn a_body_where_none_is_read_is_refused() {
        use actix_web::test::TestRequest;
        for (name, value, accepted) in [
            ("x-other", "1", true),
            ("content-length", "0", true),
            ("content-length", "1", false),
            ("content-length", "x", false),
            ("transfer-encoding", "chunked", false),
        ] {
            let request = TestRequest::delete()
                .insert_header((name, value))
                .to_http_request();
            let taken = NoBody::extract(&request).into_inner();
            assert_eq!(
                taken.map_err(|problem| problem.status().as_u16()).is_ok(),
                accepted,
                "{name}: {value}"
            );
        }
    }

    #[test]
    fn bytes_that_are_no_text_and_deep_nesting_are_refused() {
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        for body in [&b"{\"price\":\"\xff\"}"[..], deep.as_bytes()] {
            assert_eq!(parse::<Sample>(body).unwrap_err().status(), 400);
        }
        assert_eq!(
            parse::<serde_json::Value>(deep.as_bytes()).unwrap_err().code(),
            "invalid_json"
        );
    }
}
