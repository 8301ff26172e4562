//! What was committed and not followed yet: how old the oldest of it is, and how many trades it has.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// Batches that were committed within this time count as one.
const TOGETHER: Duration = Duration::from_millis(10);
/// Beyond so many marks batches are marked less often, so that a long lag takes little memory.
const MANY: usize = 10_000;
/// How often then.
const SELDOM: Duration = Duration::from_secs(1);

/// Batches that were committed at about the same time.
#[derive(Debug)]
struct Mark {
    first: Instant,
    last_seq: u64,
    trades: u64,
}

/// The batches that somebody has still to follow.
#[derive(Debug, Default)]
pub(super) struct Lag(VecDeque<Mark>);

impl Lag {
    /// A batch with so many trades was committed.
    pub fn committed(&mut self, seq: u64, trades: u64, now: Instant) {
        let together = if self.0.len() < MANY { TOGETHER } else { SELDOM };
        match self.0.back_mut() {
            Some(mark) if now.saturating_duration_since(mark.first) < together => {
                mark.last_seq = seq;
                mark.trades += trades;
            }
            _ => self.0.push_back(Mark {
                first: now,
                last_seq: seq,
                trades,
            }),
        }
    }

    /// All up to this batch was followed: tells how long each of it has waited.
    pub fn followed(&mut self, seq: u64, now: Instant, mut tell: impl FnMut(Duration)) {
        while let Some(mark) = self.0.pop_front_if(|mark| mark.last_seq <= seq) {
            tell(now.saturating_duration_since(mark.first));
        }
    }

    /// The age of the oldest that is left; zero: nothing is.
    pub fn age(&self, now: Instant) -> Duration {
        self.0
            .front()
            .map_or(Duration::ZERO, |mark| now.saturating_duration_since(mark.first))
    }

    /// The trades of what is left.
    pub fn trades(&self) -> u64 {
        self.0.iter().map(|mark| mark.trades).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(start: Instant, millis: u64) -> Instant {
        start + Duration::from_millis(millis)
    }

    #[test]
    fn the_oldest_batch_that_is_left_tells_the_age_and_what_is_left_its_trades() {
        let (start, mut lag) = (Instant::now(), Lag::default());
        assert_eq!((lag.age(start), lag.trades()), (Duration::ZERO, 0));
        for (seq, trades, at) in [(1, 2, 0), (2, 0, 100), (3, 5, 200)] {
            lag.committed(seq, trades, after(start, at));
        }
        let now = after(start, 300);
        assert_eq!((lag.age(now), lag.trades()), (Duration::from_millis(300), 7));
        let mut waited = Vec::new();
        lag.followed(2, now, |time| waited.push(time.as_millis()));
        assert_eq!(waited, [300, 200]);
        assert_eq!((lag.age(now), lag.trades()), (Duration::from_millis(100), 5));
        lag.followed(3, now, |_| {});
        assert_eq!((lag.age(now), lag.trades()), (Duration::ZERO, 0));
    }

    #[test]
    fn batches_of_one_moment_are_left_until_the_last_of_them_was_followed() {
        let (start, mut lag) = (Instant::now(), Lag::default());
        lag.committed(1, 1, start);
        lag.committed(2, 1, after(start, 5));
        lag.followed(1, after(start, 50), |_| {});
        assert_eq!(lag.age(after(start, 50)), Duration::from_millis(50));
        lag.followed(2, after(start, 50), |_| {});
        assert_eq!(lag.age(after(start, 50)), Duration::ZERO);
    }

    #[test]
    fn a_lag_of_hours_takes_no_more_than_a_mark_a_second() {
        let (start, mut lag) = (Instant::now(), Lag::default());
        let mut at = 0;
        for seq in 0..200_000 {
            at += 10;
            lag.committed(seq, 0, after(start, at));
        }
        assert!(lag.0.len() < MANY + 2_000, "{}", lag.0.len());
        assert_eq!(lag.age(after(start, at)), Duration::from_millis(at - 10));
    }
}
