//! The end of a shard's log in memory, for those who follow it; what is further back is read from the table.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use persistence::postgres::views::batches_after;
use persistence::postgres::{Connection, PgError};
use tokio::sync::watch;

use super::run::Connect;
use crate::{Batch, Undecodable};

/// Batches that are kept in memory.
const KEPT: usize = 64;
/// Commands, events and instructions that these may have together.
const KEPT_WEIGHT: usize = 100_000;
/// Batches that are read from the table at once.
const PIECE: usize = 32;

/// Why a part of the log could not be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum TailError {
    #[error(transparent)]
    Database(#[from] PgError),
    #[error("a batch of the log cannot be read: {0}")]
    Undecodable(#[from] Undecodable),
    #[error("batch {0} is missing in the log")]
    Missing(u64),
}

#[derive(Debug, Default)]
struct Kept {
    batches: VecDeque<Arc<Batch>>,
    weight: usize,
}

/// The end of a shard's log. Its owner appends, others follow.
#[derive(Debug)]
pub(super) struct Tail {
    shard: u32,
    kept: Mutex<Kept>,
    last: watch::Sender<u64>,
}

fn weight(batch: &Batch) -> usize {
    1 + batch.entries.len() + batch.events.len() + batch.money.len()
}

impl Tail {
    /// Behind this batch.
    pub fn after(shard: u32, last_seq: u64) -> Self {
        Self {
            shard,
            kept: Mutex::default(),
            last: watch::Sender::new(last_seq),
        }
    }

    /// Appends a batch that was committed.
    pub fn push(&self, batch: Arc<Batch>) {
        let seq = batch.seq;
        {
            let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            kept.weight += weight(&batch);
            kept.batches.push_back(batch);
            while kept.batches.len() > KEPT || (kept.weight > KEPT_WEIGHT && kept.batches.len() > 1) {
                if let Some(old) = kept.batches.pop_front() {
                    kept.weight -= weight(&old);
                }
            }
        }
        self.last.send_replace(seq);
    }

    /// The number of the last batch, and of later ones.
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.last.subscribe()
    }

    /// Batches behind one, from memory; none: it is further back.
    fn in_memory(&self, after: u64) -> Option<Vec<Arc<Batch>>> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let first = kept.batches.front()?.seq;
        let skipped = (after + 1).checked_sub(first)?;
        let skipped = usize::try_from(skipped).ok()?;
        Some(kept.batches.iter().skip(skipped).cloned().collect())
    }
}

/// Follows a tail, batch by batch.
pub(super) struct Reader {
    tail: Arc<Tail>,
    connect: Connect,
    connection: Option<Connection>,
    last: watch::Receiver<u64>,
}

impl Reader {
    pub fn new(tail: Arc<Tail>, connect: Connect) -> Self {
        Self {
            last: tail.watch(),
            tail,
            connect,
            connection: None,
        }
    }

    /// Waits until there is a batch behind this one. False: there will be none, the owner is gone.
    pub async fn wait(&mut self, after: u64) -> bool {
        self.last.wait_for(|last| *last > after).await.is_ok()
    }

    /// The batches behind one, some of them; none: there are none yet.
    pub async fn next(&mut self, after: u64) -> Result<Vec<Arc<Batch>>, TailError> {
        let last = *self.last.borrow_and_update();
        if last <= after {
            return Ok(Vec::new());
        }
        if let Some(batches) = self.tail.in_memory(after) {
            return Ok(batches);
        }
        let read = self.read(after, last).await;
        if read.is_err() {
            self.connection = None;
        }
        read
    }

    async fn read(&mut self, after: u64, last: u64) -> Result<Vec<Arc<Batch>>, TailError> {
        let connection = match &mut self.connection {
            Some(connection) => connection,
            empty => empty.insert((self.connect)().await?),
        };
        let rows = batches_after(connection, self.tail.shard, after, last, PIECE).await?;
        let mut batches = Vec::with_capacity(rows.len());
        for (row, seq) in rows.into_iter().zip(after + 1..) {
            if row.seq != seq {
                return Err(TailError::Missing(seq));
            }
            batches.push(Arc::new(Batch::from_row(row)?));
        }
        if batches.is_empty() {
            return Err(TailError::Missing(after + 1));
        }
        Ok(batches)
    }
}
