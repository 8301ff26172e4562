//! Users' accounts as dense rows: found by user and asset once, and by their row ever after.

use std::collections::HashMap;
use std::ops::{Index, IndexMut};

use domain::{Amount, Asset, UserId};
use foldhash::fast::FixedState;
use serde::{Deserialize, Serialize};

use crate::asset::AssetNumber;

/// What a user has of an asset.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Balance {
    /// Free to use.
    pub available: Amount,
    /// Held for orders.
    pub reserved: Amount,
    /// How often the account has changed: of two balances the one with the higher version is the later.
    pub version: u64,
}

impl Balance {
    /// Available and reserved together, in units of 1e-8. Never above 2^63 - 1 in a ledger.
    pub(crate) fn total(self) -> u128 {
        u128::from(self.available.0) + u128::from(self.reserved.0)
    }
}

/// One user's account of one asset.
#[derive(Debug, Clone)]
pub(crate) struct Account {
    pub balance: Balance,
    pub asset: AssetNumber,
    pub user_id: UserId,
}

impl Account {
    /// From available to reserved.
    pub fn reserve(&mut self, amount: Amount) {
        self.balance.available -= amount;
        self.balance.reserved += amount;
        self.balance.version += 1;
    }

    /// From reserved back to available.
    pub fn release(&mut self, amount: Amount) {
        self.balance.reserved -= amount;
        self.balance.available += amount;
        self.balance.version += 1;
    }

    /// Reserved money leaves: a part of it to others, the rest back to available.
    pub fn pay(&mut self, paid: Amount, released: Amount) {
        self.balance.reserved -= paid + released;
        self.balance.available += released;
        self.balance.version += 1;
    }

    /// Money comes in.
    pub fn receive(&mut self, amount: Amount) {
        self.balance.available += amount;
        self.balance.version += 1;
    }

    /// Available money goes out.
    pub fn withdraw(&mut self, amount: Amount) {
        self.balance.available -= amount;
        self.balance.version += 1;
    }
}

/// Where an account stands. Rows are never given up, so a row stays right for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Row(usize);

impl Row {
    /// The row's place in lists made by [`Accounts::iter`].
    pub fn index(self) -> usize {
        self.0
    }
}

/// A user who has accounts: the place of the list of them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct UserRow(usize);

/// All accounts of all users.
#[derive(Debug, Clone)]
pub(crate) struct Accounts {
    rows: Vec<Account>,
    users: HashMap<UserId, UserRow, FixedState>,
    /// Each user's accounts, in the order of their assets.
    rows_of: Vec<Vec<(Asset, Row)>>,
}

impl Accounts {
    pub fn new(hash_seed: u64) -> Self {
        Self {
            rows: Vec::new(),
            users: HashMap::with_hasher(FixedState::with_seed(hash_seed)),
            rows_of: Vec::new(),
        }
    }

    /// The user, if there are accounts of it.
    pub fn user(&self, user_id: UserId) -> Option<UserRow> {
        self.users.get(&user_id).copied()
    }

    /// The user; a new one has no accounts yet.
    pub fn add_user(&mut self, user_id: UserId) -> UserRow {
        let next = UserRow(self.rows_of.len());
        let user = *self.users.entry(user_id).or_insert(next);
        if user.0 == next.0 {
            self.rows_of.push(Vec::new());
        }
        user
    }

    /// The user's account of an asset.
    pub fn row(&self, user: UserRow, asset: Asset) -> Option<Row> {
        let rows = &self.rows_of[user.0];
        let place = rows.binary_search_by_key(&asset, |(asset, _)| *asset).ok()?;
        Some(rows[place].1)
    }

    /// The account of an asset by the user's id.
    pub fn find(&self, user_id: UserId, asset: Asset) -> Option<Row> {
        self.row(self.user(user_id)?, asset)
    }

    /// The user's account of an asset, opened where it is missing.
    pub fn open(&mut self, user_id: UserId, user: UserRow, asset: Asset, number: AssetNumber) -> Row {
        let rows = &mut self.rows_of[user.0];
        match rows.binary_search_by_key(&asset, |(asset, _)| *asset) {
            Ok(place) => rows[place].1,
            Err(place) => {
                let row = Row(self.rows.len());
                rows.insert(place, (asset, row));
                self.rows.push(Account {
                    balance: Balance::default(),
                    asset: number,
                    user_id,
                });
                row
            }
        }
    }

    /// A user's accounts in the order of their assets.
    pub fn of(&self, user_id: UserId) -> impl Iterator<Item = (Asset, &Account)> {
        let rows = self.user(user_id).map(|user| self.rows_of[user.0].as_slice());
        rows.unwrap_or_default()
            .iter()
            .map(|(asset, row)| (*asset, &self[*row]))
    }

    /// All accounts in the order of their rows.
    pub fn iter(&self) -> impl Iterator<Item = &Account> {
        self.rows.iter()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }
}

impl Index<Row> for Accounts {
    type Output = Account;
    fn index(&self, row: Row) -> &Account {
        &self.rows[row.0]
    }
}

impl IndexMut<Row> for Accounts {
    fn index_mut(&mut self, row: Row) -> &mut Account {
        &mut self.rows[row.0]
    }
}
