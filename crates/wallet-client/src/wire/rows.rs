//! Transfers, balances and ledger lines on the wire.

use domain::{
    Amount, Asset, EntryAccount, EntryType, LedgerEntry, Reference, Transfer, TransferKey, TransferKind,
    TransferReceipt, UserId,
};
use serde::{Deserialize, Serialize};

use super::instruct::BalanceView;
use super::{Garbage, decimal, signed, stamp};
use crate::{EntryPage, UserBalance};

/// The body of a deposit or withdrawal. Its path says which it is.
#[derive(Debug, Serialize)]
pub(crate) struct TransferBody {
    key: TransferKey,
    user_id: UserId,
    asset: Asset,
    #[serde(with = "decimal")]
    amount: Amount,
}

impl TransferBody {
    pub(crate) fn new(transfer: Transfer) -> (TransferKind, Self) {
        let Transfer {
            kind,
            key,
            user_id,
            asset,
            amount,
        } = transfer;
        let body = Self {
            key,
            user_id,
            asset,
            amount,
        };
        (kind, body)
    }
}

/// The answer to a deposit or withdrawal that was done.
#[derive(Debug, Deserialize)]
pub(crate) struct TransferView {
    key: TransferKey,
    user_id: UserId,
    asset: Asset,
    #[serde(with = "decimal")]
    amount: Amount,
    #[serde(with = "decimal")]
    available_balance: Amount,
    created_at: String,
}

impl TransferView {
    /// # Errors
    /// The time cannot be read.
    pub(crate) fn read(self, kind: TransferKind) -> Result<TransferReceipt, Garbage> {
        let Self {
            key,
            user_id,
            asset,
            amount,
            available_balance,
            created_at,
        } = self;
        Ok(TransferReceipt {
            key,
            kind,
            user_id,
            asset,
            amount,
            available: available_balance,
            at: stamp(&created_at)?,
        })
    }
}

/// The body of a question for many users' balances.
#[derive(Debug, Serialize)]
pub(crate) struct BalancesOf {
    pub(crate) user_ids: Vec<UserId>,
}

/// The answer to it.
#[derive(Debug, Deserialize)]
pub(crate) struct Balances {
    balances: Vec<BalanceView>,
}

impl From<Balances> for Vec<UserBalance> {
    fn from(view: Balances) -> Self {
        view.balances.into_iter().map(UserBalance::from).collect()
    }
}

/// The query of a question for ledger lines.
#[derive(Debug)]
pub(crate) struct EntryPageQuery {
    asset: Option<Asset>,
    before: Option<(u64, u32)>,
    limit: usize,
}

impl EntryPageQuery {
    pub(crate) fn new(page: EntryPage) -> (UserId, Self) {
        let EntryPage {
            user_id,
            asset,
            before,
            limit,
        } = page;
        let query = Self { asset, before, limit };
        (user_id, query)
    }

    /// As it stands behind the question mark. Nothing in it needs an escape.
    pub(crate) fn text(&self) -> String {
        let Self { asset, before, limit } = self;
        let asset = asset.map(|asset| format!("&asset={asset}"));
        let before = before.map(|(seq, line)| format!("&before={seq}-{line}"));
        format!(
            "limit={limit}{}{}",
            asset.unwrap_or_default(),
            before.unwrap_or_default()
        )
    }
}

/// A page of ledger lines.
#[derive(Debug, Deserialize)]
pub(crate) struct Statement {
    entries: Vec<EntryView>,
}

#[derive(Debug, Deserialize)]
struct EntryView {
    entry_id: String,
    asset: Asset,
    entry_type: String,
    available_change: String,
    reserved_change: String,
    reference_type: String,
    reference_id: String,
    created_at: String,
}

impl Statement {
    /// The lines, which are this user's.
    ///
    /// # Errors
    /// One of them cannot be read.
    pub(crate) fn read(self, user_id: UserId) -> Result<Vec<LedgerEntry>, Garbage> {
        self.entries
            .into_iter()
            .map(|entry| entry.read(user_id))
            .collect()
    }
}

impl EntryView {
    fn read(self, user_id: UserId) -> Result<LedgerEntry, Garbage> {
        let Self {
            entry_id,
            asset,
            entry_type,
            available_change,
            reserved_change,
            reference_type,
            reference_id,
            created_at,
        } = self;
        let place = entry_id
            .split_once('-')
            .and_then(|(seq, line)| Some((seq.parse().ok()?, line.parse().ok()?)));
        let (seq, line) = place.ok_or(Garbage("an entry_id cannot be read"))?;
        let known = EntryType::ALL.iter().find(|known| known.word() == entry_type);
        Ok(LedgerEntry {
            seq,
            line,
            account: EntryAccount::User(user_id),
            asset,
            available: signed(&available_change)?,
            reserved: signed(&reserved_change)?,
            entry_type: *known.ok_or(Garbage("an entry_type is not known"))?,
            reference: reference(&reference_type, &reference_id)?,
            at: stamp(&created_at)?,
        })
    }
}

fn reference(kind: &str, id: &str) -> Result<Reference, Garbage> {
    let read = match kind {
        "ORDER" => id.parse().ok().map(Reference::Order),
        "AMENDMENT" => id.parse().ok().map(Reference::Amendment),
        "TRADE" => id.parse().ok().map(Reference::Trade),
        "TRANSFER" => id.parse().ok().map(Reference::Transfer),
        _ => None,
    };
    read.ok_or(Garbage("a reference cannot be read"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn line() -> Value {
        json!({
            "entry_id": "7-1", "asset": "BTC", "entry_type": "TRADE_BUY", "available_change": "0.4995",
            "reserved_change": "-1", "reference_type": "TRADE",
            "reference_id": "018bcfe5-687b-7000-8000-00000000002a", "created_at": "2026-01-31T12:00:00.000001Z"
        })
    }

    #[test]
    fn a_line_is_read_whole_or_not_at_all() {
        let read = |line: Value| {
            let page: Statement = serde_json::from_value(json!({ "entries": [line] })).unwrap();
            page.read(UserId::from_u128(1))
        };
        let entry = read(line()).unwrap().remove(0);
        assert_eq!((entry.seq, entry.line), (7, 1));
        assert_eq!((entry.available, entry.reserved), (49_950_000, -100_000_000));
        for (field, value) in [
            ("entry_id", "7"),
            ("entry_id", "x-1"),
            ("entry_type", "GIFT"),
            ("available_change", "1e3"),
            ("reference_type", "LETTER"),
            ("reference_id", "mine"),
            ("created_at", "now"),
        ] {
            let mut line = line();
            line[field] = value.into();
            assert!(read(line).is_err(), "{field}");
        }
    }
}
