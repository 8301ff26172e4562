//! The section of the settings about PostgreSQL: where it is, how to talk to it, and how long to wait for it.

use std::fmt::Write;
use std::path::PathBuf;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use super::{duration, secret, urls};

/// PostgreSQL.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DatabaseSettings {
    /// The whole address; wins over host, port, name, user and password. What its parameters say (`?sslmode=require`)
    /// wins over the fields below.
    #[serde(serialize_with = "secret::serialize_optional")]
    pub url: Option<SecretString>,
    /// The address past a pooler, for those that need a session of their own: matchers, migrations, partitions. None: the
    /// same address.
    #[serde(serialize_with = "secret::serialize_optional")]
    pub direct_url: Option<SecretString>,
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
    /// How the connection is protected.
    pub sslmode: SslMode,
    /// The certificates (PEM) of the authorities that may vouch for the server.
    pub sslrootcert: Option<PathBuf>,
    /// Whether `url` leads to a pooler that gives a server's session away after each transaction (PgBouncer). Then the
    /// session's timeouts are not sent: the role in the database must have them.
    pub transaction_pooling: bool,
    /// The most connections at once.
    pub max_open_conns: u32,
    /// The most connections kept while idle.
    pub max_idle_conns: u32,
    /// A connection older than this is replaced.
    #[serde(with = "duration")]
    pub conn_max_lifetime: Duration,
    /// The longest wait for a connection of the pool.
    #[serde(with = "duration")]
    pub pool_timeout: Duration,
    /// The longest wait for a new connection, in whole seconds.
    #[serde(with = "duration")]
    pub connect_timeout: Duration,
    /// The server ends a statement that takes longer.
    #[serde(with = "duration")]
    pub statement_timeout: Duration,
    /// The server ends a statement that waits longer for a lock.
    #[serde(with = "duration")]
    pub lock_timeout: Duration,
    /// The server ends a session that leaves its transaction open for longer.
    #[serde(with = "duration")]
    pub idle_in_transaction_timeout: Duration,
    /// A connection whose other end confirms nothing for so long is cut.
    #[serde(with = "duration")]
    pub tcp_user_timeout: Duration,
    /// Whether statements are logged.
    pub log_queries: bool,
    /// The months of orders and the days of trades.
    pub partitions: PartitionSettings,
}

/// How far ahead partitions are made, and how long they are kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PartitionSettings {
    /// Months of orders that are made ahead, at least 3.
    pub months_ahead: u32,
    /// Days of trades that are made ahead, at least 14.
    pub days_ahead: u32,
    /// A day of trades is taken out when it ended longer ago; 0 = never.
    #[serde(with = "duration")]
    pub keep_trades: Duration,
    /// A month of orders is taken out when it ended longer ago, and none of them is live or has a trade; 0 = never.
    #[serde(with = "duration")]
    pub keep_orders: Duration,
    /// What was taken out is dropped so much later.
    #[serde(with = "duration")]
    pub grace: Duration,
}

impl Default for PartitionSettings {
    fn default() -> Self {
        Self {
            months_ahead: 3,
            days_ahead: 21,
            keep_trades: Duration::ZERO,
            keep_orders: Duration::ZERO,
            grace: Duration::from_secs(7 * 86_400),
        }
    }
}

/// How a connection to PostgreSQL is protected, by the names that PostgreSQL's own clients use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SslMode {
    /// Not at all: only on one machine, or in a network of one's own.
    #[default]
    Disable,
    /// By TLS; where `sslrootcert` is given, only to a server that one of these authorities vouches for.
    Require,
    /// By TLS, only to a server that one of the authorities vouches for, under the very name of the address.
    VerifyFull,
}

impl SslMode {
    /// Its name in an address.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Disable => "disable",
            Self::Require => "require",
            Self::VerifyFull => "verify-full",
        }
    }
}

impl DatabaseSettings {
    /// The address to connect to, with all that a connection must know as parameters of the same names as
    /// PostgreSQL's own clients have.
    pub fn connection_url(&self) -> SecretString {
        let address = self.url.clone().unwrap_or_else(|| self.composed());
        self.with_parameters(&address, !self.transaction_pooling)
    }

    /// The address for who needs a session of its own.
    pub fn direct_connection_url(&self) -> SecretString {
        match &self.direct_url {
            Some(url) => self.with_parameters(url, true),
            None => self.connection_url(),
        }
    }

    fn composed(&self) -> SecretString {
        let server = (self.host.as_str(), self.port);
        urls::compose("postgres", &self.user, &self.password, server, &self.name)
    }

    fn with_parameters(&self, address: &SecretString, session: bool) -> SecretString {
        let mut url = address.expose_secret().to_owned();
        let given = url.split_once('?').map_or("", |(_, given)| given).to_owned();
        let mut add = |name: &str, value: &str| {
            let known = given.split('&').any(|pair| pair.split('=').next() == Some(name));
            if !known {
                let separator = if url.contains('?') { '&' } else { '?' };
                // Writing to a String cannot fail.
                let _ = write!(url, "{separator}{name}={}", urls::encoded(value));
            }
        };
        add("sslmode", self.sslmode.name());
        if let Some(file) = &self.sslrootcert {
            add("sslrootcert", &file.to_string_lossy());
        }
        add(
            "connect_timeout",
            &self.connect_timeout.as_secs().max(1).to_string(),
        );
        add("tcp_user_timeout", &self.tcp_user_timeout.as_millis().to_string());
        if session {
            add("options", &self.session_options());
        }
        SecretString::from(url)
    }

    /// What a session is told at its start.
    fn session_options(&self) -> String {
        [
            ("statement_timeout", self.statement_timeout),
            ("lock_timeout", self.lock_timeout),
            (
                "idle_in_transaction_session_timeout",
                self.idle_in_transaction_timeout,
            ),
        ]
        .map(|(name, time)| format!("-c {name}={}", time.as_millis()))
        .join(" ")
    }
}

impl Default for DatabaseSettings {
    fn default() -> Self {
        Self {
            url: None,
            direct_url: None,
            host: "localhost".to_owned(),
            port: 5432,
            name: "mytrader".to_owned(),
            user: "postgres".to_owned(),
            password: SecretString::default(),
            password_file: None,
            sslmode: SslMode::default(),
            sslrootcert: None,
            transaction_pooling: false,
            max_open_conns: 20,
            max_idle_conns: 10,
            conn_max_lifetime: Duration::from_secs(3_600),
            pool_timeout: Duration::from_secs(5),
            connect_timeout: Duration::from_secs(5),
            statement_timeout: Duration::from_secs(10),
            lock_timeout: Duration::from_secs(5),
            idle_in_transaction_timeout: Duration::from_secs(10),
            tcp_user_timeout: Duration::from_secs(10),
            log_queries: false,
            partitions: PartitionSettings::default(),
        }
    }
}
