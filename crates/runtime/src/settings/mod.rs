//! Typed settings: read from a YAML file and the environment over defaults, checked all at once.

mod duration;
mod expand;
mod load;
mod market;
mod problem;
mod rules;
mod secret;
mod sections;
mod services;
mod show;
mod tree;
mod urls;
mod variables;

pub use load::find_file;
pub use market::{Market, MarketEntry, MatchingSettings};
pub use problem::{Problem, SettingsError};
pub use secret::{FileSecrets, SecretError, SecretProvider};
pub use sections::{
    Algorithm, AuthSettings, EmbeddedSettings, LogFormat, LogOutput, LoggingSettings, MonitoringSettings,
    ServerSettings,
};
pub use services::{DatabaseSettings, RabbitmqSettings, RedisSettings};
pub use variables::Variables;

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
    /// PostgreSQL (distributed).
    pub database: DatabaseSettings,
    /// Redis (distributed).
    pub redis: RedisSettings,
    /// RabbitMQ (distributed).
    pub rabbitmq: RabbitmqSettings,
    /// The markets.
    pub matching: MatchingSettings,
    /// The exchange in one process.
    pub embedded: EmbeddedSettings,
    /// Tokens.
    pub auth: AuthSettings,
    /// Logs.
    pub logging: LoggingSettings,
    /// Metrics and traces.
    pub monitoring: MonitoringSettings,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            environment: Environment::default(),
            mode: Mode::default(),
            data_dir: PathBuf::from("./data"),
            server: ServerSettings::default(),
            database: DatabaseSettings::default(),
            redis: RedisSettings::default(),
            rabbitmq: RabbitmqSettings::default(),
            matching: MatchingSettings::default(),
            embedded: EmbeddedSettings::default(),
            auth: AuthSettings::default(),
            logging: LoggingSettings::default(),
            monitoring: MonitoringSettings::default(),
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
