//! Typed settings: read from a YAML file and the environment over defaults, checked all at once.

mod auth;
mod database;
mod duration;
mod expand;
mod load;
mod market;
mod problem;
mod rabbitmq;
mod reload;
mod rules;
mod secret;
mod sections;
mod services;
mod show;
mod timestamp;
mod traffic;
mod tree;
mod urls;
mod variables;
mod wallet;

pub use auth::{Algorithm, AuthSettings, Issuer, IssuerSettings, KeySource, PreviousKey};
pub use database::{DatabaseSettings, PartitionSettings, SslMode};
pub use load::find_file;
pub use market::{Market, MarketEntry, MatchingSettings};
pub use problem::{Problem, SettingsError};
pub use rabbitmq::RabbitmqSettings;
pub use reload::{ReloadPlan, reloadable};
pub use secret::{FileSecrets, SecretError, SecretProvider};
pub use sections::{
    AuditorSettings, DemoSettings, DistributedSettings, EmbeddedSettings, HistorySettings, LogFormat,
    LogOutput, LoggingSettings, MonitoringSettings, ServerSettings,
};
pub use services::RedisSettings;
pub use traffic::{LimitsSettings, WebsocketSettings};
pub use variables::Variables;
pub use wallet::WalletSettings;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Everything that can be set. [`Settings::load`] makes it; [`Settings::default`] is a valid development setting.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Where the program runs; anything but development refuses default secrets.
    pub environment: Environment,
    /// The shape of the exchange.
    pub mode: Mode,
    /// The folder of journal, snapshots and projection (embedded).
    pub data_dir: PathBuf,
    /// Listeners and their limits.
    pub server: ServerSettings,
    /// How much each caller may ask for.
    pub limits: LimitsSettings,
    /// `/ws`.
    pub websocket: WebsocketSettings,
    /// PostgreSQL (distributed).
    pub database: DatabaseSettings,
    /// Redis (distributed).
    pub redis: RedisSettings,
    /// RabbitMQ (distributed).
    pub rabbitmq: RabbitmqSettings,
    /// The wallet service (distributed).
    pub wallet: WalletSettings,
    /// The markets.
    pub matching: MatchingSettings,
    /// The exchange in one process.
    pub embedded: EmbeddedSettings,
    /// The exchange in many processes.
    pub distributed: DistributedSettings,
    /// Who looks whether everything holds.
    pub auditor: AuditorSettings,
    /// The stored history (embedded).
    pub history: HistorySettings,
    /// Tokens and API keys.
    pub auth: AuthSettings,
    /// Logs.
    pub logging: LoggingSettings,
    /// Metrics and traces.
    pub monitoring: MonitoringSettings,
    /// Invented trading.
    pub demo: DemoSettings,
    /// What loading found doubtful but not wrong, to be logged once logs are set up. It is no setting itself.
    #[serde(skip)]
    pub warnings: Vec<Problem>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            environment: Environment::default(),
            mode: Mode::default(),
            data_dir: PathBuf::from("./data"),
            server: ServerSettings::default(),
            limits: LimitsSettings::default(),
            websocket: WebsocketSettings::default(),
            database: DatabaseSettings::default(),
            redis: RedisSettings::default(),
            rabbitmq: RabbitmqSettings::default(),
            wallet: WalletSettings::default(),
            matching: MatchingSettings::default(),
            embedded: EmbeddedSettings::default(),
            distributed: DistributedSettings::default(),
            auditor: AuditorSettings::default(),
            history: HistorySettings::default(),
            auth: AuthSettings::default(),
            logging: LoggingSettings::default(),
            monitoring: MonitoringSettings::default(),
            demo: DemoSettings::default(),
            warnings: Vec::new(),
        }
    }
}

/// Where the program runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Environment {
    /// A developer's machine: default secrets, development deposits and tokens.
    #[default]
    Development,
    /// The rehearsal for production, with secrets of its own.
    Staging,
    /// Real money.
    Production,
}

/// The shape of the exchange.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// One process with a journal on local disk.
    #[default]
    Embedded,
    /// Gateways, matchers and wallet around PostgreSQL, Redis and RabbitMQ.
    Distributed,
}
