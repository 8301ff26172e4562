//! Connections to PostgreSQL: a pool for request paths, and single ones for whoever owns a shard.

use std::time::Duration;

use deadpool::managed::{HookError, Manager as _, Metrics, QueueMode};
use diesel::connection::InstrumentationEvent;
use diesel_async::pooled_connection::deadpool::{Hook, Object, Pool as Objects, PoolError};
use diesel_async::pooled_connection::{
    AsyncDieselConnectionManager, ManagerConfig, PoolError as OfManager, RecyclingMethod,
};
use diesel_async::{AsyncConnection, AsyncPgConnection};
use futures_util::FutureExt;
use runtime::settings::DatabaseSettings;
use secrecy::SecretString;
use tokio::runtime::Handle;

use super::PgError;
use super::target::Target;

/// One connection.
pub type Connection = AsyncPgConnection;

/// How often a pool looks for connections that are too old or too many.
const TEND_EVERY: Duration = Duration::from_secs(10);
/// A connection that was used within this time is not surplus.
const IDLE_GRACE: Duration = Duration::from_secs(30);

/// How a pool is made.
#[derive(Debug, Clone)]
pub struct PoolOptions {
    /// Where the server is and how to talk to it: `postgres://user:password@host:port/name?sslmode=require`.
    pub url: SecretString,
    /// At most so many connections.
    pub max_size: usize,
    /// The longest wait for one of them.
    pub wait: Duration,
}

/// What a pool of long life needs besides.
struct Upkeep {
    program: Option<String>,
    max_idle: usize,
    lifetime: Duration,
    log_queries: bool,
}

/// A bounded set of connections. Cheap to clone.
///
/// Connections do their input and output on the tokio runtime that the pool was made on, whoever asks for them.
#[derive(Clone)]
pub struct Pool(Objects<AsyncPgConnection>);

/// How full a pool is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolFigures {
    /// The most connections that it may have.
    pub max: usize,
    /// The connections that it has.
    pub open: usize,
    /// Those of them that nobody uses.
    pub idle: usize,
    /// Callers that wait for one.
    pub waiting: usize,
}

impl Pool {
    /// A pool; it connects when it is first asked.
    ///
    /// # Errors
    /// The options make no sense.
    pub fn new(options: &PoolOptions) -> Result<Self, PgError> {
        Self::build(
            options,
            Upkeep {
                program: None,
                max_idle: options.max_size,
                lifetime: Duration::from_secs(3_600),
                log_queries: false,
            },
        )
    }

    /// The pool that the settings describe; `program` is what the server lists its connections under.
    ///
    /// # Errors
    /// The address makes no sense, or its certificates cannot be read.
    pub fn of(settings: &DatabaseSettings, program: &str) -> Result<Self, PgError> {
        let size = |connections: u32| usize::try_from(connections).unwrap_or(usize::MAX);
        let options = PoolOptions {
            url: settings.connection_url(),
            max_size: size(settings.max_open_conns),
            wait: settings.pool_timeout,
        };
        Self::build(
            &options,
            Upkeep {
                program: Some(program.to_owned()),
                max_idle: size(settings.max_idle_conns),
                lifetime: settings.conn_max_lifetime,
                log_queries: settings.log_queries,
            },
        )
    }

    fn build(options: &PoolOptions, upkeep: Upkeep) -> Result<Self, PgError> {
        let Upkeep {
            program,
            max_idle,
            lifetime,
            log_queries,
        } = upkeep;
        let target = Target::parse(&options.url, program.as_deref())?;
        let home = Handle::try_current().ok();
        let mut config = ManagerConfig::default();
        config.recycling_method = RecyclingMethod::Fast;
        let at = home.clone();
        config.custom_setup = Box::new(move |_| made_at(at.clone(), target.clone(), log_queries).boxed());
        // The target has read the address; the manager needs none.
        let manager = AsyncDieselConnectionManager::new_with_config("", config);
        let too_old = move |_: &mut AsyncPgConnection, metrics: &Metrics| {
            if metrics.age() < lifetime {
                Ok(())
            } else {
                Err(HookError::message("older than it may become"))
            }
        };
        let pool = Objects::builder(manager)
            .max_size(options.max_size)
            .wait_timeout(Some(options.wait))
            .create_timeout(Some(options.wait))
            .queue_mode(QueueMode::Lifo)
            .pre_recycle(Hook::sync_fn(too_old))
            .runtime(deadpool::Runtime::Tokio1)
            .build()
            .map_err(|error| PgError::NoConnection(error.to_string()))?;
        if let Some(home) = home {
            home.spawn(tend(pool.weak(), max_idle, lifetime));
        }
        Ok(Self(pool))
    }

    /// A connection; it goes back when it is dropped.
    ///
    /// # Errors
    /// None could be had in time.
    pub async fn get(&self) -> Result<Object<AsyncPgConnection>, PgError> {
        self.0.get().await.map_err(|error| {
            PgError::NoConnection(match error {
                PoolError::Timeout(_) => "none of the pool within the time allowed".to_owned(),
                PoolError::Backend(OfManager::ConnectionError(error)) => error.to_string(),
                error => error.to_string(),
            })
        })
    }

    /// A connection of the caller's own, made as those of the pool are and beside them: whoever waits for the pool does
    /// not keep it from working.
    ///
    /// # Errors
    /// None could be had.
    pub async fn own(&self) -> Result<Connection, PgError> {
        let made = self.0.manager().create().await;
        made.map_err(|error| PgError::NoConnection(error.to_string()))
    }

    /// How full it is.
    pub fn figures(&self) -> PoolFigures {
        let status = self.0.status();
        PoolFigures {
            max: status.max_size,
            open: status.size,
            idle: status.available,
            waiting: status.waiting,
        }
    }
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Pool").field(&self.figures()).finish()
    }
}

/// A connection of one's own, outside of every pool.
///
/// # Errors
/// None could be had.
pub async fn connect(url: &SecretString) -> Result<Connection, PgError> {
    let made = Target::parse(url, None)?.connect().await;
    made.map_err(|error| PgError::NoConnection(error.to_string()))
}

/// A connection past every pool and pooler, as the settings describe it; `program` is what the server lists it under.
///
/// # Errors
/// None could be had, or the settings make no sense.
pub async fn connect_directly(settings: &DatabaseSettings, program: &str) -> Result<Connection, PgError> {
    let target = Target::parse(&settings.direct_connection_url(), Some(program))?;
    let made = target.connect().await;
    let mut connection = made.map_err(|error| PgError::NoConnection(error.to_string()))?;
    if settings.log_queries {
        log_statements(&mut connection);
    }
    Ok(connection)
}

/// Connects on the runtime that shall drive the connection.
async fn made_at(
    home: Option<Handle>,
    target: Target,
    log_queries: bool,
) -> diesel::ConnectionResult<AsyncPgConnection> {
    let made = match home {
        Some(home) => {
            let made = home.spawn(async move { target.connect().await }).await;
            made.map_err(|error| diesel::ConnectionError::BadConnection(error.to_string()))?
        }
        None => target.connect().await,
    };
    made.map(|mut connection| {
        if log_queries {
            log_statements(&mut connection);
        }
        connection
    })
}

/// Logs every statement once it has ended: its text, never its values.
fn log_statements(connection: &mut AsyncPgConnection) {
    connection.set_instrumentation(|event: InstrumentationEvent<'_>| {
        if let InstrumentationEvent::FinishQuery { query, error, .. } = event {
            let error = error.map(tracing::field::display);
            tracing::info!(statement = %query, error, "statement");
        }
    });
}

/// Closes idle connections that are too old or too many, for as long as the pool lives.
async fn tend(
    pool: deadpool::managed::WeakPool<AsyncDieselConnectionManager<AsyncPgConnection>>,
    max_idle: usize,
    lifetime: Duration,
) {
    loop {
        tokio::time::sleep(TEND_EVERY).await;
        let Some(pool): Option<Objects<AsyncPgConnection>> = pool.upgrade() else {
            return;
        };
        let mut surplus = pool.status().available.saturating_sub(max_idle);
        // The connection that was used last stands at the end.
        pool.retain(|_, metrics| {
            if metrics.age() >= lifetime {
                return false;
            }
            let leaves = surplus > 0 && metrics.last_used() >= IDLE_GRACE;
            surplus -= usize::from(leaves);
            !leaves
        });
    }
}
