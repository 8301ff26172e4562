//! The sections of the settings for PostgreSQL and Redis, which the distributed exchange needs.

use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use super::{duration, secret, urls};

/// PostgreSQL.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DatabaseSettings {
    /// The whole address; wins over host, port, name, user and password.
    #[serde(serialize_with = "secret::serialize_optional")]
    pub url: Option<SecretString>,
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Name of the database.
    pub name: String,
    /// Role.
    pub user: String,
    /// Password of the role.
    #[serde(serialize_with = "secret::serialize")]
    pub password: SecretString,
    /// A file that holds the password instead.
    pub password_file: Option<PathBuf>,
    /// The most connections at once.
    pub max_open_conns: u32,
    /// The most connections kept while idle.
    pub max_idle_conns: u32,
    /// A connection older than this is replaced.
    #[serde(with = "duration")]
    pub conn_max_lifetime: Duration,
    /// Whether statements are logged.
    pub log_queries: bool,
}

impl DatabaseSettings {
    /// The address to connect to.
    pub fn connection_url(&self) -> SecretString {
        self.url.clone().unwrap_or_else(|| {
            urls::compose(
                "postgres",
                &self.user,
                &self.password,
                (&self.host, self.port),
                &self.name,
            )
        })
    }
}

impl Default for DatabaseSettings {
    fn default() -> Self {
        Self {
            url: None,
            host: "localhost".to_owned(),
            port: 5432,
            name: "mytrader".to_owned(),
            user: "postgres".to_owned(),
            password: SecretString::default(),
            password_file: None,
            max_open_conns: 100,
            max_idle_conns: 10,
            conn_max_lifetime: Duration::from_secs(3_600),
            log_queries: false,
        }
    }
}

/// Redis.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RedisSettings {
    /// The whole address; wins over host, port, password and db.
    #[serde(serialize_with = "secret::serialize_optional")]
    pub url: Option<SecretString>,
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Password; empty = none.
    #[serde(serialize_with = "secret::serialize")]
    pub password: SecretString,
    /// A file that holds the password instead.
    pub password_file: Option<PathBuf>,
    /// Number of the database.
    pub db: u32,
    /// Connections in the pool.
    pub pool_size: u32,
    /// Tries after the first one.
    pub max_retries: u32,
}

impl RedisSettings {
    /// The address to connect to.
    pub fn connection_url(&self) -> SecretString {
        self.url.clone().unwrap_or_else(|| {
            urls::compose(
                "redis",
                "",
                &self.password,
                (&self.host, self.port),
                &self.db.to_string(),
            )
        })
    }
}

impl Default for RedisSettings {
    fn default() -> Self {
        Self {
            url: None,
            host: "localhost".to_owned(),
            port: 6379,
            password: SecretString::default(),
            password_file: None,
            db: 0,
            pool_size: 100,
            max_retries: 3,
        }
    }
}
