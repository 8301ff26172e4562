//! Who may ask: services with a token of their own issuer and audience. Everything but health wants one.

use actix_web::Error;
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use http::{Authenticated, IssuerSettings, JwtAlgorithm, JwtError, JwtKeys, JwtSettings, TokenVerifier};
use runtime::settings::{Algorithm, WalletSettings};

/// The paths that need no token.
pub(crate) const OPEN: [&str; 3] = ["/health", "/health/live", "/health/ready"];
/// Tokens of so many callers are remembered.
const TOKENS_REMEMBERED: usize = 1_000;
/// How far the clocks of services may differ, in seconds.
const LEEWAY_SECS: u64 = 5;

/// Checks the tokens of services. Tokens of users have another issuer and another audience: they are not known here.
///
/// # Errors
/// The settings have no key that can check.
pub(crate) fn verifier(settings: &WalletSettings) -> Result<TokenVerifier, JwtError> {
    let (algorithm, keys) = match settings.algorithm {
        Algorithm::Hs256 => (JwtAlgorithm::Hs256, JwtKeys::Secret(settings.secret.clone())),
        Algorithm::EdDsa => {
            let public = settings.public_key.clone().unwrap_or_default();
            (JwtAlgorithm::EdDsa, JwtKeys::Public(public))
        }
    };
    TokenVerifier::new(&JwtSettings {
        issuers: vec![IssuerSettings {
            issuer: settings.issuer.clone(),
            audience: settings.audience.clone(),
            algorithm,
            keys,
            leeway_secs: LEEWAY_SECS,
        }],
        cache_entries: TOKENS_REMEMBERED,
    })
}

/// Lets no request pass without a good token, whatever its path, but those for health.
pub(crate) async fn authenticate(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    if !OPEN.contains(&request.path()) {
        Authenticated::of(request.request())?;
    }
    next.call(request).await
}
