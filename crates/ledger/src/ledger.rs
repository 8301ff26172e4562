//! The ledger: reserve, release, merge and close, and what everybody has.

use domain::{Amount, Asset, Merge, OrderId, Release, Reserve, UserId};

use crate::account::{Accounts, Row};
use crate::asset::Assets;
use crate::posting::{credit, debit, reservation_reference};
use crate::reservation::{Reservation, Reservations, SlotUse};
use crate::transfer::Transfers;
use crate::{
    AccountRef, Balance, EntryType, LedgerFault, Postings, Reference, ReservationSlot, ReserveError,
};

/// All accounts of all users with the fee and external account of each asset. The same calls in the same order leave
/// the same ledger, whatever its hash seed.
#[derive(Debug, Clone)]
pub struct Ledger {
    pub(crate) accounts: Accounts,
    pub(crate) assets: Assets,
    pub(crate) reservations: Reservations,
    pub(crate) transfers: Transfers,
}

impl Ledger {
    /// An empty ledger. The seed keys the hashes over what clients choose; it is to be secret, and changes no result.
    pub fn new(hash_seed: u64) -> Self {
        Self {
            accounts: Accounts::new(hash_seed),
            assets: Assets::default(),
            reservations: Reservations::default(),
            transfers: Transfers::new(hash_seed),
        }
    }

    /// Moves an amount from available to reserved, for an order or an amendment. Whether the same id was reserved for
    /// before is for the caller to know; [`Ledger::check`] finds it. A caller who does not know yet what the order
    /// receives names the asset that it pays with, and says it later by [`Ledger::set_receives`]: it settles nothing
    /// before.
    ///
    /// # Errors
    /// The balance does not cover it, or the instruction makes no sense. Nothing was changed.
    pub fn reserve(
        &mut self,
        r: &Reserve,
        postings: &mut impl Postings,
    ) -> Result<ReservationSlot, ReserveError> {
        let order_id = r.order_id;
        if r.amount.is_zero() {
            return Err(LedgerFault::SenselessReserve { order_id }.into());
        }
        let rows = self.accounts.user(r.user_id);
        let row = |asset| rows.and_then(|rows| rows.row(self.assets.find(asset)?));
        let (pays, receives) = (row(r.asset), row(r.receives));
        let available = pays.map_or(Amount::ZERO, |row| self.accounts[row].balance.available);
        let pays = match pays {
            Some(row) if r.amount <= available => row,
            _ => return Err(ReserveError::InsufficientBalance { available }),
        };
        let slot = self.reservations.next_slot()?;
        let receives = match receives {
            Some(row) => row,
            None => self.accounts.open(r.user_id, self.assets.add(r.receives)),
        };
        self.accounts[pays].reserve(r.amount);
        let use_of = match r.request_id {
            Some(_) => SlotUse::Amendment,
            None => SlotUse::Order,
        };
        let reservation = Reservation {
            order_id,
            amount: r.amount,
            pays,
            receives,
            use_of,
        };
        self.reservations.add(slot, reservation, r.request_id);
        let (available, reserved) = (AccountRef::available(r.user_id), AccountRef::reserved(r.user_id));
        let reference = reservation_reference(order_id, r.request_id);
        let entry = EntryType::Reserve;
        debit(postings, available, r.asset, r.amount, entry, reference.clone());
        credit(postings, reserved, r.asset, r.amount, entry, reference);
        Ok(slot)
    }

    /// Gives back a part of an order's or an amendment's reservation; with `last` it has ended, and its slot is free.
    ///
    /// # Errors
    /// The slot is not this order's or amendment's, less is reserved, or something would stay reserved after the last release.
    pub fn release(
        &mut self,
        r: &Release,
        slot: ReservationSlot,
        postings: &mut impl Postings,
    ) -> Result<(), LedgerFault> {
        let held = match r.request_id {
            Some(request_id) => self.reservations.amendment(slot, r.order_id, request_id)?,
            None => self.reservations.order(slot, r.order_id)?,
        };
        self.check_payer(held, r.user_id, r.asset)?;
        let rest = take(held, r.amount)?;
        if r.last && !rest.is_zero() {
            return Err(LedgerFault::ReservationLeft {
                order_id: r.order_id,
                reserved: rest,
            });
        }
        let pays = held.pays;
        self.reservations.set_amount(slot, rest);
        if r.last {
            self.reservations.free(slot);
        }
        if !r.amount.is_zero() {
            self.accounts[pays].release(r.amount);
        }
        let (available, reserved) = (AccountRef::available(r.user_id), AccountRef::reserved(r.user_id));
        let (entry, reference) = (
            EntryType::Release,
            reservation_reference(r.order_id, r.request_id),
        );
        debit(postings, reserved, r.asset, r.amount, entry, reference.clone());
        credit(postings, available, r.asset, r.amount, entry, reference);
        Ok(())
    }

    /// Adds all of an amendment's reservation to its order's; the amendment's slot is free.
    ///
    /// # Errors
    /// A slot is not what the instruction says, the two are not of the same accounts, or the amount is not all of it.
    pub fn merge(
        &mut self,
        m: &Merge,
        amendment: ReservationSlot,
        order: ReservationSlot,
        postings: &mut impl Postings,
    ) -> Result<(), LedgerFault> {
        let order_id = m.order_id;
        let from = self.reservations.amendment(amendment, order_id, m.request_id)?;
        let into = self.reservations.order(order, order_id)?;
        self.check_payer(into, m.user_id, m.asset)?;
        if (from.pays, from.receives) != (into.pays, into.receives) {
            let asset = m.asset;
            return Err(LedgerFault::OtherAsset { order_id, asset });
        }
        let rest = take(from, m.amount)?;
        if !rest.is_zero() {
            return Err(LedgerFault::ReservationLeft {
                order_id,
                reserved: rest,
            });
        }
        let sum = into.amount + m.amount;
        self.reservations.free(amendment);
        self.reservations.set_amount(order, sum);
        let (account, entry) = (AccountRef::reserved(m.user_id), EntryType::Adjustment);
        let (from, into) = (Reference::Amendment(m.request_id), Reference::Order(order_id));
        debit(postings, account, m.asset, m.amount, entry, from);
        credit(postings, account, m.asset, m.amount, entry, into);
        Ok(())
    }

    /// Frees the slot of an order whose reservation is used up exactly.
    ///
    /// # Errors
    /// The slot is not this order's, or something is still reserved.
    pub fn close(&mut self, order_id: OrderId, slot: ReservationSlot) -> Result<(), LedgerFault> {
        let reserved = self.reservations.order(slot, order_id)?.amount;
        if !reserved.is_zero() {
            return Err(LedgerFault::ReservationLeft { order_id, reserved });
        }
        self.reservations.free(slot);
        Ok(())
    }

    /// What a slot still holds; nothing where it is free.
    pub fn reserved(&self, slot: ReservationSlot) -> Amount {
        self.reservations
            .get(slot)
            .map_or(Amount::ZERO, |held| held.amount)
    }

    /// How many reservations there are, of orders and of amendments.
    pub fn reservation_count(&self) -> usize {
        self.reservations.len()
    }

    /// What a user has of an asset; none where the user never had any.
    pub fn balance(&self, user_id: UserId, asset: Asset) -> Option<Balance> {
        let balance = self.accounts[self.row(user_id, asset)?].balance;
        (balance.version > 0).then_some(balance)
    }

    /// All that a user has or once had, in the order of the assets.
    pub fn balances(&self, user_id: UserId) -> Vec<(Asset, Balance)> {
        let mut balances: Vec<(Asset, Balance)> = self
            .accounts
            .of(user_id)
            .filter(|account| account.balance.version > 0)
            .map(|account| (self.assets[account.asset].asset, account.balance))
            .collect();
        balances.sort_unstable_by_key(|(asset, _)| *asset);
        balances
    }

    /// The fees collected of an asset.
    pub fn fees(&self, asset: Asset) -> Amount {
        self.assets
            .find(asset)
            .map_or(Amount::ZERO, |number| self.assets[number].fees)
    }

    /// The external account of an asset in units of 1e-8: minus what came in, plus what went out.
    pub fn external(&self, asset: Asset) -> i128 {
        self.assets
            .find(asset)
            .map_or(0, |number| -i128::from(self.assets[number].came_in.0))
    }

    /// A user's account of an asset.
    pub(crate) fn row(&self, user_id: UserId, asset: Asset) -> Option<Row> {
        self.accounts.user(user_id)?.row(self.assets.find(asset)?)
    }

    /// Checks that a reservation is this user's and pays this asset.
    pub(crate) fn check_payer(
        &self,
        held: &Reservation,
        user_id: UserId,
        asset: Asset,
    ) -> Result<(), LedgerFault> {
        let (account, order_id) = (&self.accounts[held.pays], held.order_id);
        if account.user_id != user_id {
            return Err(LedgerFault::OtherUser { order_id, user_id });
        }
        if self.assets[account.asset].asset != asset {
            return Err(LedgerFault::OtherAsset { order_id, asset });
        }
        Ok(())
    }
}

/// What stays of a reservation when an amount is taken.
pub(crate) fn take(held: &Reservation, amount: Amount) -> Result<Amount, LedgerFault> {
    held.amount
        .checked_sub(amount)
        .ok_or(LedgerFault::ReservationTooSmall {
            order_id: held.order_id,
            reserved: held.amount,
        })
}
