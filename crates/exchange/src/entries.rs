//! From postings to the ledger's lines: what one command changed in an account, for one reason, is one line.

use domain::{EntryAccount, LedgerEntry, Stamp};
use ledger::{AccountRef, BalanceKind, Posting};

/// A change that no account of ours can have: totals stay below 2^63.
fn narrow(delta: i128) -> i64 {
    i64::try_from(delta).unwrap_or(if delta < 0 { i64::MIN } else { i64::MAX })
}

/// Appends the lines of one record's postings: the postings of one account, asset, type and reference become one line.
pub fn gather_entries(seq: u64, at: Stamp, postings: &[Posting], entries: &mut Vec<LedgerEntry>) {
    let first = entries.len();
    for posting in postings {
        let Posting {
            account,
            asset,
            delta,
            entry,
            reference,
        } = posting;
        let (account, available, reserved) = match *account {
            AccountRef::User {
                user_id,
                kind: BalanceKind::Available,
            } => (EntryAccount::User(user_id), narrow(*delta), 0),
            AccountRef::User {
                user_id,
                kind: BalanceKind::Reserved,
            } => (EntryAccount::User(user_id), 0, narrow(*delta)),
            AccountRef::Fee => (EntryAccount::Fee, narrow(*delta), 0),
            AccountRef::External => (EntryAccount::External, narrow(*delta), 0),
        };
        // A line lies near its end if it is there at all: an instruction posts a handful.
        let known = entries[first..].iter_mut().rev().take(8).find(|line| {
            line.account == account
                && line.asset == *asset
                && line.entry_type == *entry
                && line.reference == *reference
        });
        if let Some(line) = known {
            line.available = line.available.saturating_add(available);
            line.reserved = line.reserved.saturating_add(reserved);
            continue;
        }
        entries.push(LedgerEntry {
            seq,
            line: u32::try_from(entries.len() - first).unwrap_or(u32::MAX),
            account,
            asset: *asset,
            available,
            reserved,
            entry_type: *entry,
            reference: reference.clone(),
            at,
        });
    }
}
