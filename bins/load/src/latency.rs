//! Latencies as histograms in microseconds: from the time an order was due, and from the time it was sent.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

/// The longest latency that is told apart: two minutes, in microseconds.
const LONGEST_US: u64 = 120_000_000;

/// Latencies of one kind of operation.
#[derive(Debug, Clone)]
pub(crate) struct Latencies {
    /// From the time it was due: what a user of an open system waits, also while the generator could not send.
    due: Histogram<u64>,
    /// From the time it was sent.
    sent: Histogram<u64>,
}

/// The figures of a histogram, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub(crate) struct Figures {
    pub(crate) count: u64,
    pub(crate) mean_us: u64,
    pub(crate) p50_us: u64,
    pub(crate) p90_us: u64,
    pub(crate) p99_us: u64,
    pub(crate) p99_9_us: u64,
    pub(crate) max_us: u64,
}

impl Latencies {
    /// None yet.
    ///
    /// # Errors
    /// The histogram's limits are wrong.
    pub(crate) fn new() -> anyhow::Result<Self> {
        Ok(Self {
            due: empty()?,
            sent: empty()?,
        })
    }

    /// Counts one answer. Times are counted from any common point.
    pub(crate) fn count(&mut self, due: Duration, sent: Duration, answered: Duration) {
        self.due.saturating_record(micros(answered.saturating_sub(due)));
        self.sent.saturating_record(micros(answered.saturating_sub(sent)));
    }

    /// The figures from the time it was due.
    pub(crate) fn corrected(&self) -> Figures {
        figures(&self.due)
    }

    /// The figures from the time it was sent.
    pub(crate) fn service(&self) -> Figures {
        figures(&self.sent)
    }

    /// Takes in those of another.
    pub(crate) fn add(&mut self, other: &Self) {
        // All have the same limits, so nothing falls outside.
        let _ = self.due.add(&other.due);
        let _ = self.sent.add(&other.sent);
    }
}

/// An empty histogram with three digits.
///
/// # Errors
/// The limits are wrong.
pub(crate) fn empty() -> anyhow::Result<Histogram<u64>> {
    Histogram::new_with_bounds(1, LONGEST_US, 3)
        .map_err(|error| anyhow::anyhow!("a histogram cannot be made: {error}"))
}

/// Whole microseconds.
pub(crate) fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// What a histogram says.
pub(crate) fn figures(histogram: &Histogram<u64>) -> Figures {
    Figures {
        count: histogram.len(),
        mean_us: histogram.mean() as u64,
        p50_us: histogram.value_at_quantile(0.5),
        p90_us: histogram.value_at_quantile(0.9),
        p99_us: histogram.value_at_quantile(0.99),
        p99_9_us: histogram.value_at_quantile(0.999),
        max_us: histogram.max(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn near(figure: u64, micros: u64) -> bool {
        figure.abs_diff(micros) <= micros / 500
    }

    #[test]
    fn what_waited_to_be_sent_counts_from_the_time_it_was_due() {
        // The server stands still for a second: one order was sent, nine that were due meanwhile could not be.
        let mut latencies = Latencies::new().unwrap();
        latencies.count(ms(0), ms(0), ms(1_000));
        for due in 1..10 {
            latencies.count(ms(due * 100), ms(1_000), ms(1_001));
        }
        let (corrected, service) = (latencies.corrected(), latencies.service());
        assert_eq!((corrected.count, service.count), (10, 10));
        assert!(near(service.p50_us, 1_000), "{service:?}");
        assert!(near(corrected.p50_us, 501_000), "{corrected:?}");
        assert!(near(corrected.p90_us, 901_000), "{corrected:?}");
        assert!(near(corrected.max_us, 1_000_000) && near(service.max_us, 1_000_000));
    }

    #[test]
    fn endless_and_backward_times_are_held_at_the_limits() {
        let mut latencies = Latencies::new().unwrap();
        latencies.count(ms(0), ms(0), Duration::from_secs(10_000));
        latencies.count(ms(5), ms(5), ms(4));
        let corrected = latencies.corrected();
        assert_eq!(corrected.count, 2);
        assert!(near(corrected.max_us, LONGEST_US));
        assert!(corrected.p50_us <= 1);
    }

    #[test]
    fn two_sets_come_together() {
        let [mut one, mut other] = [Latencies::new().unwrap(), Latencies::new().unwrap()];
        one.count(ms(0), ms(0), ms(1));
        other.count(ms(0), ms(0), ms(3));
        one.add(&other);
        assert_eq!(one.corrected().count, 2);
        assert!(near(one.corrected().max_us, 3_000));
    }
}
