//! How far what is behind intake lies behind: placements are refused where more than can be done soon is waiting already.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};

use trading::EntryError;

use super::unavailable;

/// The most commands that may wait in a shard's list.
const MOST_WAITING: u64 = 20_000;
/// The most orders that may be left over by one turn of the sweeper.
const MOST_STUCK: u64 = 400;

/// What was seen at the last look.
#[derive(Debug, Default)]
pub(crate) struct Pressure {
    /// Stored orders that could not be brought to their shards.
    stuck: AtomicU64,
    /// The commands that wait in each shard's list.
    waiting: RwLock<HashMap<u32, u64>>,
    /// The shards whose owners take no commands.
    halted: RwLock<HashSet<u32>>,
}

impl Pressure {
    /// So many stored orders could not be brought to their shards.
    pub fn set_stuck(&self, orders: u64) {
        self.stuck.store(orders, Ordering::Release);
    }

    /// So many commands wait in each shard's list.
    pub fn set_waiting(&self, shards: impl IntoIterator<Item = (u32, u64)>) {
        let mut waiting = self.waiting.write().unwrap_or_else(PoisonError::into_inner);
        *waiting = shards.into_iter().collect();
    }

    /// The owners of these shards take no commands.
    pub fn set_halted(&self, shards: impl IntoIterator<Item = u32>) {
        let mut halted = self.halted.write().unwrap_or_else(PoisonError::into_inner);
        *halted = shards.into_iter().collect();
    }

    /// Whether a shard may get another order.
    ///
    /// # Errors
    /// Not now; nothing was done.
    pub fn check(&self, shard: u32) -> Result<(), EntryError> {
        if self.stuck.load(Ordering::Acquire) >= MOST_STUCK {
            return Err(unavailable("too many orders wait for the wallet"));
        }
        let halted = self.halted.read().unwrap_or_else(PoisonError::into_inner);
        if halted.contains(&shard) {
            return Err(unavailable(
                "the market stands still: its shard takes no commands",
            ));
        }
        let waiting = self.waiting.read().unwrap_or_else(PoisonError::into_inner);
        match waiting.get(&shard) {
            Some(count) if *count >= MOST_WAITING => Err(unavailable("the market lies too far behind")),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shard_that_lies_behind_or_is_halted_takes_no_orders_and_a_wallet_that_does_not_answer_stops_all() {
        let pressure = Pressure::default();
        assert_eq!(pressure.check(0), Ok(()));
        pressure.set_waiting([(0, MOST_WAITING), (1, MOST_WAITING - 1)]);
        assert!(pressure.check(0).is_err());
        assert_eq!(pressure.check(1), Ok(()));
        pressure.set_stuck(MOST_STUCK);
        assert!(pressure.check(1).is_err());
        pressure.set_stuck(0);
        pressure.set_waiting([]);
        pressure.set_halted([1]);
        assert_eq!(pressure.check(0), Ok(()));
        assert!(pressure.check(1).is_err());
        pressure.set_halted([]);
        assert_eq!(pressure.check(1), Ok(()));
        assert_eq!(pressure.check(0), Ok(()));
    }
}
