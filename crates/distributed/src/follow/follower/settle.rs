//! Tells owners of what is settled.

use std::collections::BTreeSet;

use domain::{Asset, UserId};
use trading::{Audience, Update};

use super::Follower;
use super::pass::Pass;
use crate::Batch;
use crate::follow::money::{Balances, touched};

impl Follower {
    /// Tells the owners of what is settled.
    pub(super) async fn settle(&mut self, pass: &mut Pass) {
        for shard in self.in_turn() {
            let mut accounts = BTreeSet::new();
            while let Some((next, kept)) = self.lane(shard).next_settled() {
                let last = self.lane(shard).can_settle_to();
                let batches = match kept {
                    Some(batch) => vec![batch],
                    None if !pass.may_read(shard) => break,
                    None => match self.read(shard, next, last).await {
                        Ok(batches) => batches,
                        Err(trouble) => {
                            pass.failed(shard, trouble);
                            break;
                        }
                    },
                };
                for batch in batches {
                    touched(&batch, &mut accounts);
                    self.settle_batch(shard, &batch, batch.seq == last, &accounts);
                    if batch.seq == last {
                        accounts.clear();
                    }
                }
            }
            // Where the last batch could not be read, nobody would tell what those of the others have.
            self.owe(accounts.into_iter().map(|(user_id, _)| user_id).collect());
        }
    }

    /// Tells the owners of a settled batch, with the last one what they have after it.
    fn settle_batch(
        &mut self,
        shard: u32,
        batch: &Batch,
        is_last: bool,
        accounts: &BTreeSet<(UserId, Asset)>,
    ) {
        self.lane(shard).settle(batch.seq);
        self.shared.waiters.settle(&batch.entries);
        let mut told = Balances::default();
        if is_last {
            told = self.told.remove(&shard).unwrap_or_default();
            let missing = accounts.iter().filter(|account| !told.has(account));
            self.owe(missing.map(|(user_id, _)| *user_id).collect());
        }
        told.add_granted(batch);
        self.tell(batch.seq, batch.events.clone(), told);
        self.shared.settled.send_modify(|settled| {
            settled.insert(shard, batch.seq);
        });
    }

    /// The wallet is asked what these users have.
    fn owe(&self, users: BTreeSet<UserId>) {
        if !users.is_empty() && !self.shared.owed.add(users) {
            self.shared.board.lose_followers();
        }
    }

    pub(super) fn tell(&self, seq: u64, events: Vec<domain::MarketEvent>, told: Balances) {
        let balances = told.changes();
        if !events.is_empty() || !balances.is_empty() {
            self.shared.board.tell_owners(Update {
                audience: Audience::Owners,
                seq,
                events,
                balances,
            });
        }
    }
}
