//! What a caller may ask of the wallet, and the client that asks it over HTTP: retries, circuit breaker, idempotency.
//!
#![doc = include_str!("../README.md")]

mod answer;
mod breaker;
mod caller;
mod context;
mod http_wallet;
mod instruction;
mod token;
mod wallet;
mod wire;

pub use answer::{Answer, NotAnswered, Refused, TransferRefused, UserBalance};
pub use breaker::{Admission, Breaker, BreakerOptions, CallEnd};
pub use context::CallContext;
pub use http_wallet::{ClientError, HttpWallet, HttpWalletOptions};
pub use instruction::{Instruction, SettleTrade, TradeParty};
pub use token::{ServiceKey, TokenNames};
pub use wallet::{EntryPage, Wallet};
