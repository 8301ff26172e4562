//! The only source of wall time and of monotonic time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Where time comes from: the machine, or a test. Cheap to clone; clones of a manual clock share its hands.
#[derive(Clone, Debug, Default)]
pub enum Clock {
    /// The machine's clocks.
    #[default]
    System,
    /// Hands moved by a test.
    Manual(ManualClock),
}

impl Clock {
    /// Microseconds since 1970-01-01T00:00:00Z. May step in either direction: see [`crate::JumpGuard`].
    pub fn wall_us(&self) -> u64 {
        match self {
            Clock::System => system_wall_us(),
            Clock::Manual(manual) => manual.wall_us(),
        }
    }

    /// Time since some fixed point; never steps back. On Linux it goes on while the machine sleeps, so that waking up
    /// does not look like a jump of the wall clock.
    pub fn monotonic(&self) -> Duration {
        match self {
            Clock::System => system_monotonic(),
            Clock::Manual(manual) => manual.monotonic(),
        }
    }
}

impl From<ManualClock> for Clock {
    fn from(manual: ManualClock) -> Self {
        Clock::Manual(manual)
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place that reads the wall clock"
)]
fn system_wall_us() -> u64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    micros(since_epoch)
}

#[cfg(target_os = "linux")]
fn system_monotonic() -> Duration {
    let at = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    // Both parts of the time since boot are non-negative, and nanoseconds are below a thousand million.
    Duration::new(
        at.tv_sec.unsigned_abs(),
        u32::try_from(at.tv_nsec).unwrap_or_default(),
    )
}

#[cfg(not(target_os = "linux"))]
#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place that reads the monotonic clock"
)]
fn system_monotonic() -> Duration {
    static START: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
    START.get_or_init(std::time::Instant::now).elapsed()
}

/// A clock whose two hands move only when told. Clones share the hands.
#[derive(Clone, Debug, Default)]
pub struct ManualClock {
    hands: Arc<Hands>,
}

#[derive(Debug, Default)]
struct Hands {
    wall_us: AtomicU64,
    monotonic_us: AtomicU64,
}

impl ManualClock {
    /// A clock standing at `wall_us` microseconds since the epoch, with no monotonic time passed.
    pub fn at(wall_us: u64) -> Self {
        let clock = Self::default();
        clock.set_wall_us(wall_us);
        clock
    }

    /// Lets time pass: both hands go ahead together.
    pub fn advance(&self, by: Duration) {
        let by_us = micros(by);
        self.hands.wall_us.fetch_add(by_us, Ordering::SeqCst);
        self.hands.monotonic_us.fetch_add(by_us, Ordering::SeqCst);
    }

    /// Sets the wall clock alone, as an operator or a wrong time server would: a jump.
    pub fn set_wall_us(&self, wall_us: u64) {
        self.hands.wall_us.store(wall_us, Ordering::SeqCst);
    }

    /// The wall hand, microseconds since the epoch.
    pub fn wall_us(&self) -> u64 {
        self.hands.wall_us.load(Ordering::SeqCst)
    }

    /// The monotonic hand.
    pub fn monotonic(&self) -> Duration {
        Duration::from_micros(self.hands.monotonic_us.load(Ordering::SeqCst))
    }
}

/// Whole microseconds, capped at the largest number that fits.
fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_clock_is_after_2025_and_its_monotonic_time_never_steps_back() {
        let clock = Clock::System;
        assert!(clock.wall_us() > 1_735_689_600_000_000);
        let readings: Vec<Duration> = (0..1000).map(|_| clock.monotonic()).collect();
        assert!(readings.is_sorted());
    }

    #[test]
    fn clones_of_a_manual_clock_share_its_hands() {
        let manual = ManualClock::at(1_000);
        let clock = Clock::from(manual.clone());
        manual.advance(Duration::from_micros(5));
        assert_eq!(
            (clock.wall_us(), clock.monotonic()),
            (1_005, Duration::from_micros(5))
        );
        manual.set_wall_us(1);
        assert_eq!(
            (clock.wall_us(), clock.monotonic()),
            (1, Duration::from_micros(5))
        );
    }
}
