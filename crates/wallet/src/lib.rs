//! The use cases of the wallet: balances, reservations, settlement, deposits and withdrawals on PostgreSQL.
//!
#![doc = include_str!("../README.md")]
#![deny(clippy::float_arithmetic)]

mod aside;
mod audit;
mod batch;
mod book;
mod key;
mod options;
mod queue;
mod request;
mod reservations;
mod settle;
mod stored;
mod touched;
mod transaction;
mod wallet;
mod worker;

pub use audit::audit;
pub use options::{Pools, WalletCounts, WalletOptions};
pub use persistence::postgres::wallet::Difference;
pub use wallet::PgWallet;
