//! The lines of the ledger as history keeps them.

use serde::{Deserialize, Serialize};

use crate::{Asset, OrderId, RequestId, Stamp, TradeId, TransferKey, UserId};

/// Why an account changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum EntryType {
    /// Held for an order.
    Reserve,
    /// Given back from an order.
    Release,
    /// The buyer's side of a trade: pays the quote asset, receives the base asset.
    TradeBuy,
    /// The seller's side of a trade: pays the base asset, receives the quote asset.
    TradeSell,
    /// A fee collected.
    Fee,
    /// Money came in.
    Deposit,
    /// Money went out.
    Withdrawal,
    /// Held for an amendment, now held for its order.
    Adjustment,
}

impl EntryType {
    /// Every type, in the order of their numbers.
    pub const ALL: &'static [Self] = &[
        Self::Reserve,
        Self::Release,
        Self::TradeBuy,
        Self::TradeSell,
        Self::Fee,
        Self::Deposit,
        Self::Withdrawal,
        Self::Adjustment,
    ];

    /// The word for it in the API and in SQL.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Reserve => "RESERVE",
            Self::Release => "RELEASE",
            Self::TradeBuy => "TRADE_BUY",
            Self::TradeSell => "TRADE_SELL",
            Self::Fee => "FEE",
            Self::Deposit => "DEPOSIT",
            Self::Withdrawal => "WITHDRAWAL",
            Self::Adjustment => "ADJUSTMENT",
        }
    }
}

/// What caused a line.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reference {
    /// An order.
    Order(OrderId),
    /// An amendment of an order.
    Amendment(RequestId),
    /// A trade.
    Trade(TradeId),
    /// A deposit or withdrawal.
    Transfer(TransferKey),
}

/// Whose account a line is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryAccount {
    /// A user's.
    User(UserId),
    /// The one that collects fees.
    Fee,
    /// The world outside: minus what came in.
    External,
}

/// One line of the ledger: what an instruction changed in one account of one asset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerEntry {
    /// The number of the record in the log that caused it.
    pub seq: u64,
    /// Its place among the lines of that record, from 0.
    pub line: u32,
    /// Whose account.
    pub account: EntryAccount,
    /// Of what.
    pub asset: Asset,
    /// The change of what is free to use, in units of 1e-8. Fee and external accounts have only this.
    pub available: i64,
    /// The change of what is held for orders, in units of 1e-8.
    pub reserved: i64,
    /// Why.
    pub entry_type: EntryType,
    /// What caused it.
    pub reference: Reference,
    /// When.
    pub at: Stamp,
}
