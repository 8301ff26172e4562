//! The wallet in memory, with what a wallet far away may do: answer late, twice, never, or refuse.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use domain::{LedgerEntry, Transfer, TransferReceipt, UserId};
use runtime::Clock;
use wallet_client::{
    Answer, EntryPage, Instruction, LedgerWallet, NotAnswered, Refused, TransferRefused, UserBalance, Wallet,
};

pub struct Purse {
    pub ledger: LedgerWallet,
    /// So many calls are not done, and not answered.
    pub deaf: AtomicU32,
    /// So many calls are done, and not answered.
    pub mute: AtomicU32,
    /// So many calls are done twice.
    pub double: AtomicU32,
    /// Settlements are refused from now on.
    pub refusing: AtomicU32,
    /// What shards have asked for, in order, repetitions included.
    asked: Mutex<Vec<Instruction>>,
}

fn take(count: &AtomicU32) -> bool {
    count
        .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1))
        .is_ok()
}

impl Purse {
    pub fn new() -> Self {
        let zero = || AtomicU32::new(0);
        Self {
            ledger: LedgerWallet::new(Clock::System),
            deaf: zero(),
            mute: zero(),
            double: zero(),
            refusing: zero(),
            asked: Mutex::default(),
        }
    }

    /// One instruction of a gateway's, which always goes well.
    pub async fn plain(&self, instruction: Instruction) -> Result<Answer, Refused> {
        let answers = self.ledger.instruct(0, vec![instruction]).await.unwrap();
        answers.into_iter().next().unwrap()
    }

    pub fn asked(&self) -> Vec<Instruction> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[async_trait]
impl Wallet for Purse {
    async fn instruct(
        &self,
        shard: u32,
        instructions: Vec<Instruction>,
    ) -> Result<Vec<Result<Answer, Refused>>, NotAnswered> {
        let unknown = || NotAnswered::Unknown("a test".to_owned());
        assert!(instructions.len() <= 500);
        if take(&self.deaf) {
            return Err(unknown());
        }
        if self.refusing.load(Ordering::SeqCst) > 0 {
            let refused = Refused::NotReserved("a test".to_owned());
            return Ok(vec![Err(refused); instructions.len()]);
        }
        self.asked
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend(instructions.iter().cloned());
        if take(&self.double) {
            self.ledger.instruct(shard, instructions.clone()).await?;
        }
        let answers = self.ledger.instruct(shard, instructions).await?;
        if take(&self.mute) {
            Err(unknown())
        } else {
            Ok(answers)
        }
    }

    async fn transfer(
        &self,
        transfer: Transfer,
    ) -> Result<Result<TransferReceipt, TransferRefused>, NotAnswered> {
        self.ledger.transfer(transfer).await
    }

    async fn balances(&self, users: Vec<UserId>) -> Result<Vec<UserBalance>, NotAnswered> {
        self.ledger.balances(users).await
    }

    async fn ledger(&self, page: EntryPage) -> Result<Vec<LedgerEntry>, NotAnswered> {
        self.ledger.ledger(page).await
    }

    async fn trouble(&self) -> Option<String> {
        None
    }
}
