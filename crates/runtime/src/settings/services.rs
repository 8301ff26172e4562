//! The section of the settings for Redis, which the distributed exchange needs.

use std::path::PathBuf;

use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use super::{secret, urls};

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
    /// Sentinels (host:port) that know the master; empty: none. They and the master share password and TLS.
    pub sentinels: Vec<String>,
    /// The name under which the sentinels watch the master.
    pub sentinel_master: String,
    /// Some nodes (host:port) of a cluster; empty: none.
    pub cluster_nodes: Vec<String>,
    /// Whether connections are encrypted; an address that begins with rediss:// says so too.
    pub tls: bool,
    /// The root certificates (PEM) that sign the servers'; none: those of the web.
    pub root_certificate: Option<PathBuf>,
    /// Connections in the pool.
    pub pool_size: u32,
    /// Tries after the first one, of calls that may be made twice and whose connection turns out to be broken.
    pub max_retries: u32,
    /// Whether gateways keep the books of all markets there, for others to read.
    pub book_cache: bool,
}

impl RedisSettings {
    /// The address to connect to.
    pub fn connection_url(&self) -> SecretString {
        self.url
            .clone()
            .unwrap_or_else(|| self.url_of(&self.host, self.port))
    }

    /// The address of another host and port, reached the same way.
    pub fn url_of(&self, host: &str, port: u16) -> SecretString {
        let scheme = if self.tls { "rediss" } else { "redis" };
        urls::compose(scheme, "", &self.password, (host, port), &self.db.to_string())
    }

    /// The addresses of hosts and ports as `sentinels` and `cluster_nodes` have them; none where one is not host:port.
    pub fn urls_of(&self, nodes: &[String]) -> Option<Vec<SecretString>> {
        let url = |node: &String| {
            let (host, port) = node.rsplit_once(':')?;
            Some(self.url_of(host, port.parse().ok().filter(|port| *port != 0)?))
        };
        nodes.iter().map(url).collect()
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
            sentinels: Vec::new(),
            sentinel_master: String::new(),
            cluster_nodes: Vec::new(),
            tls: false,
            root_certificate: None,
            pool_size: 100,
            max_retries: 3,
            book_cache: true,
        }
    }
}
