//! The rows of the ledger's lines.

use std::borrow::Cow;

use domain::{EntryAccount, LedgerEntry, OrderId, Reference, RequestId, TradeId};

use super::HistoryError;
use super::codes::Code;
use super::columns::row;
use super::value::micros;

row! {
    /// A line of the ledger.
    EntryRow<'a> in "ledger_entries" {
        account: int,
        asset: text,
        seq: int,
        line: int,
        available: int,
        reserved: int,
        entry_type: int,
        reference_type: int,
        reference_id: opt_id,
        transfer_key: opt_text,
        at: int,
    }
}

const ORDER: i64 = 0;
const AMENDMENT: i64 = 1;
const TRADE: i64 = 2;
const TRANSFER: i64 = 3;

impl<'a> EntryRow<'a> {
    /// The row of a line under its account's number.
    pub(crate) fn new(account: i64, entry: &'a LedgerEntry) -> Self {
        let LedgerEntry {
            seq,
            line,
            account: _,
            asset,
            available,
            reserved,
            entry_type,
            reference,
            at,
        } = entry;
        let (reference_type, reference_id, transfer_key) = match reference {
            Reference::Order(id) => (ORDER, Some(id.as_u128().into()), None),
            Reference::Amendment(id) => (AMENDMENT, Some(id.as_u128().into()), None),
            Reference::Trade(id) => (TRADE, Some(id.as_u128().into()), None),
            Reference::Transfer(key) => (TRANSFER, None, Some(Cow::Borrowed(key.as_str()))),
        };
        Self {
            seq: seq.cast_signed(),
            line: i64::from(*line),
            account,
            asset: asset.as_str().into(),
            available: *available,
            reserved: *reserved,
            entry_type: entry_type.code(),
            reference_type,
            reference_id,
            transfer_key,
            at: micros(*at),
        }
    }

    /// The line, which is known to be this account's.
    pub(crate) fn line_of(self, account: EntryAccount) -> Result<LedgerEntry, HistoryError> {
        let (row, table) = (self, EntryRow::TABLE);
        let reference = match (row.reference_type, row.reference_id, row.transfer_key) {
            (ORDER, Some(id), None) => Reference::Order(OrderId::from_u128(id.into())),
            (AMENDMENT, Some(id), None) => Reference::Amendment(RequestId::from_u128(id.into())),
            (TRADE, Some(id), None) => Reference::Trade(TradeId::from_u128(id.into())),
            (TRANSFER, None, Some(key)) => {
                let key = key.parse().map_err(|_| table.malformed("transfer_key"))?;
                Reference::Transfer(key)
            }
            _ => return Err(table.malformed("reference_type")),
        };
        Ok(LedgerEntry {
            seq: row.seq.cast_unsigned(),
            line: table.small("line", row.line)?,
            account,
            asset: row.asset.parse().map_err(|_| table.malformed("asset"))?,
            available: row.available,
            reserved: row.reserved,
            entry_type: table.code("entry_type", row.entry_type)?,
            reference,
            at: table.stamp("at", row.at)?,
        })
    }
}
