//! When everything is read anew: at once the first time, and ever later while that does not help for long.

use std::time::Duration;

use tokio::time::Instant;

/// The pauses between two tries, from the first to the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(30));
/// After so long without another try the pauses begin anew.
const CALM: Duration = Duration::from_secs(60);

/// The tries so far.
#[derive(Debug, Default)]
pub(super) struct Again {
    /// The last one, and the pause after it.
    last: Option<(Instant, Duration)>,
}

impl Again {
    /// Whether another try may be made now.
    pub fn may(&self, now: Instant) -> bool {
        self.last.is_none_or(|(at, pause)| now >= at + pause)
    }

    /// A try is made now.
    pub fn tried(&mut self, now: Instant) {
        let pause = match self.last {
            Some((at, pause)) if now < at + pause + CALM => (pause * 2).min(PAUSES.1),
            _ => PAUSES.0,
        };
        self.last = Some((now, pause));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The pauses before so many tries in a row, in milliseconds.
    fn pauses(again: &mut Again, mut now: Instant, tries: usize) -> Vec<u128> {
        let pause = |_| {
            let begun = now;
            while !again.may(now) {
                now += Duration::from_millis(100);
            }
            again.tried(now);
            (now - begun).as_millis()
        };
        (0..tries).map(pause).collect()
    }

    #[test]
    fn tries_that_do_not_help_come_ever_later_and_begin_anew_after_a_calm_time() {
        let (mut again, start) = (Again::default(), Instant::now());
        let expected = [
            0, 100, 200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600, 30_000, 30_000,
        ];
        assert_eq!(pauses(&mut again, start, 12), expected);
        let later = start + Duration::from_secs(600);
        assert_eq!(pauses(&mut again, later, 3), [0, 100, 200]);
    }
}
