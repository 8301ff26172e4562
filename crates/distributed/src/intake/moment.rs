//! The gateway's moments: times that never go back, and ids in the order in which they were given out.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use domain::{OrderId, RequestId, SessionId, Stamp};
use runtime::{Clock, ClockHealth, Ids, JumpGuard};
use uuid::Uuid;

use super::unavailable;
use trading::EntryError;

/// Bits of an id below its time that count; below them it is random.
const COUNT_BITS: u32 = 20;
const RANDOM_BITS: u32 = 64 - COUNT_BITS;

/// A moment of its own: its millisecond, and what tells it from others of the same millisecond, here and elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moment {
    /// The whole millisecond.
    pub at: Stamp,
    bits: u64,
}

impl Moment {
    /// An order of this moment.
    pub const fn order_id(self) -> OrderId {
        OrderId::at(self.at, self.bits)
    }

    /// An amendment of this moment.
    pub const fn request_id(self) -> RequestId {
        RequestId::at(self.at, self.bits)
    }

    /// A session of this moment.
    pub const fn session_id(self) -> SessionId {
        SessionId::at(self.at, self.bits)
    }

    /// A command of this moment.
    pub const fn command_id(self) -> Uuid {
        Uuid::from_u128(self.order_id().as_u128())
    }
}

#[derive(Debug)]
struct Last {
    guard: JumpGuard,
    millis: u64,
    count: u64,
}

/// Gives out moments.
#[derive(Debug)]
pub(crate) struct Moments {
    clock: Clock,
    ids: Ids,
    last: Mutex<Last>,
}

impl Moments {
    /// From now on.
    pub fn new(clock: Clock, ids: Ids) -> Self {
        let last = Last {
            guard: JumpGuard::new(&clock, JumpGuard::LIMIT),
            millis: 0,
            count: 0,
        };
        Self {
            clock,
            ids,
            last: Mutex::new(last),
        }
    }

    /// The clock's time, whatever was given out.
    pub fn now(&self) -> Stamp {
        Stamp::from_micros(self.clock.wall_us())
    }

    /// How far the clock stands ahead of what it should say; none: it can be trusted.
    pub fn ahead(&self) -> Option<Duration> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        match last.guard.look(&self.clock) {
            ClockHealth::Ahead { by } => Some(by),
            ClockHealth::Sane => None,
        }
    }

    /// What the clock says is right: it is trusted from now on.
    pub fn accept(&self) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.guard.accept(&self.clock);
    }

    /// The clock that the moments come from.
    pub const fn clock(&self) -> &Clock {
        &self.clock
    }

    /// The next moment: never before the last one, and its ids above those of the last.
    ///
    /// # Errors
    /// The clock cannot be trusted.
    pub fn next(&self) -> Result<Moment, EntryError> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.guard.look(&self.clock) != ClockHealth::Sane {
            return Err(unavailable("the clock cannot be trusted"));
        }
        let now = self.clock.wall_us() / 1_000;
        let spent = last.count >> COUNT_BITS != 0;
        if now > last.millis {
            (last.millis, last.count) = (now, 0);
        } else if spent {
            (last.millis, last.count) = (last.millis + 1, 0);
        }
        let count = last.count;
        last.count += 1;
        let random = u64::from_le_bytes(self.ids.random_bytes()) & ((1 << RANDOM_BITS) - 1);
        Ok(Moment {
            at: Stamp::from_micros(last.millis * 1_000),
            bits: count << RANDOM_BITS | random,
        })
    }
}

#[cfg(test)]
mod tests {
    use runtime::ManualClock;

    use super::*;

    const NOON_US: u64 = 1_767_225_600_123_456;

    fn moments(clock: &ManualClock) -> Moments {
        let clock = Clock::from(clock.clone());
        Moments::new(clock.clone(), Ids::new(clock))
    }

    #[test]
    fn ids_grow_while_the_clock_stands_still_and_when_it_steps_back() {
        let clock = ManualClock::at(NOON_US);
        let moments = moments(&clock);
        let mut last = moments.next().unwrap();
        assert_eq!(last.at, Stamp::from_micros(NOON_US / 1_000 * 1_000));
        for step in 0..1_000 {
            if step == 500 {
                clock.set_wall_us(NOON_US - 5_000_000);
            }
            let next = moments.next().unwrap();
            assert!(next.order_id() > last.order_id() && next.command_id() > last.command_id());
            assert_eq!(next.at, last.at);
            last = next;
        }
        let millis = (last.order_id().as_u128() >> 80) as u64;
        assert_eq!(millis, last.at.millis(), "an id bears the time of its order");
    }

    #[test]
    fn a_clock_that_jumps_ahead_gives_no_moments_until_it_is_set_right() {
        let clock = ManualClock::at(NOON_US);
        let moments = moments(&clock);
        clock.set_wall_us(NOON_US + 61_000_000);
        assert!(matches!(moments.next(), Err(EntryError::Unavailable { .. })));
        clock.set_wall_us(NOON_US);
        assert!(moments.next().is_ok());
        clock.advance(Duration::from_secs(3_600));
        let later = moments.next().unwrap();
        assert_eq!(later.at.millis(), NOON_US / 1_000 + 3_600_000);
    }
}
