//! Reserving at the wallet, what comes at the same time in one call.

use std::sync::Arc;

use async_trait::async_trait;
use domain::Reserve;
use wallet_client::{Answer, Instruction, NotAnswered, Refused, Wallet};

use super::gather::Gathered;
use crate::Funding;

/// Reserves touch no fees, so no shard's fee account is meant.
const NO_SHARD: u32 = 0;

/// Asks the wallet.
pub(crate) struct Reserving {
    pub wallet: Arc<dyn Wallet>,
}

#[async_trait]
impl Gathered for Reserving {
    type Item = Reserve;
    type Answer = Result<Funding, NotAnswered>;

    async fn run(&self, reserves: Vec<Reserve>) -> Vec<Self::Answer> {
        let instructions = reserves.iter().cloned().map(Instruction::Reserve).collect();
        match self.wallet.instruct(NO_SHARD, instructions).await {
            Ok(answers) if answers.len() == reserves.len() => {
                reserves.iter().zip(answers).map(funding).collect()
            }
            Ok(_) => reserves
                .iter()
                .map(|_| Err(NotAnswered::Unknown("answers are missing".to_owned())))
                .collect(),
            Err(error) => reserves.iter().map(|_| Err(error.clone())).collect(),
        }
    }
}

/// What the wallet's answer means for the order.
fn funding((reserve, answer): (&Reserve, Result<Answer, Refused>)) -> Result<Funding, NotAnswered> {
    match answer {
        Ok(answer) => {
            let balance = answer
                .balances
                .into_iter()
                .find(|balance| balance.user_id == reserve.user_id && balance.asset == reserve.asset);
            match balance {
                Some(balance) => Ok(Funding::Granted {
                    amount: reserve.amount,
                    balance,
                }),
                None => Err(NotAnswered::Unknown("the payer's balance is missing".to_owned())),
            }
        }
        Err(Refused::InsufficientBalance { .. } | Refused::Released) => Ok(Funding::Refused),
        Err(refused) => {
            // The same key always asks for the same, which makes sense: this is a fault in a program.
            tracing::error!(order_id = %reserve.order_id, %refused, "the wallet does not take a reserve");
            Ok(Funding::Refused)
        }
    }
}
