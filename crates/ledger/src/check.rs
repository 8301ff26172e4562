//! The first invariant: per asset all accounts sum to zero, and what is reserved is what orders hold.

use std::cmp::Ordering;

use domain::Amount;

use crate::account::Account;
use crate::{Ledger, LedgerFault};

impl Ledger {
    /// Checks the whole ledger: per asset, users' accounts, fees and the external account sum to zero; each account has
    /// reserved exactly what its reservations hold; no order and no amendment has two reservations.
    ///
    /// # Errors
    /// The first thing that does not hold.
    pub fn check(&self) -> Result<(), LedgerFault> {
        self.faults().into_iter().next().map_or(Ok(()), Err)
    }

    /// What of that does not hold, of each asset whether it sums to zero, and the first account; none: all is well.
    pub fn faults(&self) -> Vec<LedgerFault> {
        let mut faults = self.unbalanced();
        faults.extend(self.misreserved(Ordering::is_eq));
        let reservations = self.reservation_records();
        let same = |pair: &[crate::ReservationRecord]| pair[0].key() == pair[1].key();
        if let Some(index) = reservations.windows(2).position(same) {
            faults.push(LedgerFault::BadSnapshot {
                records: "reservations",
                index: index + 1,
            });
        }
        faults
    }

    fn unbalanced(&self) -> Vec<LedgerFault> {
        let own = |of: &crate::asset::AssetAccounts| i128::from(of.fees.0) - i128::from(of.came_in.0);
        let mut sums: Vec<i128> = self.assets.iter().map(own).collect();
        for Account { balance, asset, .. } in self.accounts.iter() {
            sums[asset.index()] += i128::from(balance.available.0) + i128::from(balance.reserved.0);
        }
        let unbalanced = self.assets.iter().zip(sums).filter(|(_, sum)| *sum != 0);
        unbalanced
            .map(|(of, sum)| LedgerFault::Unbalanced { asset: of.asset, sum })
            .collect()
    }

    /// Checks how the sum of an account's reservations compares with what it has reserved, and that it is not too large.
    pub(crate) fn check_reserved(&self, holds: fn(Ordering) -> bool) -> Result<(), LedgerFault> {
        self.misreserved(holds).into_iter().next().map_or(Ok(()), Err)
    }

    /// The first account of each asset of which that is not so.
    fn misreserved(&self, holds: fn(Ordering) -> bool) -> Vec<LedgerFault> {
        let mut held = vec![0u128; self.accounts.len()];
        for (_, reservation) in self.reservations.live() {
            held[reservation.pays.index()] += u128::from(reservation.amount.0);
        }
        let mut faults = Vec::new();
        let mut is_told = vec![false; self.assets.iter().count()];
        for (account, held) in self.accounts.iter().zip(held) {
            let Account {
                balance,
                asset: slot,
                user_id,
            } = account;
            let asset = self.assets[*slot].asset;
            let fault = if balance.total() > u128::from(Amount::MAX.0) {
                LedgerFault::AccountTooLarge { asset }
            } else if !holds(held.cmp(&u128::from(balance.reserved.0))) {
                LedgerFault::ReservedMismatch {
                    user_id: *user_id,
                    asset,
                    reserved: balance.reserved,
                    held,
                }
            } else {
                continue;
            };
            if !std::mem::replace(&mut is_told[slot.index()], true) {
                faults.push(fault);
            }
        }
        faults
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may panic")]

    use domain::{Asset, UserId};

    use super::*;

    #[test]
    fn what_is_wrong_with_one_asset_hides_nothing_of_another() {
        let mut ledger = Ledger::new(0);
        let codes = ["BTC", "ETH", "USDT"].map(|code| code.parse::<Asset>().unwrap());
        let numbers = codes.map(|asset| ledger.assets.add(asset));
        assert_eq!((ledger.faults(), ledger.check()), (vec![], Ok(())));
        // BTC: money from nowhere, of two users. ETH: what is reserved for nothing, at the cost of what came in.
        for user in [1, 2] {
            let row = ledger.accounts.open(UserId::from_u128(user), numbers[0]);
            ledger.accounts[row].balance.reserved = Amount(5);
        }
        let row = ledger.accounts.open(UserId::from_u128(3), numbers[1]);
        ledger.accounts[row].balance.reserved = Amount(7);
        ledger.assets[numbers[1]].came_in = Amount(7);
        let mismatch = |user, asset, units| LedgerFault::ReservedMismatch {
            user_id: UserId::from_u128(user),
            asset,
            reserved: Amount(units),
            held: 0,
        };
        let unbalanced = LedgerFault::Unbalanced {
            asset: codes[0],
            sum: 10,
        };
        let faults = [
            unbalanced.clone(),
            mismatch(1, codes[0], 5),
            mismatch(3, codes[1], 7),
        ];
        assert_eq!(ledger.faults(), faults);
        assert_eq!(ledger.check(), Err(unbalanced));
    }
}
