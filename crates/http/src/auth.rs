//! Who asks: the extractor that a handler takes when its caller must be known.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderValue};
use actix_web::{FromRequest, HttpMessage, HttpRequest, web};

use crate::context::RequestContext;
use crate::{Credential, Identity, Problem, Scope, TokenVerifier};

/// A caller with a good token or a good signature. Its rights are still to be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Authenticated(pub Identity);

impl Authenticated {
    /// The caller of a request, by what [`crate::ApiKeyLayer`] found or by its `Authorization: Bearer` header.
    ///
    /// # Errors
    /// 401 without a good signature or token, always with the same body; 500 where the service has no verifier.
    pub fn of(request: &HttpRequest) -> Result<Self, Problem> {
        let signed = request.extensions().get::<Identity>().copied();
        let identity = match signed {
            Some(identity) => identity,
            None => by_token(request)?,
        };
        if let Some(context) = RequestContext::of(request) {
            context.user_id.set(Some(identity.user_id));
            crate::metrics::authenticated(context.started.elapsed());
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
        let shown = match self.0.credential {
            Credential::Token => "token",
            Credential::ApiKey(_) => "API key",
        };
        Err(Problem::of_status(StatusCode::FORBIDDEN).detail(format!("the {shown} needs the scope {wanted}")))
    }
}

impl FromRequest for Authenticated {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Self::of(request))
    }
}

/// The caller that a token names. Where an API key is shown too, nobody checked that: the service takes none.
fn by_token(request: &HttpRequest) -> Result<Identity, Problem> {
    let verifier = request
        .app_data::<web::Data<TokenVerifier>>()
        .ok_or_else(|| Problem::internal("no token verifier is configured"))?;
    if request.headers().contains_key(crate::api_key::KEY) {
        return Err(unauthenticated());
    }
    bearer(request)
        .and_then(|token| verifier.verify(token).ok())
        .ok_or_else(unauthenticated)
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

/// The one answer to every caller that is not known.
pub(crate) fn unauthenticated() -> Problem {
    Problem::of_status(StatusCode::UNAUTHORIZED)
        .header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
}
