//! Deposits and withdrawals under the caller's key: the same key again gives the first answer, for ever.

use std::collections::HashMap;

use domain::{Amount, Stamp, Transfer, TransferKey, TransferKind};
use foldhash::fast::FixedState;
use serde::{Deserialize, Serialize};

use crate::posting::{credit, debit};
use crate::{AccountRef, Balance, EntryType, Ledger, Postings, Reference, TransferRecord};

/// The answer to a transfer that was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The user's balance of the asset right after it.
    pub balance: Balance,
    /// When it was done.
    pub at: Stamp,
}

/// The answer to a transfer. Only done transfers are remembered under their keys: a refused one changes nothing, and the
/// same key may be tried again, with the same body or another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransferAnswer {
    /// It is done now.
    Done(Receipt),
    /// It was done before, under the same key and with the same body: the first answer.
    Repeated(Receipt),
    /// Another transfer was done under this key.
    KeyConflict,
    /// The available balance does not cover the withdrawal.
    InsufficientBalance {
        /// What is available.
        available: Amount,
    },
    /// All money of the asset together would pass 2^63 - 1 units of 1e-8.
    TooLarge,
    /// The amount is zero.
    Nothing,
}

/// All transfers that were done.
#[derive(Debug, Clone)]
pub(crate) struct Transfers {
    /// In the order in which they were done.
    done: Vec<TransferRecord>,
    /// Their places by key.
    by_key: HashMap<TransferKey, usize, FixedState>,
}

impl Transfers {
    pub fn new(hash_seed: u64) -> Self {
        Self {
            done: Vec::new(),
            by_key: HashMap::with_hasher(FixedState::with_seed(hash_seed)),
        }
    }

    /// Remembers a transfer; false where its key is taken.
    pub fn remember(&mut self, record: TransferRecord) -> bool {
        let place = self.done.len();
        let free = *self.by_key.entry(record.transfer.key.clone()).or_insert(place) == place;
        if free {
            self.done.push(record);
        }
        free
    }

    /// All of them, in the order in which they were done.
    pub fn done(&self) -> &[TransferRecord] {
        &self.done
    }

    fn find(&self, key: &TransferKey) -> Option<&TransferRecord> {
        self.by_key.get(key).map(|place| &self.done[*place])
    }
}

impl Ledger {
    /// Deposits or withdraws. A withdrawal takes from what is available.
    pub fn transfer(&mut self, t: &Transfer, at: Stamp, postings: &mut impl Postings) -> TransferAnswer {
        if let Some(first) = self.transfers.find(&t.key) {
            return if first.transfer == *t {
                TransferAnswer::Repeated(first.receipt)
            } else {
                TransferAnswer::KeyConflict
            };
        }
        if t.amount.is_zero() {
            return TransferAnswer::Nothing;
        }
        let moved = match t.kind {
            TransferKind::Deposit => self.deposit(t, postings),
            TransferKind::Withdrawal => self.withdraw(t, postings),
        };
        match moved {
            Ok(balance) => {
                let receipt = Receipt { balance, at };
                self.transfers.remember(TransferRecord {
                    transfer: t.clone(),
                    receipt,
                });
                TransferAnswer::Done(receipt)
            }
            Err(refused) => refused,
        }
    }

    fn deposit(&mut self, t: &Transfer, postings: &mut impl Postings) -> Result<Balance, TransferAnswer> {
        let came_in = self
            .assets
            .find(t.asset)
            .map_or(Amount::ZERO, |number| self.assets[number].came_in)
            .checked_add(t.amount)
            .ok_or(TransferAnswer::TooLarge)?;
        let number = self.assets.add(t.asset);
        let row = self.accounts.open(t.user_id, number);
        self.assets[number].came_in = came_in;
        self.accounts[row].receive(t.amount);
        let (entry, available) = (EntryType::Deposit, AccountRef::available(t.user_id));
        let reference = Reference::Transfer(t.key.clone());
        debit(
            postings,
            AccountRef::External,
            t.asset,
            t.amount,
            entry,
            reference.clone(),
        );
        credit(postings, available, t.asset, t.amount, entry, reference);
        Ok(self.accounts[row].balance)
    }

    fn withdraw(&mut self, t: &Transfer, postings: &mut impl Postings) -> Result<Balance, TransferAnswer> {
        let lacking = |available| TransferAnswer::InsufficientBalance { available };
        let row = self.row(t.user_id, t.asset).ok_or(lacking(Amount::ZERO))?;
        let account = &self.accounts[row];
        let available = account.balance.available;
        if t.amount > available {
            return Err(lacking(available));
        }
        let number = account.asset;
        // No more can go out of the asset than came in; a ledger of some accounts only may have to be told both.
        let came_in = self.assets[number]
            .came_in
            .checked_sub(t.amount)
            .ok_or(lacking(available))?;
        self.assets[number].came_in = came_in;
        self.accounts[row].withdraw(t.amount);
        let (entry, available) = (EntryType::Withdrawal, AccountRef::available(t.user_id));
        let reference = Reference::Transfer(t.key.clone());
        debit(postings, available, t.asset, t.amount, entry, reference.clone());
        credit(
            postings,
            AccountRef::External,
            t.asset,
            t.amount,
            entry,
            reference,
        );
        Ok(self.accounts[row].balance)
    }
}
