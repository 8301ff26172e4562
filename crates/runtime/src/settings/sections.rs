//! The sections of the settings about this program itself: listeners, the shapes of the exchange, history, demo, logs,
//! monitoring, the auditor.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::duration;

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
    /// Origins whose pages may call the API, exactly as browsers send them: `https://app.example.com`.
    pub cors_origins: Vec<String>,
    /// The largest body of a request, in bytes.
    pub max_body_bytes: usize,
    /// The largest body of a batch of orders, in bytes. Over WebSocket the limit of a frame holds.
    pub max_batch_bytes: usize,
    /// Whether the public port shows the API's description and the page that explains it.
    pub docs_enabled: bool,
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
            cors_origins: Vec::new(),
            max_body_bytes: 16 * 1024,
            max_batch_bytes: 64 * 1024,
            docs_enabled: true,
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

/// The exchange in many processes.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DistributedSettings {
    /// How many shards there are: each has some of the markets and one matcher at a time. It may grow, never shrink.
    pub shards: u32,
    /// The most requests of order entry in flight in a gateway; placements are refused above 80 % of it.
    pub in_flight: usize,
    /// For how long the shards' logs are kept; what is not published and settled stays longer.
    #[serde(with = "duration")]
    pub keep_log: Duration,
}

impl Default for DistributedSettings {
    fn default() -> Self {
        Self {
            shards: 1,
            in_flight: 8_192,
            keep_log: Duration::from_secs(7 * 24 * 60 * 60),
        }
    }
}

/// The auditor: a program of its own (distributed), a task of the gateway (embedded).
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AuditorSettings {
    /// Between two looks at what accounts, reservations and live orders say of each other, and at what has changed;
    /// embedded: at everything.
    #[serde(with = "duration")]
    pub interval: Duration,
    /// Distributed: between two looks at everything; they take at most a tenth of the time, so they may come later.
    #[serde(with = "duration")]
    pub full_interval: Duration,
    /// Distributed: how long a statement may take.
    #[serde(with = "duration")]
    pub statement_timeout: Duration,
    /// Distributed: where operators' requests are taken, the first that answers is asked.
    pub gateways: Vec<String>,
    /// Distributed: a file that holds a token with the right admin:markets; it is read for every request. Needed outside of
    /// development, where the auditor makes one itself.
    pub token_file: Option<PathBuf>,
}

impl Default for AuditorSettings {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(15),
            full_interval: Duration::from_secs(45),
            statement_timeout: Duration::from_secs(60),
            gateways: vec!["http://127.0.0.1:9090".to_owned()],
            token_file: None,
        }
    }
}

/// How far the stored history may fall behind the exchange before new orders are refused.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HistorySettings {
    /// Bytes of batches that may wait in memory to be written.
    pub max_lag_bytes: u64,
    /// Ended orders that may wait to be written.
    pub max_lag_orders: u64,
    /// How long the oldest change may wait to be stored.
    #[serde(with = "duration")]
    pub max_lag: Duration,
    /// Connections that read the history.
    pub connections: u32,
}

impl Default for HistorySettings {
    fn default() -> Self {
        Self {
            max_lag_bytes: 64 * 1024 * 1024,
            max_lag_orders: 25_000,
            max_lag: Duration::from_secs(30),
            connections: 2,
        }
    }
}

/// Invented trading, so that book, trades and candles live. Refused in production.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DemoSettings {
    /// Whether anybody trades.
    pub enabled: bool,
    /// The same seed gives the same orders.
    pub seed: u64,
    /// Funded users, the market maker among them.
    pub users: u32,
    /// Orders of all users together.
    pub orders_per_second: u32,
}

impl Default for DemoSettings {
    fn default() -> Self {
        Self {
            enabled: false,
            seed: 1,
            users: 20,
            orders_per_second: 20,
        }
    }
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
    /// Which part of the requests is recorded, from 0 to 1. What belongs to one request is recorded whole or not at all.
    pub trace_ratio: f64,
}

impl Default for MonitoringSettings {
    fn default() -> Self {
        Self {
            prometheus_enabled: true,
            jaeger_enabled: false,
            jaeger_endpoint: None,
            trace_ratio: 0.01,
        }
    }
}
