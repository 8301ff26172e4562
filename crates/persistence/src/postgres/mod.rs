//! PostgreSQL, the truth of the distributed exchange.

mod checks;
mod connect;
mod error;
pub mod intake;
mod health;
pub mod migrate;
mod prepared;
mod target;
mod tls;
pub mod orders;
pub mod views;

pub use checks::{NotFit, Server, check_server};
pub use connect::{Connection, Pool, PoolFigures, PoolOptions, connect, connect_directly};
pub use error::PgError;
pub use health::{ClockDifference, clock_difference};
pub use prepared::{Prepared, prepared};
