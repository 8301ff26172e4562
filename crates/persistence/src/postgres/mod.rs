//! PostgreSQL, the truth of the distributed exchange.

pub mod audit;
mod checks;
mod connect;
mod error;
mod health;
pub mod intake;
pub mod invariants;
pub mod migrate;
pub mod orders;
pub mod partitions;
mod prepared;
pub mod shard;
mod target;
mod tls;
mod undecodable;
pub mod views;
pub mod wallet;

pub use checks::{NotFit, Server, check_server};
pub use connect::{Connection, Pool, PoolFigures, PoolOptions, connect, connect_directly};
pub use error::PgError;
pub use health::{ClockDifference, clock_difference};
pub use prepared::{Prepared, prepared};
pub use undecodable::keep_undecodable;
