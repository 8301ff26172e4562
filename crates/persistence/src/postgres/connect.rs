//! Connections to PostgreSQL: a pool for request paths, and single ones for whoever owns a shard.

use std::time::Duration;

use diesel_async::pooled_connection::deadpool::{Object, Pool as Objects};
use diesel_async::pooled_connection::{AsyncDieselConnectionManager, ManagerConfig, RecyclingMethod};
use diesel_async::{AsyncConnection, AsyncPgConnection};
use secrecy::{ExposeSecret, SecretString};

use super::PgError;

/// One connection.
pub type Connection = AsyncPgConnection;

/// How a pool is made.
#[derive(Debug, Clone)]
pub struct PoolOptions {
    /// Where the server is: `postgres://user:password@host:port/name`.
    pub url: SecretString,
    /// At most so many connections.
    pub max_size: usize,
    /// The longest wait for one of them.
    pub wait: Duration,
}

/// A bounded set of connections. Cheap to clone.
#[derive(Clone)]
pub struct Pool(Objects<AsyncPgConnection>);

impl Pool {
    /// A pool; it connects when it is first asked.
    ///
    /// # Errors
    /// The options make no sense.
    pub fn new(options: &PoolOptions) -> Result<Self, PgError> {
        let mut config = ManagerConfig::default();
        config.recycling_method = RecyclingMethod::Fast;
        let url = options.url.expose_secret();
        let manager = AsyncDieselConnectionManager::new_with_config(url, config);
        let pool = Objects::builder(manager)
            .max_size(options.max_size)
            .wait_timeout(Some(options.wait))
            .create_timeout(Some(options.wait))
            .runtime(deadpool::Runtime::Tokio1)
            .build();
        pool.map(Self)
            .map_err(|error| PgError::NoConnection(error.to_string()))
    }

    /// A connection; it goes back when it is dropped.
    ///
    /// # Errors
    /// None could be had in time.
    pub async fn get(&self) -> Result<Object<AsyncPgConnection>, PgError> {
        let got = self.0.get().await;
        got.map_err(|error| PgError::NoConnection(error.to_string()))
    }
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Pool").field(&self.0.status()).finish()
    }
}

/// A connection of one's own, outside of every pool.
///
/// # Errors
/// None could be had.
pub async fn connect(url: &SecretString) -> Result<Connection, PgError> {
    let made = AsyncPgConnection::establish(url.expose_secret()).await;
    made.map_err(|error| PgError::NoConnection(error.to_string()))
}
