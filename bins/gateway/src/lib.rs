//! The gateway: the API in front of the exchange, embedded or distributed.
//!
//! [`start`] opens the exchange and binds the listeners, [`Gateway::run`] serves until it is told to stop. The caller
//! owns settings and signals, so that tests run many gateways in one process on free ports.

mod audit_command;
mod audit_table;
mod auditor;
mod cli;
mod demo;
mod development;
mod edge;
mod gauges;
mod journal_command;
mod markets;
mod member;
mod migrate;
mod open;
mod populate;
mod reload;
mod server;
mod shape;
mod shared;
mod token;

pub use cli::{Cli, exit_code};
pub use reload::Source;
pub use server::{Gateway, run, start};
