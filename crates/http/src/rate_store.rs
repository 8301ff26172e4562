//! Where rates are counted: the trait, and the store in this process's memory.

use std::collections::HashMap;
use std::hash::Hash;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use async_trait::async_trait;
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter};
use runtime::Clock;
use uuid::Uuid;

use crate::Bucket;

/// How many different rates are counted at once.
const MAX_RATES: usize = 1_024;

/// From how many keys on those that are full again are dropped. What is left are the keys of the last moments: at most
/// the number of requests per second over the rate.
const KEPT_KEYS: usize = 100_000;

/// How often that is looked at, in calls.
const CHECK_EVERY: u32 = 4_096;

/// The largest rate and the largest burst; beyond them a limit limits nothing.
const MAX_RATE: u32 = 1_000_000;

/// Whose requests of which kind are counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RateKey {
    /// Who.
    pub user: Uuid,
    /// Which kind.
    pub bucket: Bucket,
}

/// How a key stands after it was asked to pay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// What the bucket holds when it is full.
    pub limit: u32,
    /// What it holds now.
    pub remaining: u32,
    /// After how many seconds it is full again.
    pub reset_secs: u32,
    /// After how many seconds the refused cost can be paid; none when it was paid.
    pub retry_after: Option<u32>,
}

/// Why a store gives no standing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RateStoreError {
    /// The bucket never holds that much.
    #[error("the cost is above the burst of {burst}")]
    AboveBurst {
        /// What the bucket holds when it is full.
        burst: u32,
    },
    /// It cannot count now.
    #[error("rates cannot be counted: {0}")]
    Unavailable(String),
}

/// Counts what keys spend.
#[async_trait]
pub trait RateStore: Send + Sync {
    /// Takes `cost` out of the bucket of `key`, which fills at `rate_per_second` up to `burst`. Takes all or nothing.
    async fn take(
        &self,
        key: RateKey,
        rate_per_second: u32,
        burst: u32,
        cost: u32,
    ) -> Result<Standing, RateStoreError>;
}

/// Rates counted in this process. Another process counts its own.
#[derive(Debug)]
pub struct LocalRates(Rates<RateKey>);

impl LocalRates {
    /// Nothing spent yet.
    pub fn new(clock: Clock) -> Self {
        Self(Rates::new(clock))
    }
}

#[async_trait]
impl RateStore for LocalRates {
    async fn take(
        &self,
        key: RateKey,
        rate_per_second: u32,
        burst: u32,
        cost: u32,
    ) -> Result<Standing, RateStoreError> {
        self.0.take(&key, rate_per_second, burst, cost)
    }
}

#[derive(Debug)]
struct Time(Clock);

impl governor::clock::Clock for Time {
    type Instant = Duration;

    fn now(&self) -> Duration {
        self.0.monotonic()
    }
}

type Limiter<K> = RateLimiter<K, DashMapStateStore<K>, Time, StateInformationMiddleware>;

/// By rate and burst.
type Limiters<K> = HashMap<(NonZeroU32, NonZeroU32), Arc<Limiter<K>>>;

/// What keys of one kind spent: one limiter for each rate and burst.
#[derive(Debug)]
pub(crate) struct Rates<K: Hash + Eq + Clone> {
    clock: Clock,
    limiters: RwLock<Limiters<K>>,
    calls: AtomicU32,
    kept_keys: usize,
}

impl<K: Hash + Eq + Clone> Rates<K> {
    pub(crate) fn new(clock: Clock) -> Self {
        Self {
            clock,
            limiters: RwLock::default(),
            calls: AtomicU32::new(0),
            kept_keys: KEPT_KEYS,
        }
    }

    /// See [`RateStore::take`]. A rate, burst or cost of nothing counts as 1.
    pub(crate) fn take(&self, key: &K, rate: u32, burst: u32, cost: u32) -> Result<Standing, RateStoreError> {
        let [rate, burst] = [rate, burst].map(|number| at_least_one(number.min(MAX_RATE)));
        let cost = at_least_one(cost);
        self.clean_now_and_then();
        let taken = self.limiter(rate, burst)?.check_key_n(key, cost);
        let taken = taken.map_err(|_| RateStoreError::AboveBurst { burst: burst.get() })?;
        let (remaining, retry_after) = match taken {
            Ok(state) => (state.remaining_burst_capacity(), None),
            Err(refused) => {
                let wait = refused.wait_time_from(self.clock.monotonic());
                let each = refused.quota().replenish_interval().as_nanos().max(1);
                let missing = u32::try_from(wait.as_nanos().div_ceil(each)).unwrap_or(u32::MAX);
                (cost.get().saturating_sub(missing.max(1)), Some(whole_secs(wait)))
            }
        };
        Ok(Standing {
            limit: burst.get(),
            remaining,
            reset_secs: burst.get().saturating_sub(remaining).div_ceil(rate.get()),
            retry_after,
        })
    }

    fn limiter(&self, rate: NonZeroU32, burst: NonZeroU32) -> Result<Arc<Limiter<K>>, RateStoreError> {
        let pair = (rate, burst);
        let limiters = self.limiters.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(limiter) = limiters.get(&pair) {
            return Ok(Arc::clone(limiter));
        }
        drop(limiters);
        let mut limiters = self.limiters.write().unwrap_or_else(PoisonError::into_inner);
        if limiters.len() >= MAX_RATES {
            limiters.retain(|_, limiter| is_used(limiter));
        }
        if limiters.len() >= MAX_RATES && !limiters.contains_key(&pair) {
            let reason = format!("there are more than {MAX_RATES} different rates");
            return Err(RateStoreError::Unavailable(reason));
        }
        let limiter = limiters.entry(pair).or_insert_with(|| {
            let quota = Quota::per_second(rate).allow_burst(burst);
            let clock = Time(self.clock.clone());
            Arc::new(Limiter::new(quota, DashMapStateStore::default(), clock))
        });
        Ok(Arc::clone(limiter))
    }

    fn clean_now_and_then(&self) {
        let calls = self.calls.fetch_add(1, Ordering::Relaxed);
        if calls % CHECK_EVERY != CHECK_EVERY - 1 {
            return;
        }
        let limiters = self.limiters.read().unwrap_or_else(PoisonError::into_inner);
        if limiters.values().map(|limiter| limiter.len()).sum::<usize>() > self.kept_keys {
            limiters.values().for_each(|limiter| limiter.retain_recent());
        }
    }
}

fn at_least_one(number: u32) -> NonZeroU32 {
    NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN)
}

/// Whether any key of it is not full again.
fn is_used<K: Hash + Eq + Clone>(limiter: &Limiter<K>) -> bool {
    limiter.retain_recent();
    !limiter.is_empty()
}

/// The seconds of a wait, rounded up, at least one.
pub(crate) fn whole_secs(wait: Duration) -> u32 {
    let secs = wait.as_nanos().div_ceil(1_000_000_000).max(1);
    u32::try_from(secs).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use runtime::ManualClock;

    #[test]
    fn keys_that_are_full_again_are_dropped_when_there_are_too_many() {
        let clock = ManualClock::at(0);
        let mut rates = Rates::<u32>::new(clock.clone().into());
        rates.kept_keys = 10_000;
        let keys = |rates: &Rates<u32>| {
            let limiters = rates.limiters.read().unwrap();
            limiters.values().map(|limiter| limiter.len()).sum::<usize>()
        };
        for key in 0..100_000 {
            clock.advance(Duration::from_millis(1));
            rates.take(&key, 10, 50, 1).unwrap();
            assert!(keys(&rates) <= 10_000 + CHECK_EVERY as usize);
        }
        // What is not full again is never dropped.
        let spent = rates.take(&99_999, 10, 50, 49).unwrap();
        assert_eq!((spent.remaining, spent.retry_after), (0, None));
    }

    #[test]
    fn so_many_rates_are_counted_at_once_and_unused_ones_make_room() {
        let (last, more) = (MAX_RATES as u32, MAX_RATES as u32 + 1);
        let clock = ManualClock::at(0);
        let rates = Rates::<u32>::new(clock.clone().into());
        for rate in 1..=last {
            rates.take(&1, rate, 50, 1).unwrap();
        }
        assert!(matches!(
            rates.take(&1, more, 50, 1),
            Err(RateStoreError::Unavailable(_))
        ));
        assert!(rates.take(&1, last, 50, 1).is_ok());
        clock.advance(Duration::from_millis(600));
        assert!(rates.take(&1, more, 50, 1).is_ok());
    }
}
