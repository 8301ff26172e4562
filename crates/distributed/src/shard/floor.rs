//! From which command on an owner looks at its list: those that went leave places in the index that a look walks over.

use std::time::Duration;

use tokio::time::Instant;
use uuid::Uuid;

/// The whole list is looked at this often: for commands that waited, or were made by a clock that is behind.
const WHOLE_EVERY: Duration = Duration::from_secs(1);
/// So much older than the newest command that is done may those be that every look finds.
const BEHIND_MILLIS: u64 = 10_000;

/// The lowest id that a look asks for.
#[derive(Debug, Default)]
pub(super) struct Floor {
    first: Uuid,
    whole: Option<Instant>,
}

/// The milliseconds of an id of version 7.
fn millis(id: Uuid) -> u64 {
    u64::try_from(id.as_u128() >> 80).unwrap_or_default()
}

impl Floor {
    /// Where the look at this moment begins.
    pub fn next(&mut self, now: Instant) -> Uuid {
        if self.whole.is_none_or(|at| now.duration_since(at) >= WHOLE_EVERY) {
            self.whole = Some(now);
            return Uuid::nil();
        }
        self.first
    }

    /// These commands are done.
    pub fn done(&mut self, ids: &[Uuid]) {
        let newest = ids.iter().copied().map(millis).max().unwrap_or_default();
        let first = u128::from(newest.saturating_sub(BEHIND_MILLIS)) << 80;
        self.first = self.first.max(Uuid::from_u128(first));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(millis: u64) -> Uuid {
        Uuid::from_u128(u128::from(millis) << 80 | 7)
    }

    #[test]
    fn a_look_begins_ten_seconds_behind_the_newest_command_that_is_done_and_each_second_at_the_beginning() {
        let (mut floor, start) = (Floor::default(), Instant::now());
        assert_eq!(floor.next(start), Uuid::nil());
        assert_eq!(floor.next(start), Uuid::nil(), "nothing is done yet");
        floor.done(&[id(50_000), id(60_000), id(55_000)]);
        let first = floor.next(start);
        assert!(id(49_999) < first && first < id(50_000), "{first}");
        floor.done(&[id(1_000)]);
        assert_eq!(floor.next(start + WHOLE_EVERY / 2), first, "it never falls");
        assert_eq!(floor.next(start + WHOLE_EVERY), Uuid::nil());
        assert_eq!(floor.next(start + WHOLE_EVERY), first);
    }
}
