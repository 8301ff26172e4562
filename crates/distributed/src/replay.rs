//! A shard's log, read and folded once more: the same commands must give the same events, money and digests.

use std::collections::BTreeMap;

use engine::RULES_VERSION;
use persistence::postgres::views::{LogSpan, ShardRow, batches_after, log_span, shards};
use persistence::postgres::{Connection, PgError};
use uuid::Uuid;

use crate::fold::{Output, ShardFold};
use crate::{Batch, Entry};

/// How far each shard has come.
///
/// # Errors
/// See [`PgError`].
pub async fn logs(connection: &mut Connection) -> Result<Vec<ShardRow>, PgError> {
    shards(connection).await
}

/// The batches of a shard's log behind a number up to another, in order, at most so many.
///
/// # Errors
/// See [`PgError`]; a row that this program cannot read, or that other rules made, is named.
pub async fn batches(
    connection: &mut Connection,
    shard: u32,
    behind: u64,
    up_to: u64,
    limit: usize,
) -> Result<Vec<Batch>, PgError> {
    let rows = batches_after(connection, shard, behind, up_to, limit).await?;
    let batch = |row: persistence::postgres::views::LoggedBatch| {
        let (seq, rules) = (row.seq, row.rules_version);
        if rules != RULES_VERSION {
            let why = format!("shard {shard}, number {seq}: made by rules {rules}, ours are {RULES_VERSION}");
            return Err(PgError::bad_row("shard_log", why));
        }
        Batch::from_row(row).map_err(|error| PgError::bad_row("shard_log", error))
    };
    rows.into_iter().map(batch).collect()
}

/// How far a shard's log can be folded again from its beginning: the last number, and why not all of it where that is so.
///
/// # Errors
/// See [`PgError`].
pub async fn replayable(
    connection: &mut Connection,
    shard: &ShardRow,
) -> Result<(u64, Option<String>), PgError> {
    let number = shard.shard;
    let LogSpan {
        first_seq,
        moved_after,
    } = log_span(connection, number).await?;
    let first = first_seq.unwrap_or(shard.last_seq + 1);
    if first > 1 {
        let why = format!("shard {number} is not replayable before {first}: older batches are not kept");
        return Ok((0, Some(why)));
    }
    Ok(match moved_after {
        Some(last) if last < shard.last_seq => {
            let why = format!("shard {number} is not replayable behind {last}: a market has moved");
            (last, Some(why))
        }
        _ => (shard.last_seq, None),
    })
}

/// A batch that does not come out again as it was logged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("shard {shard}, number {seq}: {what}")]
pub struct Differs {
    /// The shard.
    pub shard: u32,
    /// The batch's number.
    pub seq: u64,
    /// What differs.
    pub what: String,
}

/// A shard that is folded again from the beginning of its log.
#[derive(Debug)]
pub struct Replay {
    fold: ShardFold,
    /// What earlier steps of mass cancels that go on have cancelled, by command.
    cancelled: BTreeMap<Uuid, u64>,
    seq: u64,
    digest: u128,
}

impl Replay {
    /// Before the first batch. The seed keys hashes; it changes no result.
    pub fn new(hash_seed: u64) -> Self {
        Self {
            fold: ShardFold::new(hash_seed),
            cancelled: BTreeMap::new(),
            seq: 0,
            digest: 0,
        }
    }

    /// The number of the last batch that came out again.
    pub const fn seq(&self) -> u64 {
        self.seq
    }

    /// The digest after it.
    pub const fn digest(&self) -> u128 {
        self.digest
    }

    /// Folds the next batch and compares.
    ///
    /// # Errors
    /// The first thing that differs.
    pub fn apply(&mut self, batch: &Batch) -> Result<(), Differs> {
        let differs = |what: String| Differs {
            shard: batch.shard,
            seq: batch.seq,
            what,
        };
        if batch.seq != self.seq + 1 {
            return Err(differs(format!("does not follow {}", self.seq)));
        }
        let mut out = Output::default();
        for (place, entry) in batch.entries.iter().enumerate() {
            let Entry {
                id,
                at,
                command,
                told,
            } = entry;
            let before = id.and_then(|id| self.cancelled.get(&id).copied()).unwrap_or(0);
            let applied = self.fold.apply(*at, command, before, &mut out);
            match (id, &applied.told) {
                (Some(id), None) => {
                    self.cancelled.insert(*id, before + applied.cancelled);
                }
                (Some(id), Some(_)) => {
                    self.cancelled.remove(id);
                }
                (None, _) => {}
            }
            if applied.told != *told {
                return Err(differs(format!(
                    "entry {place} came to {:?}, logged as {told:?}",
                    applied.told
                )));
            }
        }
        if let Some(at) = first_difference(&out.events, &batch.events) {
            let (one, two) = (out.events.get(at), batch.events.get(at));
            return Err(differs(format!("event {at} is {one:?}, logged as {two:?}")));
        }
        if let Some(at) = first_difference(&out.money, &batch.money) {
            let (one, two) = (out.money.get(at), batch.money.get(at));
            return Err(differs(format!("instruction {at} is {one:?}, logged as {two:?}")));
        }
        let digest = self.fold.changes(&out).digest;
        if digest != batch.digest {
            return Err(differs(format!(
                "digest {digest:032x}, logged as {:032x}",
                batch.digest
            )));
        }
        self.seq = batch.seq;
        self.digest = digest;
        Ok(())
    }
}

fn first_difference<T: PartialEq>(one: &[T], two: &[T]) -> Option<usize> {
    let same = one.iter().zip(two).take_while(|(one, two)| one == two).count();
    (same < one.len() || same < two.len()).then_some(same)
}
