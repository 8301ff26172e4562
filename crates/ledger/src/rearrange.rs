//! For callers that do not know all of a reservation: what its order receives is said later, and several pay together.

use domain::{Amount, Asset};

use crate::ledger::take;
use crate::{Ledger, LedgerFault, ReservationHandle};

impl Ledger {
    /// Says what a reservation's order receives; the asset that it pays with: not known (again). Gives back what it
    /// received until now.
    ///
    /// # Errors
    /// The handle is of no live reservation. Nothing was changed.
    pub fn set_receives(
        &mut self,
        handle: &ReservationHandle,
        receives: Asset,
    ) -> Result<Asset, LedgerFault> {
        let held = self.reservations.find(handle)?;
        let (user_id, before) = (self.accounts[held.pays].user_id, held.receives);
        let number = self.assets.add(receives);
        let row = self.accounts.open(user_id, number);
        self.reservations.set_receives(handle.slot, row);
        Ok(self.assets[self.accounts[before].asset].asset)
    }

    /// Lets one reservation hold what another of the same account held. The account stays as it is, so nothing is
    /// posted.
    ///
    /// # Errors
    /// A handle is of no live reservation, they hold from different accounts, or less is held. Nothing was changed.
    pub fn shift(
        &mut self,
        from: &ReservationHandle,
        into: &ReservationHandle,
        amount: Amount,
    ) -> Result<(), LedgerFault> {
        let (giving, taking) = (self.reservations.find(from)?, self.reservations.find(into)?);
        if giving.pays != taking.pays {
            return Err(LedgerFault::OtherAsset {
                order_id: from.order_id,
                asset: self.assets[self.accounts[taking.pays].asset].asset,
            });
        }
        if from.slot == into.slot {
            return take(giving, amount).map(|_| ());
        }
        let (rest, sum) = (take(giving, amount)?, taking.amount + amount);
        self.reservations.set_amount(from.slot, rest);
        self.reservations.set_amount(into.slot, sum);
        Ok(())
    }
}
