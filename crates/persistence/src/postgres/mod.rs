//! PostgreSQL, the truth of the distributed exchange.

mod connect;
mod error;
pub mod orders;
mod target;
mod tls;
pub mod views;

pub use connect::{Connection, Pool, PoolFigures, PoolOptions, connect, connect_directly};
pub use error::PgError;
