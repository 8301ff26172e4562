//! Connections to Redis: one server, the master behind sentinels, or a cluster; a bounded pool of them.

use std::time::Duration;

use deadpool::managed::{Manager, Metrics, Object, Pool, RecycleError, RecycleResult};
use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::cluster::ClusterClientBuilder;
use redis::cluster_async::ClusterConnection;
use redis::sentinel::{SentinelClient, SentinelClientBuilder, SentinelServerType};
use redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionAddr, ConnectionInfo, IntoConnectionInfo, Pipeline,
    RedisFuture, Script, TlsCertificates, TlsMode, Value,
};
use secrecy::{ExposeSecret, SecretString};

/// The longest time to connect. Who asks waits less; the connection is there for the next.
const CONNECT: Duration = Duration::from_secs(2);

/// Where Redis is.
#[derive(Debug, Clone)]
pub enum Addresses {
    /// One server: `redis://:password@host:port/db`, or `rediss://` with TLS.
    One(SecretString),
    /// Sentinels, and the name of the master that they watch.
    Sentinels {
        /// Their addresses.
        sentinels: Vec<SecretString>,
        /// The name of the master.
        master: String,
        /// The address of the master as a pattern for password, database and TLS; its host and port are not used.
        pattern: SecretString,
    },
    /// Some nodes of a cluster.
    Cluster(Vec<SecretString>),
}

/// How Redis is reached.
#[derive(Debug, Clone)]
pub struct RedisOptions {
    /// Where it is.
    pub addresses: Addresses,
    /// At most so many connections.
    pub pool_size: usize,
    /// The longest wait for a connection, and for an answer.
    pub patience: Duration,
    /// How often a call that may be made twice is made again when its connection turns out to be broken.
    pub max_retries: u32,
    /// The root certificates (PEM) that sign the servers'; none: those of the web.
    pub root_certificates: Option<Vec<u8>>,
    /// Stands before every key.
    pub prefix: String,
}

/// Why Redis gave no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("Redis does not answer: {0}")]
pub struct RedisError(pub String);

impl From<redis::RedisError> for RedisError {
    fn from(error: redis::RedisError) -> Self {
        Self(error.to_string())
    }
}

enum Maker {
    One(Client),
    // The client learns who the master is, and keeps it to itself.
    Sentinels(tokio::sync::Mutex<SentinelClient>),
    Cluster(redis::cluster::ClusterClient),
}

/// A connection to whatever Redis is.
pub(super) enum Connection {
    One(MultiplexedConnection),
    Cluster(ClusterConnection),
}

impl ConnectionLike for Connection {
    fn req_packed_command<'a>(&'a mut self, cmd: &'a Cmd) -> RedisFuture<'a, Value> {
        match self {
            Self::One(one) => one.req_packed_command(cmd),
            Self::Cluster(cluster) => cluster.req_packed_command(cmd),
        }
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        cmd: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        match self {
            Self::One(one) => one.req_packed_commands(cmd, offset, count),
            Self::Cluster(cluster) => cluster.req_packed_commands(cmd, offset, count),
        }
    }

    fn get_db(&self) -> i64 {
        match self {
            Self::One(one) => one.get_db(),
            Self::Cluster(cluster) => cluster.get_db(),
        }
    }
}

struct Connections {
    maker: Maker,
    patience: Duration,
}

impl Connections {
    fn config(&self) -> AsyncConnectionConfig {
        AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT))
            .set_response_timeout(Some(self.patience))
    }
}

impl Manager for Connections {
    type Type = Connection;
    type Error = RedisError;

    async fn create(&self) -> Result<Connection, RedisError> {
        let config = self.config();
        let connection = match &self.maker {
            Maker::One(client) => {
                let made = client.get_multiplexed_async_connection_with_config(&config);
                Connection::One(made.await?)
            }
            Maker::Sentinels(sentinels) => {
                let mut sentinels = sentinels.lock().await;
                let made = sentinels.get_async_connection_with_config(&config);
                Connection::One(made.await?)
            }
            Maker::Cluster(cluster) => Connection::Cluster(cluster.get_async_connection().await?),
        };
        Ok(connection)
    }

    // A broken connection is found by its next call, which drops it.
    async fn recycle(&self, _: &mut Connection, _: &Metrics) -> RecycleResult<RedisError> {
        Ok::<(), RecycleError<RedisError>>(())
    }
}

/// Redis, as all its users share it. Cheap to clone.
#[derive(Clone)]
pub struct Redis {
    pool: Pool<Connections>,
    patience: Duration,
    max_retries: u32,
    prefix: String,
}

impl Redis {
    /// A pool; it connects when it is first asked.
    ///
    /// # Errors
    /// An address or a certificate makes no sense.
    pub fn new(options: &RedisOptions) -> Result<Self, RedisError> {
        let connections = Connections {
            maker: maker(options)?,
            patience: options.patience,
        };
        let pool = Pool::builder(connections)
            .max_size(options.pool_size.max(1))
            .wait_timeout(Some(CONNECT))
            .create_timeout(Some(CONNECT))
            .runtime(deadpool::Runtime::Tokio1)
            .build()
            .map_err(|error| RedisError(error.to_string()))?;
        Ok(Self {
            pool,
            patience: options.patience,
            max_retries: options.max_retries,
            prefix: options.prefix.clone(),
        })
    }

    /// Whether it answers.
    ///
    /// # Errors
    /// It does not.
    pub async fn ping(&self) -> Result<(), RedisError> {
        self.ask(&redis::cmd("PING")).await.map(|_: String| ())
    }

    /// Connections that are open, and those of them that nobody uses.
    pub fn connections(&self) -> (usize, usize) {
        let status = self.pool.status();
        (status.size, status.available)
    }

    pub(super) fn key(&self, kind: &str, name: impl std::fmt::Display) -> String {
        format!("{}{kind}:{name}", self.prefix)
    }

    /// Sends a command that may be sent twice.
    pub(super) async fn ask<T: redis::FromRedisValue>(&self, command: &Cmd) -> Result<T, RedisError> {
        self.send(command, self.max_retries).await
    }

    /// Sends a command that must not be sent twice: where the connection breaks it is not known whether it was done.
    pub(super) async fn ask_once<T: redis::FromRedisValue>(&self, command: &Cmd) -> Result<T, RedisError> {
        self.send(command, 0).await
    }

    async fn send<T: redis::FromRedisValue>(&self, command: &Cmd, mut retries: u32) -> Result<T, RedisError> {
        loop {
            let mut connection = self.connection().await?;
            let answer: Result<T, redis::RedisError> = command.query_async(&mut *connection).await;
            match answer {
                Ok(answer) => return Ok(answer),
                Err(error) => self.broken(connection, error, &mut retries)?,
            }
        }
    }

    /// Runs a script, in one call where the server knows it.
    pub(super) async fn run<T: redis::FromRedisValue>(
        &self,
        script: &Script,
        keys: &[&str],
        arguments: &[&[u8]],
    ) -> Result<T, RedisError> {
        let mut call = script.prepare_invoke();
        for key in keys {
            call.key(*key);
        }
        for argument in arguments {
            call.arg(*argument);
        }
        let mut retries = self.max_retries;
        loop {
            let mut connection = self.connection().await?;
            let answer: Result<T, redis::RedisError> = call.invoke_async(&mut *connection).await;
            match answer {
                Ok(answer) => return Ok(answer),
                Err(error) => self.broken(connection, error, &mut retries)?,
            }
        }
    }

    async fn connection(&self) -> Result<Object<Connections>, RedisError> {
        // In a task of its own: whoever gives up leaves a connection behind that is there for the next.
        let pool = self.pool.clone();
        let getting = tokio::spawn(async move { pool.get().await });
        match tokio::time::timeout(self.patience, getting).await {
            Ok(Ok(got)) => got.map_err(|error| RedisError(error.to_string())),
            Ok(Err(error)) => Err(RedisError(error.to_string())),
            Err(_) => Err(RedisError("no connection in time".to_owned())),
        }
    }

    /// Drops a connection that broke; an error when there was no answer in time or no retries are left.
    fn broken(
        &self,
        connection: Object<Connections>,
        error: redis::RedisError,
        retries: &mut u32,
    ) -> Result<(), RedisError> {
        if !(error.is_io_error() || error.is_unrecoverable_error() || error.is_timeout()) {
            return Err(error.into());
        }
        drop(Object::take(connection));
        // Others that were opened to the same server are broken too.
        if !error.is_timeout() {
            self.pool
                .retain(|_, metrics| metrics.last_used() < Duration::ZERO);
        }
        if error.is_timeout() || *retries == 0 {
            return Err(error.into());
        }
        *retries -= 1;
        Ok(())
    }
}

impl std::fmt::Debug for Redis {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Redis")
            .field("pool", &self.pool.status())
            .finish_non_exhaustive()
    }
}

fn maker(options: &RedisOptions) -> Result<Maker, RedisError> {
    let roots = options.root_certificates.as_ref();
    let certificates = || TlsCertificates {
        client_tls: None,
        root_cert: roots.cloned(),
    };
    match &options.addresses {
        Addresses::One(url) => {
            let url = url.expose_secret();
            let client = match roots {
                Some(_) => Client::build_with_tls(url, certificates())?,
                None => Client::open(url)?,
            };
            Ok(Maker::One(client))
        }
        Addresses::Sentinels {
            sentinels,
            master,
            pattern,
        } => sentinel_client(sentinels, master, pattern, roots.map(|_| certificates())),
        Addresses::Cluster(nodes) => {
            let nodes: Vec<&str> = nodes.iter().map(ExposeSecret::expose_secret).collect();
            let mut builder = ClusterClientBuilder::new(nodes)
                .connection_timeout(options.patience)
                .response_timeout(options.patience);
            if roots.is_some() {
                builder = builder.certs(certificates());
            }
            Ok(Maker::Cluster(builder.build()?))
        }
    }
}

/// Asks the sentinels who the master is; both are reached as the addresses' schemes and passwords say.
fn sentinel_client(
    sentinels: &[SecretString],
    master: &str,
    pattern: &SecretString,
    certificates: Option<TlsCertificates>,
) -> Result<Maker, RedisError> {
    let info = |url: &SecretString| -> Result<ConnectionInfo, RedisError> {
        Ok(url.expose_secret().into_connection_info()?)
    };
    let nodes: Vec<ConnectionInfo> = sentinels.iter().map(info).collect::<Result<_, _>>()?;
    let addresses: Vec<ConnectionAddr> = nodes.iter().map(|node| node.addr().clone()).collect();
    let has_tls = |node: &ConnectionInfo| matches!(node.addr(), ConnectionAddr::TcpTls { .. });
    let mut builder = SentinelClientBuilder::new(addresses, master, SentinelServerType::Master)?;
    let pattern = info(pattern)?;
    let settings = pattern.redis_settings();
    builder = builder.set_client_to_redis_db(settings.db());
    if let Some(name) = settings.username() {
        builder = builder.set_client_to_redis_username(name);
    }
    if let Some(password) = settings.password() {
        builder = builder.set_client_to_redis_password(password);
    }
    if has_tls(&pattern) {
        builder = builder.set_client_to_redis_tls_mode(TlsMode::Secure);
        if let Some(certificates) = &certificates {
            builder = builder.set_client_to_redis_certificates(certificates.clone());
        }
    }
    if let Some(node) = nodes.first() {
        if let Some(password) = node.redis_settings().password() {
            builder = builder.set_client_to_sentinel_password(password);
        }
        if has_tls(node) {
            builder = builder.set_client_to_sentinel_tls_mode(TlsMode::Secure);
            if let Some(certificates) = certificates {
                builder = builder.set_client_to_sentinel_certificates(certificates);
            }
        }
    }
    Ok(Maker::Sentinels(tokio::sync::Mutex::new(builder.build()?)))
}
