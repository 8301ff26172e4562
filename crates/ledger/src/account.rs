//! Users' accounts as dense rows: found by user and asset once, and by their row ever after.

use std::collections::HashMap;
use std::ops::{Index, IndexMut};

use domain::{Amount, UserId};
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

/// How many of a user's accounts stand beside the user's id, where finding them costs one look at memory.
const NEAR: usize = 4;
/// No account.
const NONE: (AssetNumber, Row) = (AssetNumber::NONE, Row(0));

/// Where a user's accounts stand.
#[derive(Debug, Clone)]
pub(crate) struct UserRows {
    near: [(AssetNumber, Row); NEAR],
    /// The rest, in the order of their asset numbers.
    more: Vec<(AssetNumber, Row)>,
}

impl UserRows {
    /// The account of an asset.
    pub fn row(&self, asset: AssetNumber) -> Option<Row> {
        if let Some((_, row)) = self.near.iter().find(|(number, _)| *number == asset) {
            return Some(*row);
        }
        let place = self.more.binary_search_by_key(&asset, |(number, _)| *number);
        place.ok().map(|place| self.more[place].1)
    }

    /// Adds the account of an asset that has none yet.
    fn add(&mut self, asset: AssetNumber, row: Row) {
        if let Some(vacant) = self.near.iter_mut().find(|entry| **entry == NONE) {
            *vacant = (asset, row);
            return;
        }
        let place = self.more.partition_point(|(number, _)| *number < asset);
        self.more.insert(place, (asset, row));
    }

    fn iter(&self) -> impl Iterator<Item = Row> {
        let near = self.near.iter().filter(|entry| **entry != NONE);
        near.chain(&self.more).map(|(_, row)| *row)
    }
}

/// All accounts of all users.
#[derive(Debug, Clone)]
pub(crate) struct Accounts {
    rows: Vec<Account>,
    users: HashMap<UserId, UserRows, FixedState>,
}

impl Accounts {
    pub fn new(hash_seed: u64) -> Self {
        Self {
            rows: Vec::new(),
            users: HashMap::with_hasher(FixedState::with_seed(hash_seed)),
        }
    }

    /// Where the user's accounts stand, if there are any.
    pub fn user(&self, user_id: UserId) -> Option<&UserRows> {
        self.users.get(&user_id)
    }

    /// The user's account of an asset, opened where it is missing.
    pub fn open(&mut self, user_id: UserId, asset: AssetNumber) -> Row {
        let next = Row(self.rows.len());
        let user = self.users.entry(user_id).or_insert_with(|| UserRows {
            near: [NONE; NEAR],
            more: Vec::new(),
        });
        if let Some(row) = user.row(asset) {
            return row;
        }
        user.add(asset, next);
        self.rows.push(Account {
            balance: Balance::default(),
            asset,
            user_id,
        });
        next
    }

    /// A user's accounts, in the order in which they were opened or that of their assets' numbers.
    pub fn of(&self, user_id: UserId) -> impl Iterator<Item = &Account> {
        let rows = self.user(user_id).into_iter().flat_map(UserRows::iter);
        rows.map(|row| &self[row])
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
