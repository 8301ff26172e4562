//! The sections of the settings that need no other server: listeners, embedded exchange, tokens, logs, monitoring.

use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use super::{duration, secret};

/// Listeners and their limits.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ServerSettings {
    /// The address to listen on. Only this machine by default, because the development secrets are public; a container
    /// sets 0.0.0.0.
    pub host: String,
    /// The public API.
    pub http_port: u16,
    /// A second listener with `/ws`; 0 = off.
    pub websocket_port: u16,
    /// `/metrics` and the operator routes; 0 = off.
    pub metrics_port: u16,
    /// Whether the operator routes answer on the public port too.
    pub admin_on_public: bool,
    /// How long an answer waits for the outcome of a command.
    #[serde(with = "duration")]
    pub answer_timeout: Duration,
    /// How long a client may take to send a request.
    #[serde(with = "duration")]
    pub read_timeout: Duration,
    /// How long an answer may take in all.
    #[serde(with = "duration")]
    pub write_timeout: Duration,
    /// How long running requests may finish after a stop signal.
    #[serde(with = "duration")]
    pub shutdown_timeout: Duration,
    /// Addresses or networks (CIDR) whose X-Forwarded-For counts.
    pub trusted_proxies: Vec<String>,
    /// The largest body of a request, in bytes.
    pub max_body_bytes: usize,
}

impl Default for ServerSettings {
    fn default() -> Self {
        Self {
            host: "127.0.0.1".to_owned(),
            http_port: 8080,
            websocket_port: 8081,
            metrics_port: 9090,
            admin_on_public: false,
            answer_timeout: Duration::from_secs(2),
            read_timeout: Duration::from_secs(60),
            write_timeout: Duration::from_secs(60),
            shutdown_timeout: Duration::from_secs(30),
            trusted_proxies: Vec::new(),
            max_body_bytes: 16 * 1024,
        }
    }
}

/// The exchange in one process.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EmbeddedSettings {
    /// Commands that may wait for the writer; placements are refused above 80 % of it.
    pub queue_capacity: usize,
    /// The most commands that the writer takes at once.
    pub batch_max: usize,
    /// Commands between two snapshots.
    pub snapshot_every_commands: u64,
    /// A journal segment is closed when it has this many bytes.
    pub segment_bytes: u64,
    /// Below this much free disk, in bytes, placements are refused.
    pub min_free_bytes: u64,
    /// Archived segments are dropped, oldest first, beyond so many bytes; 0 = never.
    pub archive_keep_bytes: u64,
}

impl Default for EmbeddedSettings {
    fn default() -> Self {
        Self {
            queue_capacity: 8_192,
            batch_max: 1_024,
            snapshot_every_commands: 500_000,
            segment_bytes: 64 * 1024 * 1024,
            min_free_bytes: 256 * 1024 * 1024,
            archive_keep_bytes: 0,
        }
    }
}

/// How tokens are checked.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AuthSettings {
    /// The `iss` that a token must bear.
    pub issuer: String,
    /// The `aud` that a token must bear.
    pub audience: String,
    /// The only algorithm that is accepted.
    pub algorithm: Algorithm,
    /// The shared signing secret, at least 32 bytes. The default is public and refused outside development.
    #[serde(serialize_with = "secret::serialize")]
    pub secret: SecretString,
    /// A file that holds the secret instead.
    pub secret_file: Option<PathBuf>,
    /// The issuer's Ed25519 public key, base64url without padding, for EdDSA.
    pub public_key: Option<String>,
    /// How far the clocks of issuer and server may differ, at most 5 seconds.
    #[serde(with = "duration")]
    pub leeway: Duration,
}

impl AuthSettings {
    /// The signing secret of development. Everybody knows it.
    pub const DEVELOPMENT_SECRET: &str = "development-secret-that-everybody-knows";
}

impl Default for AuthSettings {
    fn default() -> Self {
        Self {
            issuer: "trade-engine".to_owned(),
            audience: "trade-engine-api".to_owned(),
            algorithm: Algorithm::Hs256,
            secret: SecretString::from(Self::DEVELOPMENT_SECRET),
            secret_file: None,
            public_key: None,
            leeway: Duration::from_secs(5),
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

/// Logs.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LoggingSettings {
    /// A level (`info`) or a filter (`info,embedded=debug`).
    pub level: String,
    /// One JSON object a line, or text for people.
    pub format: LogFormat,
    /// Where the lines go.
    pub output: LogOutput,
}

impl Default for LoggingSettings {
    fn default() -> Self {
        Self {
            level: "info".to_owned(),
            format: LogFormat::Json,
            output: LogOutput::Stdout,
        }
    }
}

/// The form of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For people.
    Text,
}

/// Where log lines go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogOutput {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// Metrics and traces.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MonitoringSettings {
    /// Whether `/metrics` answers.
    pub prometheus_enabled: bool,
    /// Whether traces are sent.
    pub jaeger_enabled: bool,
    /// Where traces are sent (OTLP); needed when they are.
    pub jaeger_endpoint: Option<String>,
}

impl Default for MonitoringSettings {
    fn default() -> Self {
        Self {
            prometheus_enabled: true,
            jaeger_enabled: false,
            jaeger_endpoint: None,
        }
    }
}
