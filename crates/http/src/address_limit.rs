//! Limits per address, before anything is known of the caller: requests, and failed logins.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use actix_web::http::header::{self, HeaderMap, HeaderValue};
use runtime::Clock;

use crate::address::counted_as;
use crate::rate_store::Rates;
use crate::{Problem, StatusCode};

/// How many addresses with failed logins are remembered in one minute. Further ones are not counted in it.
const MAX_FAILING: usize = 100_000;

const MINUTE_SECS: u64 = 60;

/// What one address may do. IPv6 addresses of one /64 count as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AddressRates {
    /// Requests per second.
    pub per_second: u32,
    /// Requests at once.
    pub burst: u32,
    /// Failed logins per minute.
    pub failed_logins_per_minute: u32,
}

impl Default for AddressRates {
    /// 200 per second, 400 at once, 20 failed logins.
    fn default() -> Self {
        Self {
            per_second: 200,
            burst: 400,
            failed_logins_per_minute: 20,
        }
    }
}

/// Counts what addresses do. One for all workers.
#[derive(Debug)]
pub struct AddressLimits {
    clock: Clock,
    per_second: AtomicU32,
    burst: AtomicU32,
    failed_logins: AtomicU32,
    requests: Rates<IpAddr>,
    failing: Mutex<Minute>,
}

/// The failed logins of one minute.
#[derive(Debug, Default)]
struct Minute {
    number: u64,
    failures: HashMap<IpAddr, u32>,
}

impl AddressLimits {
    /// Nothing counted yet.
    pub fn new(rates: AddressRates, clock: Clock) -> Self {
        let limits = Self {
            requests: Rates::new(clock.clone()),
            clock,
            per_second: AtomicU32::new(0),
            burst: AtomicU32::new(0),
            failed_logins: AtomicU32::new(0),
            failing: Mutex::default(),
        };
        limits.set(rates);
        limits
    }

    /// Changes the limits for the requests to come.
    pub fn set(&self, rates: AddressRates) {
        self.per_second.store(rates.per_second, Ordering::Relaxed);
        self.burst.store(rates.burst, Ordering::Relaxed);
        self.failed_logins
            .store(rates.failed_logins_per_minute, Ordering::Relaxed);
    }

    /// Charges an address for one request.
    ///
    /// # Errors
    /// 429 `rate_limited` with Retry-After.
    pub fn charge(&self, address: IpAddr) -> Result<(), Problem> {
        let (rate, burst) = (
            self.per_second.load(Ordering::Relaxed),
            self.burst.load(Ordering::Relaxed),
        );
        let standing = self.requests.take(&counted_as(address), rate, burst, 1);
        match standing.map(|standing| standing.retry_after) {
            Ok(Some(secs)) => Err(crate::rate::rate_limited(
                "address",
                "there are too many requests from this address",
                secs,
            )),
            // A limit that was changed very often and cannot be counted any more lets requests through.
            Ok(None) | Err(_) => Ok(()),
        }
    }

    /// Whether an address may try to log in.
    ///
    /// # Errors
    /// 429 `too_many_failed_logins` for the rest of the minute in which too many failed.
    pub fn may_log_in(&self, address: IpAddr) -> Result<(), Problem> {
        let (minute, left_secs) = self.this_minute();
        let failed = minute.failures.get(&counted_as(address)).copied().unwrap_or(0);
        if failed < self.failed_logins.load(Ordering::Relaxed).max(1) {
            return Ok(());
        }
        crate::metrics::rate_limited("failed_logins");
        Err(
            Problem::new(StatusCode::TOO_MANY_REQUESTS, "too_many_failed_logins")
                .detail(format!(
                    "too many logins from this address failed; try again in {left_secs} s"
                ))
                .header(header::RETRY_AFTER, HeaderValue::from(left_secs)),
        )
    }

    /// Counts a failed login. For logins that are answered with 401 the edge layer does it.
    pub fn login_failed(&self, address: IpAddr) {
        let address = counted_as(address);
        let (mut minute, _) = self.this_minute();
        if minute.failures.len() < MAX_FAILING || minute.failures.contains_key(&address) {
            let failures = minute.failures.entry(address).or_default();
            *failures = failures.saturating_add(1);
        }
    }

    /// The failures of this minute, and how many seconds of it are left.
    fn this_minute(&self) -> (MutexGuard<'_, Minute>, u64) {
        let secs = self.clock.monotonic().as_secs();
        let mut minute = self.failing.lock().unwrap_or_else(PoisonError::into_inner);
        let number = secs / MINUTE_SECS;
        if minute.number != number {
            *minute = Minute {
                number,
                ..Minute::default()
            };
        }
        (minute, MINUTE_SECS - secs % MINUTE_SECS)
    }
}

/// Whether a request carries something that could be a guess at credentials.
pub(crate) fn has_credentials(headers: &HeaderMap) -> bool {
    headers.contains_key(header::AUTHORIZATION)
        || headers.keys().any(|name| name.as_str().starts_with("x-api-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_addresses_with_failed_logins_are_bounded() {
        let limits = AddressLimits::new(AddressRates::default(), Clock::from(runtime::ManualClock::at(0)));
        let address = |number: u32| IpAddr::from(number.to_be_bytes());
        for number in 0..100_010 {
            limits.login_failed(address(number));
        }
        assert_eq!(limits.this_minute().0.failures.len(), 100_000);
        for _ in 0..19 {
            assert!(limits.may_log_in(address(5)).is_ok());
            limits.login_failed(address(5));
        }
        assert!(limits.may_log_in(address(5)).is_err());
    }
}
