//! How far one shard has been followed: which batch is next, what is missing, and what its owners may hear of.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use persistence::postgres::views::ShardRow;

use crate::Batch;

/// Batches that may wait for one before them.
const AHEAD: usize = 64;
/// What the batches that wait for their settlement may weigh before older ones are read again from the log.
const KEPT_WEIGHT: usize = 50_000;

/// One shard as it is followed. Batches are taken in order, each once; then, in order too, they are settled.
#[derive(Debug)]
pub(super) struct Lane {
    shard: u32,
    /// The latest epoch seen: news of earlier ones are not listened to.
    epoch: u64,
    /// The last batch taken.
    taken: u64,
    /// The last batch whose owners were told.
    settled: u64,
    /// Batches up to here exist, as was known long enough ago that their news are late.
    due: u64,
    /// Batches up to here are settled.
    settled_known: u64,
    /// What the database said when it was looked at last.
    seen: Option<ShardRow>,
    /// The last batch taken before that.
    taken_at_look: u64,
    ahead: BTreeMap<u64, Arc<Batch>>,
    /// The last of the taken batches that are not settled, without a gap.
    kept: VecDeque<Arc<Batch>>,
    kept_weight: usize,
}

/// How much memory a batch stands for.
fn weight(batch: &Batch) -> usize {
    1 + batch.entries.len() + batch.events.len() + batch.money.len()
}

impl Lane {
    /// A shard that is known up to its last batch at this moment.
    pub fn from(row: &ShardRow) -> Self {
        Self {
            shard: row.shard,
            epoch: row.epoch,
            taken: row.last_seq,
            settled: row.settled_seq,
            due: row.last_seq,
            settled_known: row.settled_seq,
            seen: Some(*row),
            taken_at_look: row.last_seq,
            ahead: BTreeMap::new(),
            kept: VecDeque::new(),
            kept_weight: 0,
        }
    }

    /// A shard before its first batch.
    pub fn new(shard: u32) -> Self {
        let row = ShardRow {
            shard,
            epoch: 0,
            last_seq: 0,
            published_seq: 0,
            settled_seq: 0,
            is_owned: false,
        };
        Self {
            seen: None,
            ..Self::from(&row)
        }
    }

    pub const fn shard(&self) -> u32 {
        self.shard
    }

    /// The number of the last batch taken.
    pub const fn taken(&self) -> u64 {
        self.taken
    }

    /// The number of the last batch whose owners were told.
    pub const fn settled(&self) -> u64 {
        self.settled
    }

    /// How many batches are known to exist that were not taken.
    pub fn behind(&self) -> u64 {
        let seen = self.seen.map_or(0, |row| row.last_seq);
        seen.saturating_sub(self.taken)
    }

    /// A batch came by news. What is old, or too far ahead, is passed over: the log has it.
    pub fn hear(&mut self, batch: Arc<Batch>) {
        if batch.epoch < self.epoch || batch.seq <= self.taken {
            return;
        }
        self.epoch = batch.epoch;
        self.keep_ahead(batch);
    }

    /// A batch came from the log.
    pub fn read(&mut self, batch: Arc<Batch>) {
        if batch.seq > self.taken {
            self.epoch = self.epoch.max(batch.epoch);
            self.keep_ahead(batch);
        }
    }

    fn keep_ahead(&mut self, batch: Arc<Batch>) {
        self.ahead.entry(batch.seq).or_insert(batch);
        if self.ahead.len() > AHEAD {
            self.ahead.pop_last();
        }
    }

    /// Everything up to here is settled, said the owner of this epoch. False: it is not the owner any more.
    pub fn hear_settled(&mut self, epoch: u64, seq: u64) -> bool {
        if epoch < self.epoch {
            return false;
        }
        self.epoch = epoch;
        self.settled_known = self.settled_known.max(seq);
        true
    }

    /// The database was looked at. What it knew already at the look before is due: its news had time to come. With
    /// `at_once`, all of it is. False: it knows less than was taken before the last look, so it has gone back.
    #[must_use]
    pub fn look(&mut self, row: &ShardRow, at_once: bool) -> bool {
        self.epoch = self.epoch.max(row.epoch);
        let known = if at_once { Some(*row) } else { self.seen };
        if let Some(known) = known {
            self.due = self.due.max(known.last_seq);
            self.settled_known = self.settled_known.max(known.settled_seq);
        }
        self.seen = Some(*row);
        let taken_before = std::mem::replace(&mut self.taken_at_look, self.taken);
        row.last_seq >= taken_before
    }

    /// The next batch, if it is there; it stays until it is taken.
    pub fn next(&self) -> Option<&Arc<Batch>> {
        self.ahead.get(&(self.taken + 1))
    }

    /// Takes the next batch.
    pub fn take(&mut self) -> Option<Arc<Batch>> {
        let batch = self.ahead.remove(&(self.taken + 1))?;
        self.taken = batch.seq;
        self.kept_weight += weight(&batch);
        self.kept.push_back(Arc::clone(&batch));
        while self.kept_weight > KEPT_WEIGHT
            && let Some(dropped) = self.kept.pop_front()
        {
            self.kept_weight -= weight(&dropped);
        }
        Some(batch)
    }

    /// The batches to read from the log: those between the last taken and the first that waits behind a gap, or those that
    /// are due. First and last number.
    pub fn missing(&self) -> Option<(u64, u64)> {
        let next = self.taken + 1;
        let last = match self.ahead.first_key_value() {
            Some((first, _)) if *first == next => return None,
            Some((first, _)) => first - 1,
            None => self.due,
        };
        (next <= last).then_some((next, last))
    }

    /// The next batch that can be settled: its number, and itself where it is still kept.
    pub fn next_settled(&self) -> Option<(u64, Option<Arc<Batch>>)> {
        let next = self.settled + 1;
        if next > self.settled_known.min(self.taken) {
            return None;
        }
        let kept = self.kept.iter().find(|batch| batch.seq == next);
        Some((next, kept.cloned()))
    }

    /// The last batch that can be settled now.
    pub fn can_settle_to(&self) -> u64 {
        self.settled_known.min(self.taken)
    }

    /// The owners of the batch of this number were told.
    pub fn settle(&mut self, seq: u64) {
        self.settled = self.settled.max(seq);
        while let Some(first) = self.kept.front().filter(|batch| batch.seq <= self.settled) {
            self.kept_weight -= weight(first);
            self.kept.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(seq: u64, epoch: u64) -> Arc<Batch> {
        Arc::new(Batch {
            shard: 3,
            seq,
            epoch,
            entries: Vec::new(),
            events: Vec::new(),
            money: Vec::new(),
            digest: 0,
            traces: Vec::new(),
        })
    }

    fn row(epoch: u64, last_seq: u64, settled_seq: u64) -> ShardRow {
        ShardRow {
            shard: 3,
            epoch,
            last_seq,
            published_seq: settled_seq,
            settled_seq,
            is_owned: true,
        }
    }

    fn taken(lane: &mut Lane) -> Vec<u64> {
        std::iter::from_fn(|| lane.take())
            .map(|batch| batch.seq)
            .collect()
    }

    #[test]
    fn batches_are_taken_in_order_and_once_however_they_come() {
        let mut lane = Lane::from(&row(1, 10, 10));
        for seq in [12, 9, 11, 12, 14, 11] {
            lane.hear(batch(seq, 1));
        }
        assert_eq!(taken(&mut lane), [11, 12]);
        assert_eq!(lane.missing(), Some((13, 13)));
        lane.hear(batch(11, 1));
        assert_eq!(taken(&mut lane), Vec::<u64>::new());
        lane.read(batch(13, 1));
        assert_eq!(taken(&mut lane), [13, 14]);
        assert_eq!(lane.missing(), None);
    }

    #[test]
    fn news_of_an_earlier_epoch_are_not_heard_but_its_log_is_read() {
        let mut lane = Lane::from(&row(2, 0, 0));
        lane.hear(batch(1, 1));
        assert!(!lane.hear_settled(1, 1));
        assert_eq!(taken(&mut lane), Vec::<u64>::new());
        lane.read(batch(1, 1));
        lane.hear(batch(2, 2));
        assert_eq!(taken(&mut lane), [1, 2]);
        assert_eq!(lane.next_settled(), None);
        assert!(lane.hear_settled(3, 2));
        lane.hear(batch(3, 2));
        assert_eq!(taken(&mut lane), Vec::<u64>::new());
    }

    #[test]
    fn what_the_database_knows_is_missing_once_its_news_are_late() {
        let mut lane = Lane::from(&row(1, 5, 5));
        assert!(lane.look(&row(1, 8, 7), false));
        assert_eq!((lane.missing(), lane.behind()), (None, 3));
        assert!(lane.look(&row(1, 9, 9), false));
        assert_eq!(lane.missing(), Some((6, 8)));
        assert!(lane.look(&row(1, 9, 9), true));
        assert_eq!(lane.missing(), Some((6, 9)));
        for seq in 6..=9 {
            lane.read(batch(seq, 1));
        }
        assert_eq!(taken(&mut lane), [6, 7, 8, 9]);
        assert_eq!(lane.can_settle_to(), 9);
    }

    #[test]
    fn batches_are_settled_in_order_and_never_before_they_are_taken() {
        let mut lane = Lane::from(&row(1, 0, 0));
        assert!(lane.hear_settled(1, 2));
        assert_eq!(lane.next_settled(), None);
        for seq in 1..=3 {
            lane.hear(batch(seq, 1));
        }
        taken(&mut lane);
        let mut told = Vec::new();
        while let Some((seq, kept)) = lane.next_settled() {
            told.push((seq, kept.map(|batch| batch.seq)));
            lane.settle(seq);
        }
        assert_eq!(told, [(1, Some(1)), (2, Some(2))]);
    }

    #[test]
    fn a_fresh_lane_settles_batches_that_it_never_took_itself() {
        let mut lane = Lane::from(&row(1, 5, 3));
        assert!(lane.look(&row(1, 5, 5), true));
        assert_eq!(lane.next_settled(), Some((4, None)));
    }

    #[test]
    fn a_database_that_goes_back_is_noticed_but_not_one_that_was_read_a_moment_too_early() {
        let mut lane = Lane::from(&row(1, 5, 5));
        lane.hear(batch(6, 1));
        taken(&mut lane);
        assert!(lane.look(&row(1, 5, 5), false), "the news came while it was read");
        assert!(!lane.look(&row(1, 5, 5), false));
    }

    #[test]
    fn memory_stays_bounded_whatever_comes() {
        let mut lane = Lane::from(&row(1, 0, 0));
        for seq in (2..10_000).rev() {
            lane.hear(batch(seq, 1));
        }
        assert_eq!(lane.ahead.len(), AHEAD);
        assert_eq!(lane.missing(), Some((1, 1)), "the nearest are kept");
        let mut lane = Lane::from(&row(1, 0, 0));
        for seq in 1..100_000 {
            lane.hear(batch(seq, 1));
            lane.take();
        }
        assert!(lane.kept.len() <= KEPT_WEIGHT);
        lane.hear_settled(1, 100_000);
        assert_eq!(lane.next_settled(), Some((1, None)), "the log still has it");
        lane.settle(99_999);
        assert_eq!((lane.kept.len(), lane.kept_weight), (0, 0));
    }
}
