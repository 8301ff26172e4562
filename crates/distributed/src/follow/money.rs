//! Which balances a batch touches, and the latest of each that was told.

use std::collections::{BTreeMap, BTreeSet};

use domain::{Asset, MoneyInstruction, UserId};
use trading::{AccountBalance, BalanceChange};
use wallet_client::UserBalance;

use crate::{Batch, Funding, ShardCommand};

/// Balances that were told, the latest of each account, in the order in which owners are told.
#[derive(Debug, Default)]
pub(super) struct Balances(BTreeMap<(UserId, Asset), UserBalance>);

impl Balances {
    pub fn add(&mut self, balance: UserBalance) {
        let known = self.0.entry((balance.user_id, balance.asset)).or_insert(balance);
        if known.version < balance.version {
            *known = balance;
        }
    }

    /// The balances right after the wallet's grants to a batch's commands.
    pub fn add_granted(&mut self, batch: &Batch) {
        for entry in &batch.entries {
            let funding = match &entry.command {
                ShardCommand::Place(place) => place.funding,
                ShardCommand::Amend { funding, .. } => *funding,
                _ => Funding::None,
            };
            if let Funding::Granted { balance, .. } = funding {
                self.add(balance);
            }
        }
    }

    pub fn has(&self, account: &(UserId, Asset)) -> bool {
        self.0.contains_key(account)
    }

    /// All of them, as owners are told.
    pub fn changes(self) -> Vec<BalanceChange> {
        self.0.into_values().map(change).collect()
    }
}

/// A balance as its owner is told of it.
pub(super) fn change(balance: UserBalance) -> BalanceChange {
    let UserBalance {
        user_id,
        asset,
        available,
        reserved,
        version,
    } = balance;
    let balance = AccountBalance {
        asset,
        available,
        reserved,
        version,
    };
    BalanceChange { user_id, balance }
}

/// The accounts whose balances a batch's instructions change.
pub(super) fn touched(batch: &Batch, accounts: &mut BTreeSet<(UserId, Asset)>) {
    for instruction in &batch.money {
        match instruction {
            MoneyInstruction::Reserve(reserve) => {
                accounts.insert((reserve.user_id, reserve.asset));
            }
            MoneyInstruction::Release(release) => {
                accounts.insert((release.user_id, release.asset));
            }
            MoneyInstruction::Settle(settle) => {
                for party in [settle.buyer, settle.seller] {
                    accounts.insert((party.user_id, settle.symbol.base));
                    accounts.insert((party.user_id, settle.symbol.quote));
                }
            }
            // What was held for the amendment is held for the order: the balance is the same.
            MoneyInstruction::Merge(_) => {}
        }
    }
}
