//! The section of the settings about the wallet service: where it is, what its callers show to be known, its limits.

use std::path::PathBuf;
use std::time::Duration;

use chrono::{DateTime, Utc};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use super::{Algorithm, duration, secret, timestamp};

/// The wallet service, for itself and for those who call it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WalletSettings {
    /// Where its callers find it: `http://wallet:8090`.
    pub url: String,
    /// The address that the service listens on.
    pub host: String,
    /// The port that the service listens on.
    pub port: u16,
    /// `/metrics` of the service; 0 = off.
    pub metrics_port: u16,
    /// The `iss` of the tokens that services show to the wallet. No issuer of users' tokens may have this name.
    pub issuer: String,
    /// Their `aud`.
    pub audience: String,
    /// What they are signed with.
    pub algorithm: Algorithm,
    /// HS256: the secret that the service and its callers share, at least 32 bytes. The default is public and refused
    /// outside development.
    #[serde(serialize_with = "secret::serialize")]
    pub secret: SecretString,
    /// A file that holds the secret instead.
    pub secret_file: Option<PathBuf>,
    /// HS256, at the service: the secret before the current one, good until `previous_until`.
    #[serde(serialize_with = "secret::serialize_optional")]
    pub previous_secret: Option<SecretString>,
    /// A file that holds the previous secret instead.
    pub previous_secret_file: Option<PathBuf>,
    /// EdDSA, at callers: the Ed25519 private key, 32 bytes in base64url without padding (the `d` of a JWK).
    #[serde(serialize_with = "secret::serialize_optional")]
    pub private_key: Option<SecretString>,
    /// A file that holds the private key instead.
    pub private_key_file: Option<PathBuf>,
    /// EdDSA, at the service: the public key of it, base64url without padding (the `x` of a JWK).
    pub public_key: Option<String>,
    /// EdDSA, at the service: the public key before the current one, good until `previous_until`.
    pub previous_public_key: Option<String>,
    /// When the previous key stops being good.
    #[serde(with = "timestamp")]
    pub previous_until: Option<DateTime<Utc>>,
    /// How long a token is good; a new one is made when half of it has passed.
    #[serde(with = "duration")]
    pub token_life: Duration,
    /// How long a caller waits for a connection.
    #[serde(with = "duration")]
    pub connect_timeout: Duration,
    /// How long a call may take, all its tries together, each a third of it. The service takes a little less than a try.
    #[serde(with = "duration")]
    pub timeout: Duration,
    /// Calls of one caller that may be under way at once: so many that move money, and as many questions.
    pub calls_in_flight: u32,
    /// Further calls of each kind that may wait for their turn; those above it are not made.
    pub calls_waiting: u32,
    /// Requests that the service works on at once; those above it are refused.
    pub requests_in_flight: u32,
    /// Connections of the service to PostgreSQL. Two of them are for transactions, the others for questions.
    pub database_connections: u32,
    /// How long the service goes on answering after it was told to stop, while it says that it is not ready: so long its
    /// callers need to notice. Absent: 5 seconds, in development none.
    #[serde(with = "duration::optional")]
    pub drain: Option<Duration>,
}

impl WalletSettings {
    /// The secret of development. Everybody knows it.
    pub const DEVELOPMENT_SECRET: &str = "development-wallet-secret-that-everybody-knows";
}

impl Default for WalletSettings {
    fn default() -> Self {
        Self {
            url: "http://127.0.0.1:8090".to_owned(),
            host: "127.0.0.1".to_owned(),
            port: 8090,
            metrics_port: 9091,
            issuer: "trade-engine-services".to_owned(),
            audience: "wallet".to_owned(),
            algorithm: Algorithm::Hs256,
            secret: SecretString::from(Self::DEVELOPMENT_SECRET),
            secret_file: None,
            previous_secret: None,
            previous_secret_file: None,
            private_key: None,
            private_key_file: None,
            public_key: None,
            previous_public_key: None,
            previous_until: None,
            token_life: Duration::from_secs(60),
            connect_timeout: Duration::from_secs(2),
            timeout: Duration::from_secs(10),
            calls_in_flight: 32,
            calls_waiting: 1_024,
            requests_in_flight: 1_024,
            database_connections: 20,
            drain: None,
        }
    }
}
