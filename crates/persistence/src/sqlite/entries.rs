//! The rows of the ledger's lines.

use std::borrow::Cow;

use domain::{EntryAccount, EntryType, LedgerEntry, OrderId, Reference, RequestId, TradeId, UserId};

use super::HistoryError;
use super::columns::row;
use super::value::{Bits, micros};

row! {
    /// A line of the ledger.
    EntryRow in "ledger_entries" {
        seq: int,
        line: int,
        account: text,
        user_id: opt_id,
        asset: text,
        available: int,
        reserved: int,
        entry_type: text,
        reference_type: text,
        reference_id: opt_id,
        transfer_key: opt_text,
        at: int,
    }
}

impl<'a> From<&'a LedgerEntry> for EntryRow<'a> {
    fn from(entry: &'a LedgerEntry) -> Self {
        let LedgerEntry {
            seq,
            line,
            account,
            asset,
            available,
            reserved,
            entry_type,
            reference,
            at,
        } = entry;
        let (account, user_id) = match account {
            EntryAccount::User(id) => ("USER", Some(Bits::from(id.as_u128()))),
            EntryAccount::Fee => ("FEE", None),
            EntryAccount::External => ("EXTERNAL", None),
        };
        let (reference_type, reference_id, transfer_key) = match reference {
            Reference::Order(id) => ("ORDER", Some(id.as_u128().into()), None),
            Reference::Amendment(id) => ("AMENDMENT", Some(id.as_u128().into()), None),
            Reference::Trade(id) => ("TRADE", Some(id.as_u128().into()), None),
            Reference::Transfer(key) => ("TRANSFER", None, Some(Cow::Borrowed(key.as_str()))),
        };
        Self {
            seq: seq.cast_signed(),
            line: i64::from(*line),
            account: account.into(),
            user_id,
            asset: asset.as_str().into(),
            available: *available,
            reserved: *reserved,
            entry_type: entry_type.word().into(),
            reference_type: reference_type.into(),
            reference_id,
            transfer_key,
            at: micros(*at),
        }
    }
}

impl TryFrom<EntryRow<'_>> for LedgerEntry {
    type Error = HistoryError;

    fn try_from(row: EntryRow<'_>) -> Result<Self, HistoryError> {
        let table = EntryRow::TABLE;
        let account = match (&*row.account, row.user_id) {
            ("USER", Some(id)) => EntryAccount::User(UserId::from_u128(id.into())),
            ("FEE", None) => EntryAccount::Fee,
            ("EXTERNAL", None) => EntryAccount::External,
            _ => return Err(table.malformed("account")),
        };
        let reference = match (&*row.reference_type, row.reference_id, row.transfer_key) {
            ("ORDER", Some(id), None) => Reference::Order(OrderId::from_u128(id.into())),
            ("AMENDMENT", Some(id), None) => Reference::Amendment(RequestId::from_u128(id.into())),
            ("TRADE", Some(id), None) => Reference::Trade(TradeId::from_u128(id.into())),
            ("TRANSFER", None, Some(key)) => {
                let key = key.parse().map_err(|_| table.malformed("transfer_key"))?;
                Reference::Transfer(key)
            }
            _ => return Err(table.malformed("reference_type")),
        };
        Ok(Self {
            seq: row.seq.cast_unsigned(),
            line: table.small("line", row.line)?,
            account,
            asset: row.asset.parse().map_err(|_| table.malformed("asset"))?,
            available: row.available,
            reserved: row.reserved,
            entry_type: table.word("entry_type", &row.entry_type, EntryType::ALL, EntryType::word)?,
            reference,
            at: table.stamp("at", row.at)?,
        })
    }
}
