//! PostgreSQL, the truth of the distributed exchange.

mod connect;
mod error;
mod target;
mod tls;
pub mod orders;
pub mod views;

pub use connect::{Connection, Pool, PoolFigures, PoolOptions, connect, connect_directly};
pub use error::PgError;
