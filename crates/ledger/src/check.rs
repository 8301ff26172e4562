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
        self.check_sums()?;
        self.check_reserved(Ordering::is_eq)?;
        let reservations = self.reservation_records();
        let same = |pair: &[crate::ReservationRecord]| pair[0].key() == pair[1].key();
        match reservations.windows(2).position(same) {
            Some(index) => Err(LedgerFault::BadSnapshot {
                records: "reservations",
                index: index + 1,
            }),
            None => Ok(()),
        }
    }

    fn check_sums(&self) -> Result<(), LedgerFault> {
        let own = |of: &crate::asset::AssetAccounts| i128::from(of.fees.0) - i128::from(of.came_in.0);
        let mut sums: Vec<i128> = self.assets.iter().map(own).collect();
        for Account { balance, asset, .. } in self.accounts.iter() {
            sums[asset.index()] += i128::from(balance.available.0) + i128::from(balance.reserved.0);
        }
        let unbalanced = self.assets.iter().zip(sums).find(|(_, sum)| *sum != 0);
        match unbalanced {
            Some((of, sum)) => Err(LedgerFault::Unbalanced { asset: of.asset, sum }),
            None => Ok(()),
        }
    }

    /// Checks how the sum of an account's reservations compares with what it has reserved, and that it is not too large.
    pub(crate) fn check_reserved(&self, holds: fn(Ordering) -> bool) -> Result<(), LedgerFault> {
        let mut held = vec![0u128; self.accounts.len()];
        for (_, reservation) in self.reservations.live() {
            held[reservation.pays.index()] += u128::from(reservation.amount.0);
        }
        for (account, held) in self.accounts.iter().zip(held) {
            let Account {
                balance,
                asset,
                user_id,
            } = account;
            let asset = self.assets[*asset].asset;
            if balance.total() > u128::from(Amount::MAX.0) {
                return Err(LedgerFault::AccountTooLarge { asset });
            }
            if !holds(held.cmp(&u128::from(balance.reserved.0))) {
                return Err(LedgerFault::ReservedMismatch {
                    user_id: *user_id,
                    asset,
                    reserved: balance.reserved,
                    held,
                });
            }
        }
        Ok(())
    }
}
