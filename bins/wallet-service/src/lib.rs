//! The wallet service: the only one that changes balances.
//!
//! [`run`] serves the wallet on PostgreSQL that the settings describe. [`start`] binds the listeners in front of a wallet, [`WalletService::run`] serves until it is told to stop. The caller
//! owns settings and signals, so that tests run many services in one process on free ports.

mod balances;
mod cli;
mod guard;
mod health;
mod items;
mod ledger;
mod mixed;
mod open;
mod openapi;
mod refusal;
mod release;
mod reserve;
mod routes;
mod server;
mod settle;
mod state;
mod text;
mod transfers;

pub use cli::{Cli, exit_code};
pub use open::run;
pub use openapi::openapi;
pub use server::{WalletService, start};
