//! Accounts, reservations and double-entry postings: the only code that changes a balance.
//!
#![doc = include_str!("../README.md")]
#![deny(clippy::float_arithmetic)]

mod account;
mod asset;
mod check;
mod fault;
mod ledger;
mod lines;
mod posting;
mod rearrange;
mod reservation;
mod settle;
mod snapshot;
mod transfer;

pub use account::Balance;
pub use domain::{EntryType, Reference};
pub use fault::{LedgerFault, ReserveError};
pub use ledger::Ledger;
pub use lines::gather_entries;
pub use posting::{AccountRef, BalanceKind, Posting, Postings};
pub use reservation::ReservationSlot;
pub use snapshot::{
    AccountRecord, AssetRecord, LedgerSnapshot, ReservationHandle, ReservationRecord, TransferRecord,
};
pub use transfer::{Receipt, TransferAnswer, TransferRefusal};
