//! What a caller may ask of the wallet, and the client that asks it over HTTP: retries, circuit breaker, idempotency.
//!
#![doc = include_str!("../README.md")]

mod answer;
#[cfg(feature = "behaviour")]
pub mod behaviour;
mod breaker;
mod caller;
mod http_wallet;
mod instruction;
#[cfg(feature = "behaviour")]
mod ledger_wallet;
mod token;
mod wallet;
mod wire;

pub use answer::{Answer, NotAnswered, Refused, TransferRefused, UserBalance};
pub use breaker::{Admission, Breaker, BreakerOptions, CallEnd};
pub use http_wallet::{ClientError, HttpWallet, HttpWalletOptions};
pub use instruction::{Instruction, SettleTrade, TradeParty};
#[cfg(feature = "behaviour")]
pub use ledger_wallet::LedgerWallet;
pub use token::{ServiceKey, TokenNames};
pub use wallet::{EntryPage, Wallet};
