//! What a caller may ask of the wallet, and the client that asks it over HTTP: retries, circuit breaker, idempotency.

mod answer;
mod instruction;
mod wallet;

pub use answer::{Answer, NotAnswered, Refused, TransferRefused, UserBalance};
pub use instruction::{Instruction, SettleTrade, TradeParty};
pub use wallet::{EntryPage, Wallet};
