//! PostgreSQL, the truth of the distributed exchange.

mod connect;
mod error;
pub mod intake;
pub mod orders;

pub use connect::{Connection, Pool, PoolOptions, connect};
pub use error::PgError;
