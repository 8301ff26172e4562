//! Accounts whose lines have changed since the look before: each must be what it was then and what its lines have added.

use std::collections::{BTreeMap, BTreeSet};

use persistence::postgres::wallet::{
    AccountKey, AccountSums, Difference, account_sums, accounts_after, last_transaction,
};
use persistence::postgres::{Connection, PgError};

use super::broken::Broken;

/// Accounts that are kept in mind; with more of them, all are forgotten, and each is summed anew when it next changes.
const MOST: usize = 1_000_000;
/// Accounts of one statement.
const PAGE: usize = 1_000;

/// An account whose lines summed to its balances: all of them up to a transaction. Lines of one account come in the order of
/// their transactions, because whoever writes one holds the account's row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Checked {
    available: i64,
    reserved: i64,
    number: i64,
}

/// What the looks before have seen.
#[derive(Debug, Default)]
pub struct Known {
    /// The last transaction of the look before; none: there was no look.
    floor: Option<i64>,
    checked: BTreeMap<AccountKey, Checked>,
    /// Accounts that were found wrong: they are looked at again until they are right.
    wrong: BTreeSet<AccountKey>,
}

impl Known {
    /// Looks at the accounts that have changed, within the caller's snapshot: what is wrong, and which they are.
    pub(super) async fn look(
        &mut self,
        connection: &mut Connection,
    ) -> Result<(Vec<Broken>, BTreeSet<AccountKey>), PgError> {
        let last = last_transaction(connection).await?;
        // What was there before is for the look at everything.
        let floor = *self.floor.get_or_insert(last);
        let mut accounts: BTreeSet<AccountKey> =
            accounts_after(connection, floor).await?.into_iter().collect();
        accounts.extend(std::mem::take(&mut self.wrong));
        if self.checked.len() > MOST {
            self.checked.clear();
        }
        let all: Vec<AccountKey> = accounts.iter().cloned().collect();
        let mut broken = Vec::new();
        for page in all.chunks(PAGE) {
            let since = |key: &AccountKey| self.checked.get(key).map_or(0, |checked| checked.number);
            let page: Vec<(AccountKey, i64)> = page.iter().map(|key| (key.clone(), since(key))).collect();
            let mut doubtful = Vec::new();
            for sums in account_sums(connection, &page).await? {
                if let Err((key, _)) = self.take(&sums) {
                    // Once more from its first line on: what is kept in mind may be wrong itself.
                    self.checked.remove(&key);
                    doubtful.push((key, 0));
                }
            }
            for sums in account_sums(connection, &doubtful).await? {
                if let Err((key, differs)) = self.take(&sums) {
                    self.wrong.insert(key);
                    broken.extend(differs);
                }
            }
        }
        self.floor = Some(last);
        Ok((broken, accounts))
    }

    /// Keeps an account in mind whose lines sum to its balances.
    fn take(&mut self, sums: &AccountSums) -> Result<(), (AccountKey, Vec<Broken>)> {
        let key = (sums.user_id, sums.asset.clone());
        let before = self.checked.get(&key).copied().unwrap_or_default();
        let after = Checked {
            available: before.available.saturating_add(sums.available_lines),
            reserved: before.reserved.saturating_add(sums.reserved_lines),
            number: before.number.max(sums.number),
        };
        if (after.available, after.reserved) == (sums.available, sums.reserved) {
            self.checked.insert(key, after);
            return Ok(());
        }
        let (user_id, asset) = (sums.user_id, &sums.asset);
        let differs = |which: &str, found: i64, expected: i64| {
            let [found, expected] = [i128::from(found), i128::from(expected)];
            let difference = Difference {
                rule: format!("{which} lines"),
                user_id: Some(user_id),
                asset: asset.clone(),
                found: decimals(found),
                expected: decimals(expected),
                apart: decimals(found - expected),
            };
            (found != expected).then(|| Broken::of_wallet(&difference))
        };
        let differs = [
            differs("available", sums.available, after.available),
            differs("reserved", sums.reserved, after.reserved),
        ];
        Err((key, differs.into_iter().flatten().collect()))
    }
}

/// Units of 1e-8 as PostgreSQL writes them.
fn decimals(units: i128) -> String {
    let sign = if units < 0 { "-" } else { "" };
    let units = units.unsigned_abs();
    format!("{sign}{}.{:08}", units / 100_000_000, units % 100_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_written_as_the_database_writes_them() {
        for (units, text) in [
            (0, "0.00000000"),
            (500_000_000, "5.00000000"),
            (-1, "-0.00000001"),
            (-150_000_001, "-1.50000001"),
        ] {
            assert_eq!(decimals(units), text);
        }
    }
}
