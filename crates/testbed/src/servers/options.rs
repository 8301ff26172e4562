//! What a server of one's own can be told before it starts.

use std::path::PathBuf;

/// The default: a folder that goes at the end, a free port, no encryption, and nobody asks for a password.
#[derive(Debug, Clone, Default)]
pub struct Options {
    pub(super) dir: Option<PathBuf>,
    pub(super) port: Option<u16>,
    pub(super) passwords: bool,
    pub(super) tls_names: Option<Vec<String>>,
    pub(super) programs: Option<PathBuf>,
    pub(super) metrics: bool,
    pub(super) replica_of: Option<u16>,
    pub(super) settings: Vec<(String, String)>,
}

impl Options {
    /// As the default.
    pub fn new() -> Self {
        Self::default()
    }

    /// The data lie here and stay at the end; where they lie already, they are used.
    #[must_use]
    pub fn dir(mut self, dir: impl Into<PathBuf>) -> Self {
        self.dir = Some(dir.into());
        self
    }

    /// It listens on this port of 127.0.0.1.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.port = Some(port);
        self
    }

    /// PgBouncer and nginx: the program lies here, else in one of the folders of PATH.
    #[must_use]
    pub fn programs(mut self, dir: impl Into<PathBuf>) -> Self {
        self.programs = Some(dir.into());
        self
    }

    /// Connections are encrypted: the server shows a certificate for 127.0.0.1 and localhost, signed by an authority of its
    /// own ([`super::Server::certificates`]), and refuses plain connections (PostgreSQL: but those of `postgres`, by whom
    /// databases are made).
    #[must_use]
    pub fn tls(self) -> Self {
        self.tls_names(&["127.0.0.1", "localhost"])
    }

    /// As [`Options::tls`], with a certificate for these names: another name than the one it is reached by must be refused.
    #[must_use]
    pub fn tls_names(mut self, names: &[&str]) -> Self {
        self.tls_names = Some(names.iter().map(|name| (*name).to_owned()).collect());
        self
    }

    /// PostgreSQL: every role but `postgres` must show its password.
    #[must_use]
    pub fn passwords(mut self, asked: bool) -> Self {
        self.passwords = asked;
        self
    }

    /// PostgreSQL: a copy of the one on this port that follows it, by a replication slot and under the name `replica`.
    #[must_use]
    pub fn replica_of(mut self, port: u16) -> Self {
        self.replica_of = Some(port);
        self
    }

    /// RabbitMQ: it tells Prometheus how it is, on a port of its own.
    #[must_use]
    pub fn metrics(mut self, wanted: bool) -> Self {
        self.metrics = wanted;
        self
    }

    /// One more setting in the server's own words: a parameter of PostgreSQL, a directive of Redis, a line of
    /// `rabbitmq.conf`.
    #[must_use]
    pub fn setting(mut self, name: &str, value: &str) -> Self {
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }
}
