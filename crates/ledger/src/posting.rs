//! Double-entry postings: every change of every account as one signed line. The lines of one instruction sum to zero
//! per asset.

use domain::{Amount, Asset, EntryType, OrderId, Reference, RequestId, UserId};
use serde::{Deserialize, Serialize};

/// Which of a user's two balances of an asset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BalanceKind {
    /// Free to use.
    Available,
    /// Held for orders.
    Reserved,
}

/// An account of an asset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccountRef {
    /// A user's.
    User {
        /// The user.
        user_id: UserId,
        /// Which balance.
        kind: BalanceKind,
    },
    /// The one that collects fees.
    Fee,
    /// The world outside: minus what came in.
    External,
}

impl AccountRef {
    /// What the user is free to use.
    pub const fn available(user_id: UserId) -> Self {
        Self::User {
            user_id,
            kind: BalanceKind::Available,
        }
    }

    /// What is held for the user's orders.
    pub const fn reserved(user_id: UserId) -> Self {
        Self::User {
            user_id,
            kind: BalanceKind::Reserved,
        }
    }
}

/// One line of the ledger: an account of an asset changed by so much.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Posting {
    /// The account.
    pub account: AccountRef,
    /// Its asset.
    pub asset: Asset,
    /// The change in units of 1e-8; never zero.
    pub delta: i128,
    /// Why.
    pub entry: EntryType,
    /// What caused it.
    pub reference: Reference,
}

/// Where postings go: `()` discards them, a `Vec` collects them.
pub trait Postings {
    /// Takes the next posting.
    fn post(&mut self, posting: Posting);
}

impl Postings for () {
    fn post(&mut self, _: Posting) {}
}

impl Postings for Vec<Posting> {
    fn post(&mut self, posting: Posting) {
        self.push(posting);
    }
}

/// Posts a change of one account, unless it changes by nothing.
pub(crate) fn credit(
    postings: &mut impl Postings,
    account: AccountRef,
    asset: Asset,
    amount: Amount,
    entry: EntryType,
    reference: Reference,
) {
    post(postings, account, asset, i128::from(amount.0), entry, reference);
}

/// Posts that an account lost an amount, unless it is nothing.
pub(crate) fn debit(
    postings: &mut impl Postings,
    account: AccountRef,
    asset: Asset,
    amount: Amount,
    entry: EntryType,
    reference: Reference,
) {
    post(postings, account, asset, -i128::from(amount.0), entry, reference);
}

fn post(
    postings: &mut impl Postings,
    account: AccountRef,
    asset: Asset,
    delta: i128,
    entry: EntryType,
    reference: Reference,
) {
    if delta != 0 {
        postings.post(Posting {
            account,
            asset,
            delta,
            entry,
            reference,
        });
    }
}

/// The amendment if there is one, else the order.
pub(crate) fn reservation_reference(order_id: OrderId, request_id: Option<RequestId>) -> Reference {
    request_id.map_or(Reference::Order(order_id), Reference::Amendment)
}
