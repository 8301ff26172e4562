//! Real servers for tests and rehearsals: databases of their own, servers of their own, and a TCP proxy that cuts.
#![doc = include_str!("../README.md")]

mod certificates;
mod database;
mod exchange;
mod health;
mod ports;
mod process;
mod programs;
mod proxy;
pub mod servers;
mod sink;
mod tree;
pub mod usual;

pub use certificates::Certificates;
pub use database::Database;
pub use exchange::{Exchange, ExchangeOptions, Member, Role};
pub use ports::Port;
pub use process::Process;
pub use proxy::{Direction, Proxy};
pub use rustix::process::Signal;
pub use servers::{Nginx, Options, PgBouncer, Postgres, RabbitMq, Redis};
pub use sink::{Seen, Sink};
