//! Reads from the log what news did not bring.

use std::sync::Arc;

use futures_util::FutureExt as _;
use persistence::postgres::views;

use super::pass::Pass;
use super::{Follower, PATIENCE};
use crate::Batch;
use crate::follow::trouble::Trouble;

/// Batches of one read.
const PIECE: usize = 32;

impl Follower {
    /// Reads a piece of what is missing of each shard. False: nothing came.
    pub(super) async fn read_missing(&mut self, pass: &mut Pass) -> bool {
        let mut came = false;
        for shard in self.in_turn() {
            let Some((first, last)) = self.lane(shard).missing() else {
                continue;
            };
            if !pass.may_read(shard) {
                continue;
            }
            match self.read(shard, first, last).await {
                Ok(batches) => {
                    batches.into_iter().for_each(|batch| self.lane(shard).read(batch));
                    came = true;
                }
                Err(trouble) => pass.failed(shard, trouble),
            }
        }
        came
    }

    /// The batches of a shard from one number on up to another; not all of them, but at least the first.
    pub(super) async fn read(
        &mut self,
        shard: u32,
        first: u64,
        last: u64,
    ) -> Result<Vec<Arc<Batch>>, Trouble> {
        metrics::counter!("follower_log_reads_total").increment(1);
        let rows = self
            .ask(PATIENCE, |it| {
                views::batches_after(it, shard, first - 1, last, PIECE).boxed()
            })
            .await?;
        if rows.first().is_none_or(|row| row.seq != first) {
            return Err(Trouble::Broken {
                shard,
                after: first - 1,
            });
        }
        let mut batches = Vec::with_capacity(rows.len());
        for (row, seq) in rows.into_iter().zip(first..) {
            if row.seq != seq {
                break;
            }
            batches.push(Arc::new(Batch::from_row(row)?));
        }
        Ok(batches)
    }
}
