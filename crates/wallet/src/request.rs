//! What is asked of a transaction, and what it answers.

use domain::{Transfer, TransferReceipt};
use wallet_client::{Answer, Instruction, Refused, TransferRefused};

/// One thing to do under one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Request {
    /// A money instruction.
    Instruct {
        /// Whose fee account takes the fees.
        shard: u32,
        instruction: Instruction,
    },
    /// A deposit or withdrawal.
    Transfer(Transfer),
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reply {
    Instruct(Result<Answer, Refused>),
    Transfer(Result<TransferReceipt, TransferRefused>),
}

impl Reply {
    /// The key stands for something else.
    pub fn key_conflict(request: &Request) -> Self {
        match request {
            Request::Instruct { .. } => Self::Instruct(Err(Refused::KeyConflict)),
            Request::Transfer(_) => Self::Transfer(Err(TransferRefused::KeyConflict)),
        }
    }
}
