//! The accounts that each asset has once: fees collected, and the world outside.

use std::ops::{Index, IndexMut};

use domain::{Amount, Asset};

/// An asset's place among the assets of the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct AssetNumber(usize);

impl AssetNumber {
    /// No asset's.
    pub const NONE: Self = Self(usize::MAX);

    /// The place in lists made by [`Assets::iter`].
    pub fn index(self) -> usize {
        self.0
    }
}

/// An asset with its two accounts.
#[derive(Debug, Clone)]
pub(crate) struct AssetAccounts {
    pub asset: Asset,
    /// What was collected.
    pub fees: Amount,
    /// What came in less what went out. The external account is minus this. As it never passes 2^63 - 1 and every
    /// posting set sums to zero, no account of the asset can.
    pub came_in: Amount,
}

/// All assets, never given up.
#[derive(Debug, Clone, Default)]
pub(crate) struct Assets {
    accounts: Vec<AssetAccounts>,
    /// Their places, in the order of their codes.
    numbers: Vec<(Asset, AssetNumber)>,
}

impl Assets {
    /// An asset's place.
    pub fn find(&self, asset: Asset) -> Option<AssetNumber> {
        let place = self
            .numbers
            .binary_search_by_key(&asset, |(asset, _)| *asset)
            .ok()?;
        Some(self.numbers[place].1)
    }

    /// An asset's place, added where it is missing.
    pub fn add(&mut self, asset: Asset) -> AssetNumber {
        match self.numbers.binary_search_by_key(&asset, |(asset, _)| *asset) {
            Ok(place) => self.numbers[place].1,
            Err(place) => {
                let number = AssetNumber(self.accounts.len());
                self.numbers.insert(place, (asset, number));
                self.accounts.push(AssetAccounts {
                    asset,
                    fees: Amount::ZERO,
                    came_in: Amount::ZERO,
                });
                number
            }
        }
    }

    /// All assets in the order of their numbers.
    pub fn iter(&self) -> impl Iterator<Item = &AssetAccounts> {
        self.accounts.iter()
    }

    /// All assets in the order of their codes.
    pub fn sorted(&self) -> impl Iterator<Item = &AssetAccounts> {
        self.numbers.iter().map(|(_, number)| &self[*number])
    }
}

impl Index<AssetNumber> for Assets {
    type Output = AssetAccounts;
    fn index(&self, number: AssetNumber) -> &AssetAccounts {
        &self.accounts[number.0]
    }
}

impl IndexMut<AssetNumber> for Assets {
    fn index_mut(&mut self, number: AssetNumber) -> &mut AssetAccounts {
        &mut self.accounts[number.0]
    }
}
