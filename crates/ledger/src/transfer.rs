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

/// Why a transfer was refused. The refusal is remembered under the key like any other answer: a caller that was told no
/// and asks again under the same key never finds that it was done after all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum TransferRefusal {
    /// The available balance does not cover the withdrawal.
    InsufficientBalance {
        /// What is available.
        available: Amount,
    },
    /// All money of the asset together would pass 2^63 - 1 units of 1e-8.
    TooLarge,
}

/// The answer to a transfer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransferAnswer {
    /// It is done now.
    Done(Receipt),
    /// It was done before, under the same key and with the same body: the first answer.
    Repeated(Receipt),
    /// It is refused, or was refused before under the same key and with the same body.
    Refused(TransferRefusal),
    /// Another transfer was answered under this key.
    KeyConflict,
    /// The amount is zero. Such a request has no answer to remember.
    Nothing,
}

/// All transfers that were answered.
#[derive(Debug, Clone)]
pub(crate) struct Transfers {
    /// In the order in which they were answered.
    answered: Vec<TransferRecord>,
    /// Their places by key.
    by_key: HashMap<TransferKey, usize, FixedState>,
}

impl Transfers {
    pub fn new(hash_seed: u64) -> Self {
        Self {
            answered: Vec::new(),
            by_key: HashMap::with_hasher(FixedState::with_seed(hash_seed)),
        }
    }

    /// Remembers a transfer; false where its key is taken.
    pub fn remember(&mut self, record: TransferRecord) -> bool {
        let place = self.answered.len();
        let free = *self.by_key.entry(record.transfer.key.clone()).or_insert(place) == place;
        if free {
            self.answered.push(record);
        }
        free
    }

    /// All of them, in the order in which they were answered.
    pub fn answered(&self) -> &[TransferRecord] {
        &self.answered
    }

    fn find(&self, key: &TransferKey) -> Option<&TransferRecord> {
        self.by_key.get(key).map(|place| &self.answered[*place])
    }
}

impl Ledger {
    /// Deposits or withdraws. A withdrawal takes from what is available.
    pub fn transfer(&mut self, t: &Transfer, at: Stamp, postings: &mut impl Postings) -> TransferAnswer {
        if let Some(first) = self.transfers.find(&t.key) {
            return if first.transfer == *t {
                match first.answer {
                    Ok(receipt) => TransferAnswer::Repeated(receipt),
                    Err(refusal) => TransferAnswer::Refused(refusal),
                }
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
        let answer = moved.map(|balance| Receipt { balance, at });
        self.transfers.remember(TransferRecord {
            transfer: t.clone(),
            answer,
        });
        match answer {
            Ok(receipt) => TransferAnswer::Done(receipt),
            Err(refusal) => TransferAnswer::Refused(refusal),
        }
    }

    fn deposit(&mut self, t: &Transfer, postings: &mut impl Postings) -> Result<Balance, TransferRefusal> {
        let came_in = self
            .assets
            .find(t.asset)
            .map_or(Amount::ZERO, |number| self.assets[number].came_in)
            .checked_add(t.amount)
            .ok_or(TransferRefusal::TooLarge)?;
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

    fn withdraw(&mut self, t: &Transfer, postings: &mut impl Postings) -> Result<Balance, TransferRefusal> {
        let lacking = |available| TransferRefusal::InsufficientBalance { available };
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
