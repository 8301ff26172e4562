//! PostgreSQL, the truth of the distributed exchange.

mod connect;
mod error;
pub mod wallet;

pub use connect::{Connection, Pool, PoolOptions, connect};
pub use error::PgError;
