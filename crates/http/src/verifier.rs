//! Checks tokens: one algorithm per verifier, and every claim that must be there.

use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, get_current_timestamp};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use uuid::Uuid;

use crate::Scopes;
use crate::cache::{TokenCache, Verified};

/// The longest token that is looked at, in bytes.
const TOKEN_BYTES: usize = 4_096;
/// The least length of an HS256 secret, in bytes: as long as its hash.
pub(crate) const SECRET_BYTES: usize = 32;
/// The most leeway for clocks that differ, in seconds.
const LEEWAY_SECS: u64 = 5;
/// The length of an Ed25519 public key, in bytes.
const ED25519_BYTES: usize = 32;

/// The key that tokens are signed with, and with it the one algorithm that is accepted.
#[derive(Debug, Clone)]
pub enum JwtKey {
    /// HS256 with this secret of at least 32 bytes.
    Hs256(SecretString),
    /// EdDSA (Ed25519) with this public key: base64url without padding, as the `x` of a JWK.
    EdDsa(String),
}

/// What a verifier accepts.
#[derive(Debug, Clone)]
pub struct JwtSettings {
    /// The key and the algorithm.
    pub key: JwtKey,
    /// The issuer (`iss`).
    pub issuer: String,
    /// The audience (`aud`).
    pub audience: String,
    /// Leeway for `exp` and `nbf` in seconds, at most 5.
    pub leeway_secs: u64,
    /// How many verified tokens are remembered.
    pub cache_entries: usize,
}

/// Why a verifier or an issuer cannot be made of its settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JwtError {
    /// The secret is too short.
    #[error("the JWT secret must have at least 32 bytes")]
    SecretTooShort,
    /// The public key is not an Ed25519 key.
    #[error("the JWT public key must be 32 bytes of Ed25519 key in base64url without padding")]
    BadPublicKey,
    /// The leeway is too large.
    #[error("the JWT leeway must be at most 5 seconds")]
    LeewayTooLarge,
    /// The issuer or the audience is empty.
    #[error("the JWT issuer and audience must not be empty")]
    NoIssuerOrAudience,
    /// The token could not be signed.
    #[error("the token could not be signed")]
    NotSigned,
}

/// Who a token names, and what it may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    /// The user (`sub`).
    pub user_id: Uuid,
    /// The user's institution (`institution_id`).
    pub institution_id: Option<Uuid>,
    /// The rights (`scope`).
    pub scopes: Scopes,
}

/// The token is not good. Callers are never told why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the token is not valid")]
pub struct InvalidToken;

/// The claims that are read. The others (`iss`, `aud`, `nbf`) are checked by the library.
#[derive(Deserialize)]
struct Claims {
    sub: String,
    exp: u64,
    #[serde(default)]
    institution_id: Option<String>,
    #[serde(default)]
    scope: String,
}

/// Checks tokens against one key, issuer and audience.
pub struct TokenVerifier {
    key: DecodingKey,
    validation: Validation,
    cache: TokenCache,
}

impl TokenVerifier {
    /// A verifier of these settings.
    ///
    /// # Errors
    /// The key, the leeway, the issuer or the audience is not acceptable.
    pub fn new(settings: &JwtSettings) -> Result<Self, JwtError> {
        let JwtSettings {
            key,
            issuer,
            audience,
            leeway_secs,
            cache_entries,
        } = settings;
        if *leeway_secs > LEEWAY_SECS {
            return Err(JwtError::LeewayTooLarge);
        }
        if issuer.is_empty() || audience.is_empty() {
            return Err(JwtError::NoIssuerOrAudience);
        }
        let (algorithm, key) = match key {
            JwtKey::Hs256(secret) if secret.expose_secret().len() < SECRET_BYTES => {
                return Err(JwtError::SecretTooShort);
            }
            JwtKey::Hs256(secret) => (
                Algorithm::HS256,
                DecodingKey::from_secret(secret.expose_secret().as_bytes()),
            ),
            JwtKey::EdDsa(public) => (Algorithm::EdDSA, ed25519(public)?),
        };
        let mut validation = Validation::new(algorithm);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        validation.set_issuer(&[issuer]);
        validation.set_audience(&[audience]);
        validation.leeway = *leeway_secs;
        validation.validate_nbf = true;
        Ok(Self {
            key,
            validation,
            cache: TokenCache::new(*cache_entries),
        })
    }

    /// Checks a token.
    ///
    /// # Errors
    /// It is not good, for whatever reason.
    pub fn verify(&self, token: &str) -> Result<Identity, InvalidToken> {
        if token.len() > TOKEN_BYTES {
            return Err(InvalidToken);
        }
        let key = TokenCache::key(token);
        if let Some(Verified {
            identity,
            expires_secs,
        }) = self.cache.get(&key)
        {
            if expires_secs.saturating_add(self.validation.leeway) >= get_current_timestamp() {
                return Ok(identity);
            }
            self.cache.remove(&key);
            return Err(InvalidToken);
        }
        let claims = decode::<Claims>(token, &self.key, &self.validation)
            .map_err(|_| InvalidToken)?
            .claims;
        let identity = Identity {
            user_id: uuid(&claims.sub)?,
            institution_id: claims.institution_id.as_deref().map(uuid).transpose()?,
            scopes: Scopes::from_claim(&claims.scope),
        };
        self.cache.insert(
            key,
            Verified {
                identity,
                expires_secs: claims.exp,
            },
        );
        Ok(identity)
    }
}

impl std::fmt::Debug for TokenVerifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TokenVerifier").finish_non_exhaustive()
    }
}

/// Reads a UUID in its usual form with hyphens.
fn uuid(text: &str) -> Result<Uuid, InvalidToken> {
    if text.len() != 36 {
        return Err(InvalidToken);
    }
    Uuid::try_parse(text).map_err(|_| InvalidToken)
}

fn ed25519(public: &str) -> Result<DecodingKey, JwtError> {
    let key = DecodingKey::from_ed_components(public).map_err(|_| JwtError::BadPublicKey)?;
    match key.try_get_as_bytes() {
        Ok(bytes) if bytes.len() == ED25519_BYTES => Ok(key),
        _ => Err(JwtError::BadPublicKey),
    }
}
