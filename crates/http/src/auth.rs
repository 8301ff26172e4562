//! Who asks: the extractor that a handler takes when its caller must be known.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderValue};
use actix_web::{FromRequest, HttpRequest, web};

use crate::context::RequestContext;
use crate::{Identity, Problem, Scope, TokenVerifier};

/// A caller with a good token. Its rights are still to be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Authenticated(pub Identity);

impl Authenticated {
    /// The caller of a request, by its `Authorization: Bearer` header.
    ///
    /// # Errors
    /// 401 without a good token, always with the same body; 500 where the service has no verifier.
    pub fn of(request: &HttpRequest) -> Result<Self, Problem> {
        let verifier = request
            .app_data::<web::Data<TokenVerifier>>()
            .ok_or_else(|| Problem::internal("no token verifier is configured"))?;
        let identity = bearer(request)
            .and_then(|token| verifier.verify(token).ok())
            .ok_or_else(unauthenticated)?;
        if let Some(context) = RequestContext::of(request) {
            context.user_id.set(Some(identity.user_id));
        }
        Ok(Self(identity))
    }

    /// The caller, if it has one of these rights.
    ///
    /// # Errors
    /// 403, naming the first of them.
    pub fn with_any(self, scopes: &[Scope]) -> Result<Identity, Problem> {
        if scopes.iter().any(|scope| self.0.scopes.has(*scope)) {
            return Ok(self.0);
        }
        let wanted = scopes.first().map_or("", |scope| scope.word());
        Err(Problem::of_status(StatusCode::FORBIDDEN).detail(format!("the token needs the scope {wanted}")))
    }
}

impl FromRequest for Authenticated {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Self::of(request))
    }
}

/// The token of the one `Authorization` header.
fn bearer(request: &HttpRequest) -> Option<&str> {
    let mut headers = request.headers().get_all(header::AUTHORIZATION);
    let (Some(value), None) = (headers.next(), headers.next()) else {
        return None;
    };
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token)
}

fn unauthenticated() -> Problem {
    Problem::of_status(StatusCode::UNAUTHORIZED)
        .header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
}
