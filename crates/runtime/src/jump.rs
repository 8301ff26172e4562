//! Watches the wall clock for jumps ahead, which would expire orders that are still good.

use std::time::Duration;

use crate::Clock;

/// Clocks that follow a time server may run this much faster or slower than the monotonic clock: 1 part in 1000.
const DRIFT_DIVISOR: u64 = 1_000;

/// What one look at the wall clock found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClockHealth {
    /// The wall clock went on as the monotonic clock did, or stands behind it.
    Sane,
    /// The wall clock is further ahead than the limit allows: intake must stop until it is sane again.
    Ahead {
        /// How far the wall clock is ahead of where the monotonic clock says it should be.
        by: Duration,
    },
}

/// Compares the progress of the wall clock with the progress of the monotonic clock.
///
/// It keeps the time that it trusts: where the wall clock stood at the start, plus the monotonic time since, following
/// the slow corrections of a time server. Several small jumps therefore add up, and a wall clock that is set back and
/// forth again is no alarm: trusted time went on meanwhile. A clock that stays ahead stays an alarm until it is set
/// right, or until an operator says that the new time is the right one ([`JumpGuard::accept`], or a restart).
#[derive(Clone, Debug)]
pub struct JumpGuard {
    limit_us: u64,
    trusted_us: u64,
    monotonic: Duration,
}

impl JumpGuard {
    /// The limit of the design: a jump of more than 60 s stops intake.
    pub const LIMIT: Duration = Duration::from_secs(60);

    /// Starts to watch, trusting what `clock` says now.
    pub fn new(clock: &Clock, limit: Duration) -> Self {
        let limit_us = u64::try_from(limit.as_micros()).unwrap_or(u64::MAX);
        Self {
            limit_us,
            trusted_us: clock.wall_us(),
            monotonic: clock.monotonic(),
        }
    }

    /// Looks at the clock once. Cheap enough for every batch.
    pub fn look(&mut self, clock: &Clock) -> ClockHealth {
        self.judge(clock.wall_us(), clock.monotonic())
    }

    /// Trusts the present wall time from now on.
    pub fn accept(&mut self, clock: &Clock) {
        self.trusted_us = clock.wall_us();
        self.monotonic = clock.monotonic();
    }

    fn judge(&mut self, wall_us: u64, monotonic: Duration) -> ClockHealth {
        let passed = monotonic.saturating_sub(self.monotonic);
        let passed_us = u64::try_from(passed.as_micros()).unwrap_or(u64::MAX);
        self.monotonic += Duration::from_micros(passed_us);
        self.trusted_us = self.trusted_us.saturating_add(passed_us);

        let ahead_us = wall_us.saturating_sub(self.trusted_us);
        if ahead_us > self.limit_us {
            return ClockHealth::Ahead {
                by: Duration::from_micros(ahead_us),
            };
        }
        let drift_us = passed_us.div_ceil(DRIFT_DIVISOR);
        self.trusted_us = wall_us.clamp(
            self.trusted_us.saturating_sub(drift_us),
            self.trusted_us.saturating_add(drift_us),
        );
        ClockHealth::Sane
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ManualClock;

    const SECOND_US: u64 = 1_000_000;
    const NOON_US: u64 = 1_800_000_000 * SECOND_US;

    /// Each step: how the wall moves and how monotonic time moves, in seconds, and by how much it is then ahead (0: sane).
    fn check(steps: &[(i64, u64, u64)]) {
        let manual = ManualClock::at(NOON_US);
        let clock = Clock::from(manual.clone());
        let mut guard = JumpGuard::new(&clock, JumpGuard::LIMIT);
        for (number, &(wall_s, monotonic_s, ahead_s)) in steps.iter().enumerate() {
            let wall_us = manual.wall_us().checked_add_signed(wall_s * 1_000_000).unwrap();
            manual.advance(Duration::from_secs(monotonic_s));
            manual.set_wall_us(wall_us);
            let found_s = match guard.look(&clock) {
                ClockHealth::Sane => 0,
                ClockHealth::Ahead { by } => by.as_secs(),
            };
            assert_eq!(found_s, ahead_s, "step {number} of {steps:?}");
        }
    }

    #[test]
    fn time_that_passes_on_both_clocks_is_sane_however_long() {
        check(&[(1, 1, 0), (3600, 3600, 0), (86_400 * 365, 86_400 * 365, 0)]);
    }

    #[test]
    fn a_jump_up_to_the_limit_is_sane_and_one_beyond_it_is_not() {
        check(&[(60, 0, 0)]);
        check(&[(61, 0, 61)]);
        check(&[(3600, 1, 3599)]);
    }

    #[test]
    fn small_jumps_add_up() {
        check(&[(40, 0, 0), (40, 0, 80)]);
    }

    #[test]
    fn it_stays_stopped_while_the_clock_stays_ahead_and_is_sane_once_set_right() {
        check(&[(7200, 0, 7200), (3600, 3600, 7200), (-7200, 0, 0), (1, 1, 0)]);
    }

    #[test]
    fn a_clock_set_back_and_forth_again_is_no_alarm() {
        check(&[(-3600, 0, 0), (10, 10, 0), (3600, 0, 0)]);
    }

    #[test]
    fn the_slow_correction_of_a_time_server_is_followed() {
        // 500 parts in a million too fast: 43 s a day, looked at each hour for ten days.
        let hour = [(3602, 3600, 0), (3602, 3600, 0), (3601, 3600, 0), (3602, 3600, 0)];
        check(&hour.repeat(60));
    }

    #[test]
    fn an_operator_can_accept_the_new_time() {
        let manual = ManualClock::at(NOON_US);
        let clock = Clock::from(manual.clone());
        let mut guard = JumpGuard::new(&clock, JumpGuard::LIMIT);
        manual.set_wall_us(NOON_US + 3600 * SECOND_US);
        assert_eq!(
            guard.look(&clock),
            ClockHealth::Ahead {
                by: Duration::from_secs(3600)
            }
        );
        guard.accept(&clock);
        assert_eq!(guard.look(&clock), ClockHealth::Sane);
    }
}
