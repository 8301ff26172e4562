//! How the shards go on while something is broken: the longest standstill, and when a new owner's first batch came.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::tables::{Progress, Tables};

/// Between two looks.
const LOOK: Duration = Duration::from_millis(25);

/// Looks all the time, until it is dropped.
pub struct Pulse {
    seen: Arc<Mutex<Seen>>,
    looking: JoinHandle<()>,
}

#[derive(Debug)]
struct Seen {
    since: Instant,
    last: Option<(Instant, Progress)>,
    /// The epoch at the beginning.
    epoch: Option<i64>,
    /// The sequence at which a new owner was first seen.
    taken: Option<i64>,
    first: Option<Duration>,
    longest: Duration,
}

impl Seen {
    fn new(since: Instant) -> Self {
        Self {
            since,
            last: None,
            epoch: None,
            taken: None,
            first: None,
            longest: Duration::ZERO,
        }
    }

    fn take(&mut self, now: Instant, progress: Progress) {
        let Some((before, last)) = self.last else {
            self.epoch = Some(progress.epoch);
            self.last = Some((now, progress));
            return;
        };
        if self.epoch.is_some_and(|epoch| progress.epoch > epoch) {
            // What the old owner wrote just before its end is not the new one's.
            let taken = *self.taken.get_or_insert(progress.seq);
            if progress.seq > taken && self.first.is_none() {
                self.first = Some(now - self.since);
            }
        }
        if progress.seq > last.seq {
            self.longest = self.longest.max(now - before);
            self.last = Some((now, progress));
        }
    }
}

/// What was seen since the beginning.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Beat {
    /// The longest time without a new batch.
    pub standstill: Duration,
    /// Until the first batch of a new owner, where there was one.
    pub takeover: Option<Duration>,
}

impl Pulse {
    /// Begins.
    pub fn start(url: &str) -> Self {
        let seen = Arc::new(Mutex::new(Seen::new(Instant::now())));
        let (told, mut tables) = (Arc::clone(&seen), Tables::new(url));
        let looking = tokio::spawn(async move {
            loop {
                if let Ok(progress) = tables.progress().await {
                    let mut seen = told.lock().unwrap_or_else(PoisonError::into_inner);
                    seen.take(Instant::now(), progress);
                }
                tokio::time::sleep(LOOK).await;
            }
        });
        Self { seen, looking }
    }

    /// What was seen so far.
    pub fn beat(&self) -> Beat {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let open = seen.last.map(|(last, _)| last.elapsed()).unwrap_or_default();
        Beat {
            standstill: seen.longest.max(open),
            takeover: seen.first,
        }
    }
}

impl Drop for Pulse {
    fn drop(&mut self) {
        self.looking.abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_standstill_and_the_first_batch_of_a_new_owner_are_seen() {
        let start = Instant::now();
        let mut seen = Seen::new(start);
        let at = |millis| start + Duration::from_millis(millis);
        for (millis, epoch, seq) in [
            (0, 1, 5),
            (25, 1, 6),
            (50, 1, 7),
            (3_000, 2, 7),
            (3_025, 2, 8),
            (3_050, 2, 9),
        ] {
            seen.take(at(millis), Progress { epoch, seq });
        }
        assert_eq!(seen.first, Some(Duration::from_millis(3_025)));
        assert_eq!(seen.longest, Duration::from_millis(2_975));
    }

    #[test]
    fn without_a_new_owner_there_is_no_takeover() {
        let start = Instant::now();
        let mut seen = Seen::new(start);
        for seq in 1..5 {
            seen.take(start, Progress { epoch: 3, seq });
        }
        assert_eq!((seen.first, seen.taken), (None, None));
    }
}
