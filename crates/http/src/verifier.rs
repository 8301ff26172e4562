//! Checks tokens: one algorithm per issuer, and every claim that must be there.

use std::io::Read;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use jsonwebtoken::dangerous::insecure_decode_claims;
use jsonwebtoken::{Algorithm, Validation, decode, decode_header};
use runtime::Clock;
use serde::Deserialize;
use tokio::sync::Notify;
use uuid::Uuid;

use crate::cache::{TokenCache, Verified};
use crate::jwks::JwksAddress;
use crate::jwt_keys::{KID_BYTES, KeySet, SET_BYTES};
use crate::{
    Credential, Identity, IssuerSettings, JwksRefresher, JwtAlgorithm, JwtError, JwtKeys, JwtSettings, Scopes,
};

/// The longest token that is looked at, in bytes.
const TOKEN_BYTES: usize = 4_096;
/// The most leeway for clocks that differ, in seconds.
const LEEWAY_SECS: u64 = 5;
/// The most issuers.
const ISSUERS: usize = 16;

/// The token is not good. Callers are never told why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the token is not valid")]
pub struct InvalidToken;

/// The claim by which the issuer is chosen. Nothing is believed because of it: the library checks it again.
#[derive(Deserialize)]
struct Claimed {
    iss: String,
}

/// The claims that are read. The library checks `iss` and `aud`.
#[derive(Deserialize)]
struct Claims {
    sub: String,
    exp: u64,
    nbf: Option<u64>,
    #[serde(default)]
    institution_id: Option<String>,
    #[serde(default)]
    scope: String,
}

/// The keys of an issuer, and how often they have changed.
struct Held {
    generation: u64,
    keys: KeySet,
}

/// Where keys come from again after the start.
enum Source {
    Settings,
    File(PathBuf),
    Address(Box<JwksAddress>),
}

/// One issuer and its keys.
pub(crate) struct Issuer {
    name: String,
    algorithm: JwtAlgorithm,
    leeway_secs: u64,
    validation: Validation,
    source: Source,
    held: RwLock<Arc<Held>>,
    wanted: Notify,
}

impl Issuer {
    fn new(settings: &IssuerSettings) -> Result<Self, JwtError> {
        let IssuerSettings {
            issuer,
            audience,
            algorithm,
            keys,
            leeway_secs,
        } = settings;
        if *leeway_secs > LEEWAY_SECS {
            return Err(JwtError::LeewayTooLarge);
        }
        if issuer.is_empty() || audience.is_empty() {
            return Err(JwtError::NoIssuerOrAudience);
        }
        let (source, keys) = read_keys(keys, *algorithm)?;
        let mut validation = Validation::new(match algorithm {
            JwtAlgorithm::Hs256 => Algorithm::HS256,
            JwtAlgorithm::EdDsa => Algorithm::EdDSA,
        });
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        validation.set_issuer(&[issuer]);
        validation.set_audience(&[audience]);
        // The library can only ask the machine for the time, so `exp` and `nbf` are checked here.
        validation.validate_exp = false;
        validation.validate_nbf = false;
        Ok(Self {
            name: issuer.clone(),
            algorithm: *algorithm,
            leeway_secs: *leeway_secs,
            validation,
            source,
            held: RwLock::new(Arc::new(Held { generation: 0, keys })),
            wanted: Notify::new(),
        })
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn algorithm(&self) -> JwtAlgorithm {
        self.algorithm
    }

    pub(crate) fn address(&self) -> Option<&JwksAddress> {
        match &self.source {
            Source::Address(address) => Some(address),
            Source::Settings | Source::File(_) => None,
        }
    }

    /// Waits until a token names an unknown key.
    pub(crate) async fn wanted(&self) {
        self.wanted.notified().await;
    }

    /// Takes new keys; whether they differ from the old ones. What the old ones verified is forgotten then.
    pub(crate) fn replace(&self, keys: KeySet) -> bool {
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        if held.keys == keys {
            return false;
        }
        let generation = held.generation + 1;
        *held = Arc::new(Held { generation, keys });
        true
    }

    fn held(&self) -> Arc<Held> {
        Arc::clone(&self.held.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Checks a token of this issuer at this second.
    fn verify(&self, token: &str, now_secs: u64) -> Result<(Identity, u64, u64), InvalidToken> {
        let header = decode_header(token).map_err(|_| InvalidToken)?;
        // What a critical header means is not known here, and `jku`, `x5u`, `jwk` are never followed.
        if header.crit.is_some() {
            return Err(InvalidToken);
        }
        let kid = header.kid.as_deref();
        if kid.is_some_and(|kid| kid.len() > KID_BYTES) {
            return Err(InvalidToken);
        }
        let held = self.held();
        let keys = held.keys.find(kid);
        if keys.is_empty() {
            self.wanted.notify_one();
        }
        let good = keys.iter().find_map(|key| {
            let decoded = decode::<Claims>(token, &key.key, &self.validation);
            decoded.ok().map(|decoded| (key, decoded.claims))
        });
        let (key, claims) = good.ok_or(InvalidToken)?;
        let ends_secs = claims
            .exp
            .saturating_add(self.leeway_secs)
            .min(key.not_after.unwrap_or(u64::MAX));
        let early = claims
            .nbf
            .is_some_and(|nbf| nbf > now_secs.saturating_add(self.leeway_secs));
        if now_secs > ends_secs || early {
            return Err(InvalidToken);
        }
        let identity = Identity {
            user_id: uuid(&claims.sub)?,
            institution_id: claims.institution_id.as_deref().map(uuid).transpose()?,
            scopes: Scopes::from_claim(&claims.scope),
            expires_secs: Some(claims.exp),
            credential: Credential::Token,
        };
        Ok((identity, ends_secs, held.generation))
    }
}

fn read_keys(keys: &JwtKeys, algorithm: JwtAlgorithm) -> Result<(Source, KeySet), JwtError> {
    Ok(match (keys, algorithm) {
        (JwtKeys::Secret(secret), JwtAlgorithm::Hs256) => (Source::Settings, KeySet::secret(secret)?),
        (JwtKeys::Public(public), JwtAlgorithm::EdDsa) => (Source::Settings, KeySet::public(public)?),
        (
            JwtKeys::Successive {
                current,
                previous,
                previous_until,
            },
            _,
        ) => (
            Source::Settings,
            KeySet::successive(current, previous, *previous_until, algorithm)?,
        ),
        (JwtKeys::Listed(keys), _) => (Source::Settings, KeySet::listed(keys, algorithm)?),
        (JwtKeys::File(path), _) => (Source::File(path.clone()), read_file(path, algorithm)?),
        (JwtKeys::Address(address), JwtAlgorithm::EdDsa) => (
            Source::Address(Box::new(JwksAddress::new(address)?)),
            KeySet::none(),
        ),
        // Secrets do not belong to a place where anybody can fetch them.
        (JwtKeys::Secret(_), JwtAlgorithm::EdDsa)
        | (JwtKeys::Public(_) | JwtKeys::Address(_), JwtAlgorithm::Hs256) => return Err(JwtError::WrongKeys),
    })
}

fn read_file(path: &PathBuf, algorithm: JwtAlgorithm) -> Result<KeySet, JwtError> {
    let mut text = Vec::new();
    let file = std::fs::File::open(path).map(|file| file.take(SET_BYTES as u64 + 1));
    let keys = file
        .and_then(|mut file| file.read_to_end(&mut text))
        .map_err(|error| error.to_string())
        .and_then(|_| KeySet::from_jwk_set(&text, algorithm).map_err(str::to_owned));
    match keys {
        Ok(keys) if keys.len() > 0 => return Ok(keys),
        Ok(_) => {
            tracing::error!(path = %path.display(), "the JWK-set file has no key that fits the algorithm");
        }
        Err(reason) => {
            tracing::error!(path = %path.display(), reason, "the JWK-set file cannot be used");
        }
    }
    Err(JwtError::BadKeyFile)
}

/// Checks tokens against the keys, name and audience of the issuer that they name.
pub struct TokenVerifier {
    issuers: Vec<Arc<Issuer>>,
    cache: TokenCache,
    clock: Clock,
}

impl TokenVerifier {
    /// A verifier of these settings, with the machine's clock.
    ///
    /// # Errors
    /// Keys, leeway, name or audience of an issuer are not acceptable.
    pub fn new(settings: &JwtSettings) -> Result<Self, JwtError> {
        Self::with_clock(settings, Clock::System)
    }

    /// A verifier of these settings.
    ///
    /// # Errors
    /// Keys, leeway, name or audience of an issuer are not acceptable.
    pub fn with_clock(settings: &JwtSettings, clock: Clock) -> Result<Self, JwtError> {
        if settings.issuers.is_empty() || settings.issuers.len() > ISSUERS {
            return Err(JwtError::IssuerCount);
        }
        let mut issuers: Vec<Arc<Issuer>> = Vec::with_capacity(settings.issuers.len());
        for one in &settings.issuers {
            if issuers.iter().any(|issuer| issuer.name == one.issuer) {
                return Err(JwtError::IssuerTwice);
            }
            issuers.push(Arc::new(Issuer::new(one)?));
        }
        Ok(Self {
            issuers,
            cache: TokenCache::new(settings.cache_entries),
            clock,
        })
    }

    /// Checks a token. Does no I/O: a token that names an unknown key only wakes the [`JwksRefresher`].
    ///
    /// # Errors
    /// It is not good, for whatever reason.
    pub fn verify(&self, token: &str) -> Result<Identity, InvalidToken> {
        if token.len() > TOKEN_BYTES {
            return Err(InvalidToken);
        }
        let now_secs = self.clock.wall_us() / 1_000_000;
        let key = TokenCache::key(token);
        if let Some(verified) = self.cache.get(&key) {
            let issuer = self.issuers.get(verified.issuer);
            let current = issuer.is_some_and(|issuer| issuer.held().generation == verified.generation);
            if current && now_secs <= verified.ends_secs {
                return Ok(verified.identity);
            }
            self.cache.remove(&key);
        }
        let claimed: Claimed = insecure_decode_claims(token).map_err(|_| InvalidToken)?;
        let named = |issuer: &Arc<Issuer>| issuer.name == claimed.iss;
        let at = self.issuers.iter().position(named).ok_or(InvalidToken)?;
        let issuer = self.issuers.get(at).ok_or(InvalidToken)?;
        let (identity, ends_secs, generation) = issuer.verify(token, now_secs)?;
        self.cache.insert(
            key,
            Verified {
                identity,
                ends_secs,
                issuer: at,
                generation,
            },
        );
        Ok(identity)
    }

    /// Reads the JWK-set files again. Reads files, so not for a worker of a busy server. Where one cannot be used, the
    /// old keys of that issuer stay.
    ///
    /// # Errors
    /// A file cannot be used; the others are read all the same.
    pub fn reload(&self) -> Result<(), JwtError> {
        let mut result = Ok(());
        for issuer in &self.issuers {
            let Source::File(path) = &issuer.source else {
                continue;
            };
            match read_file(path, issuer.algorithm) {
                Ok(keys) => {
                    let count = keys.len();
                    if issuer.replace(keys) {
                        tracing::info!(issuer = issuer.name, count, "took new keys for tokens");
                    }
                }
                Err(error) => result = Err(error),
            }
        }
        result
    }

    /// What fetches the keys of issuers that publish them at an address; none where no issuer does. Such an issuer's
    /// tokens are refused until it runs.
    pub fn jwks_refresher(&self) -> Option<JwksRefresher> {
        JwksRefresher::new(&self.issuers)
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
