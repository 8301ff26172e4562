//! The section of the settings about tokens and API keys: who issues tokens, with which keys, and how keys rotate.

use std::path::PathBuf;
use std::time::Duration;

use chrono::{DateTime, Utc};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use super::{duration, secret, timestamp};

/// How tokens and API keys are checked. The issuer whose fields stand here directly is the first one.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AuthSettings {
    /// The `iss` that a token must bear.
    pub issuer: String,
    /// The `aud` that a token must bear.
    pub audience: String,
    /// The only algorithm that is accepted.
    pub algorithm: Algorithm,
    /// HS256: the shared signing secret, at least 32 bytes. The default is public and refused outside development.
    #[serde(serialize_with = "secret::serialize")]
    pub secret: SecretString,
    /// A file that holds the secret instead.
    pub secret_file: Option<PathBuf>,
    /// HS256: the secret before the current one, good until `previous_until`.
    #[serde(serialize_with = "secret::serialize_optional")]
    pub previous_secret: Option<SecretString>,
    /// A file that holds the previous secret instead.
    pub previous_secret_file: Option<PathBuf>,
    /// EdDSA: the issuer's Ed25519 public key, base64url without padding.
    pub public_key: Option<String>,
    /// EdDSA: the public key before the current one, good until `previous_until`.
    pub previous_public_key: Option<String>,
    /// When the previous key stops being good.
    #[serde(with = "timestamp")]
    pub previous_until: Option<DateTime<Utc>>,
    /// EdDSA: where the issuer publishes its keys, https (http on this machine).
    pub jwks_url: Option<String>,
    /// EdDSA: a file with the issuer's keys, in the form that `jwks_url` has.
    pub jwks_file: Option<PathBuf>,
    /// Further issuers.
    pub issuers: Vec<IssuerSettings>,
    /// Seals the secrets of API keys, at least 32 bytes. The default is public and refused outside development.
    #[serde(serialize_with = "secret::serialize")]
    pub api_key_secret: SecretString,
    /// A file that holds that secret instead.
    pub api_key_secret_file: Option<PathBuf>,
    /// How far the clocks of issuer and server may differ, at most 5 seconds.
    #[serde(with = "duration")]
    pub leeway: Duration,
}

impl AuthSettings {
    /// The signing secret of development. Everybody knows it.
    pub const DEVELOPMENT_SECRET: &str = "development-secret-that-everybody-knows";

    /// The sealing secret of development. Everybody knows it.
    pub const DEVELOPMENT_API_KEY_SECRET: &str = "development-api-key-secret-that-everybody-knows";

    /// Every issuer with its keys, the first one first. Loaded settings have been checked; others lose the issuers
    /// that have no key.
    pub fn all_issuers(&self) -> Vec<Issuer> {
        let first = Keys {
            algorithm: self.algorithm,
            secret: &self.secret,
            public_key: given(&self.public_key),
            jwks_url: given(&self.jwks_url),
            jwks_file: self.jwks_file.as_ref(),
        };
        let first = first.source().map(|key| Issuer {
            issuer: self.issuer.clone(),
            audience: self.audience.clone(),
            key,
            previous: self.previous_key(),
        });
        let further = self.issuers.iter().filter_map(|entry| {
            let keys = Keys {
                algorithm: entry.algorithm,
                secret: &entry.secret,
                public_key: given(&entry.public_key),
                jwks_url: given(&entry.jwks_url),
                jwks_file: entry.jwks_file.as_ref(),
            };
            Some(Issuer {
                issuer: entry.issuer.clone(),
                audience: entry.audience.clone(),
                key: keys.source()?,
                previous: None,
            })
        });
        first.into_iter().chain(further).collect()
    }

    fn previous_key(&self) -> Option<PreviousKey> {
        let key = match self.algorithm {
            Algorithm::Hs256 => KeySource::Secret(self.previous_secret.clone()?),
            Algorithm::EdDsa => KeySource::PublicKey(given(&self.previous_public_key)?.to_owned()),
        };
        let until = self.previous_until?;
        Some(PreviousKey { key, until })
    }
}

impl Default for AuthSettings {
    fn default() -> Self {
        Self {
            issuer: "trade-engine".to_owned(),
            audience: "trade-engine-api".to_owned(),
            algorithm: Algorithm::Hs256,
            secret: SecretString::from(Self::DEVELOPMENT_SECRET),
            secret_file: None,
            previous_secret: None,
            previous_secret_file: None,
            public_key: None,
            previous_public_key: None,
            previous_until: None,
            jwks_url: None,
            jwks_file: None,
            issuers: Vec::new(),
            api_key_secret: SecretString::from(Self::DEVELOPMENT_API_KEY_SECRET),
            api_key_secret_file: None,
            leeway: Duration::from_secs(5),
        }
    }
}

/// A further issuer, with exactly one key source that fits its algorithm.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct IssuerSettings {
    /// The `iss` that a token must bear.
    pub issuer: String,
    /// The `aud` that a token must bear.
    pub audience: String,
    /// The only algorithm that is accepted.
    pub algorithm: Algorithm,
    /// HS256: a file that holds the shared signing secret, at least 32 bytes.
    pub secret_file: Option<PathBuf>,
    /// What `secret_file` holds.
    #[serde(skip)]
    pub secret: SecretString,
    /// EdDSA: the issuer's Ed25519 public key, base64url without padding.
    pub public_key: Option<String>,
    /// EdDSA: where the issuer publishes its keys, https (http on this machine).
    pub jwks_url: Option<String>,
    /// EdDSA: a file with the issuer's keys, in the form that `jwks_url` has.
    pub jwks_file: Option<PathBuf>,
}

impl Default for IssuerSettings {
    fn default() -> Self {
        Self {
            issuer: String::new(),
            audience: String::new(),
            algorithm: Algorithm::Hs256,
            secret_file: None,
            secret: SecretString::default(),
            public_key: None,
            jwks_url: None,
            jwks_file: None,
        }
    }
}

/// Signature algorithms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Algorithm {
    /// HMAC with SHA-256 and a shared secret.
    #[serde(rename = "HS256")]
    Hs256,
    /// Ed25519 with a public key.
    #[serde(rename = "EdDSA")]
    EdDsa,
}

/// An issuer of tokens, ready to be used.
#[derive(Clone, Debug)]
pub struct Issuer {
    /// The `iss` that a token must bear.
    pub issuer: String,
    /// The `aud` that a token must bear.
    pub audience: String,
    /// Where its keys are.
    pub key: KeySource,
    /// The key before the current one.
    pub previous: Option<PreviousKey>,
}

/// Where the keys of an issuer are. It fixes the algorithm: HS256 for a secret, EdDSA for the others.
#[derive(Clone, Debug)]
pub enum KeySource {
    /// A shared secret.
    Secret(SecretString),
    /// An Ed25519 public key, base64url without padding.
    PublicKey(String),
    /// An address that answers with a set of public keys.
    JwksUrl(String),
    /// A file with a set of public keys.
    JwksFile(PathBuf),
}

/// A key that has been replaced and is still good for a while.
#[derive(Clone, Debug)]
pub struct PreviousKey {
    /// A secret or a public key.
    pub key: KeySource,
    /// When it stops being good.
    pub until: DateTime<Utc>,
}

/// A text that is there and not empty.
pub(super) fn given(text: &Option<String>) -> Option<&str> {
    text.as_deref().filter(|text| !text.is_empty())
}

struct Keys<'a> {
    algorithm: Algorithm,
    secret: &'a SecretString,
    public_key: Option<&'a str>,
    jwks_url: Option<&'a str>,
    jwks_file: Option<&'a PathBuf>,
}

impl Keys<'_> {
    fn source(&self) -> Option<KeySource> {
        if self.algorithm == Algorithm::Hs256 {
            return Some(KeySource::Secret(self.secret.clone()));
        }
        let public_key = self.public_key.map(|key| KeySource::PublicKey(key.to_owned()));
        let jwks_url = || self.jwks_url.map(|url| KeySource::JwksUrl(url.to_owned()));
        let jwks_file = || self.jwks_file.map(|file| KeySource::JwksFile(file.clone()));
        public_key.or_else(jwks_url).or_else(jwks_file)
    }
}
