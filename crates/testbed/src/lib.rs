//! Real servers for tests and rehearsals: databases of their own, servers of their own, and a TCP proxy that cuts.
//!
//! Tests that only need a database make one on the server that `TEST_POSTGRES_URL` names (by default the one on this
//! machine's port 5432) by [`Database::create`]. Tests that kill, restart or purge start servers of their own
//! ([`servers`]).

mod database;
mod exchange;
mod health;
mod ports;
mod process;
mod programs;
mod proxy;
pub mod servers;
mod tree;

pub use database::Database;
pub use exchange::{Exchange, ExchangeOptions, Member, Role};
pub use ports::Port;
pub use process::Process;
pub use proxy::{Direction, Proxy};
pub use rustix::process::Signal;
pub use servers::{Options, Postgres, RabbitMq, Redis};
