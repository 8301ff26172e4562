//! Signs tokens for development and tests; in production tokens come from the operator's identity provider.

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use uuid::Uuid;

use crate::jwt_keys::SECRET_BYTES;
use crate::{JwtError, Scopes};

/// Signs tokens with HS256.
pub struct TokenIssuer {
    key: EncodingKey,
    issuer: String,
    audience: String,
}

/// What a token is to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenRequest {
    /// The user.
    pub user_id: Uuid,
    /// The user's institution.
    pub institution_id: Option<Uuid>,
    /// The rights.
    pub scopes: Scopes,
    /// When it is issued, in seconds since 1970.
    pub issued_secs: u64,
    /// How long it is good, in seconds.
    pub valid_secs: u64,
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    aud: &'a str,
    sub: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    institution_id: Option<String>,
    scope: String,
    iat: u64,
    exp: u64,
}

impl TokenIssuer {
    /// An issuer with this secret, which names itself and its audience so.
    ///
    /// # Errors
    /// The secret has fewer than 32 bytes, or a name is empty.
    pub fn new(secret: &SecretString, issuer: &str, audience: &str) -> Result<Self, JwtError> {
        if secret.expose_secret().len() < SECRET_BYTES {
            return Err(JwtError::SecretTooShort);
        }
        if issuer.is_empty() || audience.is_empty() {
            return Err(JwtError::NoIssuerOrAudience);
        }
        Ok(Self {
            key: EncodingKey::from_secret(secret.expose_secret().as_bytes()),
            issuer: issuer.to_owned(),
            audience: audience.to_owned(),
        })
    }

    /// A signed token.
    ///
    /// # Errors
    /// It could not be signed.
    pub fn issue(&self, request: &TokenRequest) -> Result<SecretString, JwtError> {
        let TokenRequest {
            user_id,
            institution_id,
            scopes,
            issued_secs,
            valid_secs,
        } = request;
        let claims = Claims {
            iss: &self.issuer,
            aud: &self.audience,
            sub: user_id.to_string(),
            institution_id: institution_id.map(|id| id.to_string()),
            scope: scopes.to_string(),
            iat: *issued_secs,
            exp: issued_secs.saturating_add(*valid_secs),
        };
        encode(&Header::new(Algorithm::HS256), &claims, &self.key)
            .map(SecretString::from)
            .map_err(|_| JwtError::NotSigned)
    }
}

impl std::fmt::Debug for TokenIssuer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TokenIssuer").finish_non_exhaustive()
    }
}
