//! The ledger as ordered records, for snapshots and for loading the rows of some accounts.

use std::cmp::Ordering;

use domain::{Amount, Asset, OrderId, RequestId, Transfer, UserId};
use serde::{Deserialize, Serialize};

use crate::reservation::{Reservation, SlotUse};
use crate::{Balance, Ledger, LedgerFault, Receipt, ReservationSlot, TransferRefusal};

/// The whole ledger, the same for the same history: every list is in a fixed order and none has an entry twice.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerSnapshot {
    /// In the order of the assets.
    pub assets: Vec<AssetRecord>,
    /// In the order of (user, asset).
    pub accounts: Vec<AccountRecord>,
    /// In the order of (order, amendment), an order's own first.
    pub reservations: Vec<ReservationRecord>,
    /// In the order in which they were answered.
    pub transfers: Vec<TransferRecord>,
}

/// The accounts that an asset has once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct AssetRecord {
    /// The asset.
    pub asset: Asset,
    /// Fees collected.
    pub fees: Amount,
    /// What came in less what went out: minus the external account.
    pub came_in: Amount,
}

/// A user's account of an asset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountRecord {
    /// The user.
    pub user_id: UserId,
    /// The asset.
    pub asset: Asset,
    /// What the user has of it.
    pub balance: Balance,
}

/// What one order, or one amendment on its way, holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReservationRecord {
    /// The order.
    pub order_id: OrderId,
    /// The amendment, if it is one's.
    pub request_id: Option<RequestId>,
    /// Who pays.
    pub user_id: UserId,
    /// The asset that is held.
    pub asset: Asset,
    /// The asset that the order receives; the one that is held, where it is not known yet.
    pub receives: Asset,
    /// How much is held.
    pub amount: Amount,
}

impl ReservationRecord {
    pub(crate) fn key(&self) -> (OrderId, Option<RequestId>) {
        (self.order_id, self.request_id)
    }
}

/// A transfer that was answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransferRecord {
    /// What was asked.
    pub transfer: Transfer,
    /// What was answered.
    pub answer: Result<Receipt, TransferRefusal>,
}

/// The handle of a reservation in a restored ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReservationHandle {
    /// The order.
    pub order_id: OrderId,
    /// The amendment, if it is one's.
    pub request_id: Option<RequestId>,
    /// The handle.
    pub slot: ReservationSlot,
}

impl Ledger {
    /// The whole ledger as records.
    pub fn snapshot(&self) -> LedgerSnapshot {
        let mut accounts: Vec<AccountRecord> = self
            .accounts
            .iter()
            .filter(|account| account.balance.version > 0)
            .map(|account| AccountRecord {
                user_id: account.user_id,
                asset: self.assets[account.asset].asset,
                balance: account.balance,
            })
            .collect();
        accounts.sort_unstable_by_key(|record| (record.user_id, record.asset));
        let assets = self.assets.sorted().map(|of| AssetRecord {
            asset: of.asset,
            fees: of.fees,
            came_in: of.came_in,
        });
        LedgerSnapshot {
            assets: assets.collect(),
            accounts,
            reservations: self.reservation_records(),
            transfers: self.transfers.answered().to_vec(),
        }
    }

    /// All live reservations in the order of their keys.
    pub(crate) fn reservation_records(&self) -> Vec<ReservationRecord> {
        let mut records: Vec<ReservationRecord> = self
            .reservations
            .live()
            .map(|(slot, held)| {
                let (pays, receives) = (&self.accounts[held.pays], &self.accounts[held.receives]);
                ReservationRecord {
                    order_id: held.order_id,
                    request_id: self.reservations.request_id(slot),
                    user_id: pays.user_id,
                    asset: self.assets[pays.asset].asset,
                    receives: self.assets[receives.asset].asset,
                    amount: held.amount,
                }
            })
            .collect();
        records.sort_unstable_by_key(ReservationRecord::key);
        records
    }

    /// The ledger of a whole snapshot, checked, with the handles of its reservations in the order of the records. Of
    /// each it is to be known what its order receives.
    ///
    /// # Errors
    /// The snapshot does not fit together.
    pub fn restore(
        snapshot: LedgerSnapshot,
        hash_seed: u64,
    ) -> Result<(Self, Vec<ReservationHandle>), LedgerFault> {
        let open_end = |record: &ReservationRecord| record.asset == record.receives;
        if let Some(index) = snapshot.reservations.iter().position(open_end) {
            return Err(bad("reservations", index));
        }
        let (ledger, handles) = Self::load(snapshot, hash_seed)?;
        ledger.check()?;
        Ok((ledger, handles))
    }

    /// A ledger of some accounts: for owners that keep all rows elsewhere and bring those that an instruction touches.
    /// Such a ledger applies instructions like any other, but [`Ledger::check`] holds only for a whole one.
    ///
    /// # Errors
    /// The records do not fit together, or an account has less reserved than its reservations hold.
    pub fn load(
        snapshot: LedgerSnapshot,
        hash_seed: u64,
    ) -> Result<(Self, Vec<ReservationHandle>), LedgerFault> {
        let LedgerSnapshot {
            assets,
            accounts,
            reservations,
            transfers,
        } = snapshot;
        let mut ledger = Self::new(hash_seed);
        ledger.load_assets(&assets)?;
        ledger.load_accounts(&accounts)?;
        let handles = ledger.load_reservations(&reservations)?;
        for (index, record) in transfers.into_iter().enumerate() {
            if !ledger.transfers.remember(record) {
                return Err(bad("transfers", index));
            }
        }
        ledger.check_reserved(Ordering::is_le)?;
        Ok((ledger, handles))
    }

    fn load_assets(&mut self, records: &[AssetRecord]) -> Result<(), LedgerFault> {
        in_order("assets", records, |record| record.asset)?;
        for record in records {
            let AssetRecord { asset, fees, came_in } = *record;
            if fees > Amount::MAX || came_in > Amount::MAX {
                return Err(LedgerFault::AccountTooLarge { asset });
            }
            let number = self.assets.add(asset);
            self.assets[number].fees = fees;
            self.assets[number].came_in = came_in;
        }
        Ok(())
    }

    fn load_accounts(&mut self, records: &[AccountRecord]) -> Result<(), LedgerFault> {
        in_order("accounts", records, |record| (record.user_id, record.asset))?;
        for (index, record) in records.iter().enumerate() {
            let number = self
                .assets
                .find(record.asset)
                .ok_or_else(|| bad("accounts", index))?;
            let row = self.accounts.open(record.user_id, number);
            self.accounts[row].balance = record.balance;
        }
        Ok(())
    }

    fn load_reservations(
        &mut self,
        records: &[ReservationRecord],
    ) -> Result<Vec<ReservationHandle>, LedgerFault> {
        in_order("reservations", records, ReservationRecord::key)?;
        let mut handles = Vec::with_capacity(records.len());
        for (index, record) in records.iter().enumerate() {
            let unknown = || bad("reservations", index);
            let pays = self.row(record.user_id, record.asset).ok_or_else(unknown)?;
            let number = self.assets.find(record.receives).ok_or_else(unknown)?;
            let receives = self.accounts.open(record.user_id, number);
            let slot = self.reservations.next_slot()?;
            let use_of = match record.request_id {
                Some(_) => SlotUse::Amendment,
                None => SlotUse::Order,
            };
            let reservation = Reservation {
                order_id: record.order_id,
                amount: record.amount,
                pays,
                receives,
                use_of,
            };
            self.reservations.add(slot, reservation, record.request_id);
            handles.push(ReservationHandle {
                order_id: record.order_id,
                request_id: record.request_id,
                slot,
            });
        }
        Ok(handles)
    }
}

fn bad(records: &'static str, index: usize) -> LedgerFault {
    LedgerFault::BadSnapshot { records, index }
}

/// Checks that the records' keys rise strictly.
fn in_order<R, K: Ord>(name: &'static str, records: &[R], key: impl Fn(&R) -> K) -> Result<(), LedgerFault> {
    match records.windows(2).position(|pair| key(&pair[0]) >= key(&pair[1])) {
        Some(index) => Err(bad(name, index + 1)),
        None => Ok(()),
    }
}
