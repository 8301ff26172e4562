//! What a caller may ask of the wallet.

use async_trait::async_trait;
use domain::{Asset, LedgerEntry, Transfer, TransferReceipt, UserId};

use crate::{Answer, Instruction, NotAnswered, Refused, TransferRefused, UserBalance};

/// Which lines of a user's ledger to list, newest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EntryPage {
    /// Whose.
    pub user_id: UserId,
    /// Only of this asset.
    pub asset: Option<Asset>,
    /// Only those before this transaction and line.
    pub before: Option<(u64, u32)>,
    /// At most so many, at most 1,000.
    pub limit: usize,
}

/// The wallet: it alone changes balances. Every call may be made again with the same keys until it is answered.
#[async_trait]
pub trait Wallet: Send + Sync {
    /// Does the instructions, in this order, each under its own key; one that is refused does not keep those behind it
    /// from being done. `shard` tells which shard's fee account takes the fees. At most 1,000 in one call. One answer for
    /// each, in order.
    async fn instruct(
        &self,
        shard: u32,
        instructions: Vec<Instruction>,
    ) -> Result<Vec<Result<Answer, Refused>>, NotAnswered>;
    /// Deposits or withdraws under the caller's key.
    async fn transfer(
        &self,
        transfer: Transfer,
    ) -> Result<Result<TransferReceipt, TransferRefused>, NotAnswered>;
    /// What these users have, by user and asset. At most 1,000 users.
    async fn balances(&self, users: Vec<UserId>) -> Result<Vec<UserBalance>, NotAnswered>;
    /// A page of a user's ledger.
    async fn ledger(&self, page: EntryPage) -> Result<Vec<LedgerEntry>, NotAnswered>;
    /// What is wrong with it; none: nothing.
    async fn trouble(&self) -> Option<String>;
}
