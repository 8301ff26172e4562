//! Has the wallet do what a shard's batches say, in order and for as long as it takes, and tells what everybody has then.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::{Asset, MoneyInstruction, UserId};
use runtime::trace::{self, Kind, Span};
use tokio::sync::watch;
use wallet_client::{Answer, Instruction, Refused, UserBalance, Wallet};

use super::outlet::Outlet;
use super::publisher::{first_pause, longer};
use super::status::Status;
use super::tail::Reader;
use crate::{Batch, Funding, News, ShardCommand};

/// Instructions of one call.
const TOGETHER: usize = 500;

/// Settles what one ownership has committed, and what the one before it has not settled.
pub(super) struct Settler {
    pub shard: u32,
    pub epoch: u64,
    pub wallet: Arc<dyn Wallet>,
    pub outlet: Arc<dyn Outlet>,
    pub reader: Reader,
    pub status: Status,
    /// How far it has come.
    pub cursor: watch::Sender<u64>,
    /// Why the shard must stop, once the wallet has refused something.
    pub halt: watch::Sender<Option<String>>,
}

/// The balances that batches changed: of each user and asset the latest.
#[derive(Debug, Default)]
struct Latest(BTreeMap<(UserId, Asset), UserBalance>);

impl Latest {
    fn take(&mut self, balance: UserBalance) {
        let known = self.0.entry((balance.user_id, balance.asset)).or_insert(balance);
        if known.version < balance.version {
            *known = balance;
        }
    }

    /// What the wallet said before the commands of a batch came.
    fn take_grants(&mut self, batch: &Batch) {
        for entry in &batch.entries {
            if let Some(Funding::Granted { balance, .. }) = funding(&entry.command) {
                self.take(balance);
            }
        }
    }
}

/// What the wallet said before a command came.
fn funding(command: &ShardCommand) -> Option<Funding> {
    match command {
        ShardCommand::Place(place) => Some(place.funding),
        ShardCommand::Amend { funding, .. } => Some(*funding),
        ShardCommand::Quarantine { command, .. } => funding(command.as_deref()?),
        ShardCommand::Cancel { .. }
        | ShardCommand::CancelAll { .. }
        | ShardCommand::DefineMarket(_)
        | ShardCommand::SetMarketState(_)
        | ShardCommand::Tick => None,
    }
}

/// A money instruction as the wallet takes it.
fn instruction(money: &MoneyInstruction) -> Instruction {
    match money {
        MoneyInstruction::Reserve(reserve) => Instruction::Reserve(reserve.clone()),
        MoneyInstruction::Settle(settle) => Instruction::Settle((*settle).into()),
        MoneyInstruction::Release(release) => Instruction::Release(*release),
        MoneyInstruction::Merge(merge) => Instruction::Merge(*merge),
    }
}

impl Settler {
    /// Settles until the owner is gone, or the wallet refuses.
    pub async fn run(mut self) {
        let mut done = *self.cursor.borrow();
        let mut pause = first_pause();
        while self.reader.wait(done).await {
            let batches = match self.reader.next(done).await {
                Ok(batches) => batches,
                Err(error) => {
                    tracing::warn!(shard = self.shard, %error, "settling: the log cannot be read");
                    tokio::time::sleep(pause).await;
                    pause = longer(pause);
                    continue;
                }
            };
            pause = first_pause();
            let (mut latest, mut money, mut traces) = (Latest::default(), Vec::new(), Vec::new());
            for batch in batches {
                traces.extend(batch.traces.iter().copied().map(Some));
                latest.take_grants(&batch);
                money.extend(batch.money.iter().map(instruction));
                done = batch.seq;
                if money.len() >= TOGETHER {
                    break;
                }
            }
            let mut span = Span::of_group("settle", Kind::Internal, traces);
            let settled = trace::within(span.context(), self.settle(money, &mut latest)).await;
            if let Err(refused) = settled {
                span.fail(refused.clone());
                trace::within_sync(span.context(), || self.stop(done, &refused));
                return;
            }
            self.cursor.send_replace(done);
            self.status.settled(done);
            let news = News::Settled {
                shard: self.shard,
                epoch: self.epoch,
                seq: done,
                balances: latest.0.into_values().collect(),
            };
            trace::within_sync(span.context(), || self.outlet.news(news));
        }
    }

    /// Has the instructions done, in their order, however long it takes.
    async fn settle(&self, money: Vec<Instruction>, latest: &mut Latest) -> Result<(), String> {
        let mut pause = first_pause();
        let mut money = money.as_slice();
        while !money.is_empty() {
            let (piece, rest) = money.split_at(money.len().min(TOGETHER));
            match self.wallet.instruct(self.shard, piece.to_vec()).await {
                Ok(answers) => {
                    check(piece, &answers)?;
                    let done = answers.into_iter().flatten();
                    for balance in done.flat_map(|answer| answer.balances) {
                        latest.take(balance);
                    }
                    money = rest;
                    pause = first_pause();
                }
                Err(error) => {
                    self.status.count("shard_settle_retries_total");
                    tracing::warn!(shard = self.shard, %error, "settling");
                    tokio::time::sleep(pause).await;
                    pause = longer(pause);
                }
            }
        }
        Ok(())
    }

    /// What cannot happen has happened: nothing more may be decided on top of it.
    fn stop(&self, up_to: u64, refused: &str) {
        self.status.count("shard_settlements_refused_total");
        let why = format!("the wallet refuses what the log up to batch {up_to} says: {refused}");
        tracing::error!(shard = self.shard, %why, "the shard is halted");
        self.halt.send_replace(Some(why));
    }
}

/// Whether all was done.
fn check(asked: &[Instruction], answers: &[Result<Answer, Refused>]) -> Result<(), String> {
    if asked.len() != answers.len() {
        return Err(format!(
            "{} answers to {} instructions",
            answers.len(),
            asked.len()
        ));
    }
    let refused = asked.iter().zip(answers).find_map(|(asked, answer)| {
        let refused = answer.as_ref().err()?;
        Some(format!("{refused}: {asked:?}"))
    });
    refused.map_or(Ok(()), Err)
}
