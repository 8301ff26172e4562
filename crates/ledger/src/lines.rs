//! From postings to the ledger's lines: what one command changed in an account, for one reason, is one line.

use std::collections::BTreeMap;

use crate::{AccountRef, BalanceKind, Posting};
use domain::{Asset, EntryAccount, EntryType, LedgerEntry, Reference, Stamp};

/// A change that no account of ours can have: totals stay below 2^63.
fn narrow(delta: i128) -> i64 {
    i64::try_from(delta).unwrap_or(if delta < 0 { i64::MIN } else { i64::MAX })
}

/// What makes postings one line.
type Key<'a> = (EntryAccount, Asset, EntryType, &'a Reference);

/// Appends the lines of one record's (or one transaction's) postings: the postings of one account, asset, type and reference become one line,
/// where the first of them stands. Lines that change nothing are left out; the others are numbered without gaps.
pub fn gather_entries(seq: u64, at: Stamp, postings: &[Posting], entries: &mut Vec<LedgerEntry>) {
    let first = entries.len();
    let mut places: BTreeMap<Key<'_>, usize> = BTreeMap::new();
    for posting in postings {
        let Posting {
            account,
            asset,
            delta,
            entry,
            reference,
        } = posting;
        let delta = narrow(*delta);
        let (account, available, reserved) = match *account {
            AccountRef::User {
                user_id,
                kind: BalanceKind::Available,
            } => (EntryAccount::User(user_id), delta, 0),
            AccountRef::User {
                user_id,
                kind: BalanceKind::Reserved,
            } => (EntryAccount::User(user_id), 0, delta),
            AccountRef::Fee => (EntryAccount::Fee, delta, 0),
            AccountRef::External => (EntryAccount::External, delta, 0),
        };
        let place = *places
            .entry((account, *asset, *entry, reference))
            .or_insert(entries.len());
        if let Some(line) = entries.get_mut(place) {
            line.available = line.available.saturating_add(available);
            line.reserved = line.reserved.saturating_add(reserved);
            continue;
        }
        entries.push(LedgerEntry {
            seq,
            line: 0,
            account,
            asset: *asset,
            available,
            reserved,
            entry_type: *entry,
            reference: reference.clone(),
            at,
        });
    }
    let nothing = |line: &mut LedgerEntry| (line.available, line.reserved) == (0, 0);
    entries.extract_if(first.., nothing).for_each(drop);
    for (number, line) in (0..).zip(&mut entries[first..]) {
        line.line = number;
    }
}
