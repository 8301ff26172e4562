//! The search for the highest rate: doubled until it fails, then bisected.

use std::time::Duration;

use serde::Serialize;

use crate::latency::micros;
use crate::run::Driven;

/// Bisections after the first failure.
const BISECTIONS: u32 = 5;
/// The share of what arrived that must be done in time.
const ENOUGH: f64 = 0.97;
/// A rate beyond which nothing is sought.
const HIGHEST: f64 = 1_000_000.0;

/// One rate that was tried.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Step {
    pub(crate) rate: f64,
    pub(crate) held: bool,
    pub(crate) why_not: Option<String>,
    pub(crate) driven: Driven,
}

impl Step {
    /// Whether a rate was held: nothing refused, lost or unsent, p99 under the limit, and as much done as wanted.
    pub(crate) fn judge(rate: f64, driven: Driven, limit: Duration) -> Self {
        let totals = &driven.totals;
        let p99 = totals.latency.p99_us;
        let why_not = if totals.refused + totals.unknown + totals.not_sent > 0 {
            Some(format!(
                "{} refused, {} unknown, {} not sent",
                totals.refused, totals.unknown, totals.not_sent
            ))
        } else if p99 > micros(limit) {
            Some(format!("p99 {:.1} ms", p99 as f64 / 1_000.0))
        } else if totals.done_rate < totals.offered_rate * ENOUGH {
            Some(format!("{:.0}/s done", totals.done_rate))
        } else {
            None
        };
        Self {
            rate,
            held: why_not.is_none(),
            why_not,
            driven,
        }
    }

    pub(crate) fn line(&self) -> String {
        let why = self.why_not.as_deref().unwrap_or("held");
        let p99 = self.driven.totals.latency.p99_us as f64 / 1_000.0;
        format!("  {:.0}/s: {why} (p99 {p99:.1} ms)", self.rate)
    }
}

/// Where the search stands.
#[derive(Debug)]
pub(crate) struct Search {
    first: f64,
    held: f64,
    failed: Option<f64>,
    bisections: u32,
    steps: Vec<Step>,
}

/// What the search came to.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) steps: Vec<Step>,
}

impl Search {
    /// Begins at this rate.
    pub(crate) const fn new(first: f64) -> Self {
        Self {
            first,
            held: 0.0,
            failed: None,
            bisections: 0,
            steps: Vec::new(),
        }
    }

    /// The rate to try next; none when the search is over.
    pub(crate) fn next(&self) -> Option<f64> {
        match self.failed {
            _ if self.steps.is_empty() => Some(self.first),
            None => Some(self.held * 2.0).filter(|rate| *rate <= HIGHEST),
            Some(failed) if self.bisections < BISECTIONS => Some((self.held + failed) / 2.0),
            Some(_) => None,
        }
    }

    /// Takes note of a step.
    pub(crate) fn tell(&mut self, step: Step) {
        if self.failed.is_some() {
            self.bisections += 1;
        }
        if step.held {
            self.held = step.rate;
        } else {
            self.failed = Some(step.rate);
        }
        self.steps.push(step);
    }

    pub(crate) fn found(self) -> Found {
        Found { steps: self.steps }
    }
}

impl Found {
    /// The highest rate that was held; 0 where none was.
    pub(crate) fn rate(&self) -> f64 {
        let held = self.steps.iter().filter(|step| step.held);
        held.map(|step| step.rate).fold(0.0, f64::max)
    }

    /// The figures of the highest rate that was held, else of the last one.
    ///
    /// # Errors
    /// Nothing was tried.
    pub(crate) fn best(&self) -> anyhow::Result<Driven> {
        let held = self.steps.iter().filter(|step| step.held);
        let best = held.max_by(|one, other| one.rate.total_cmp(&other.rate));
        best.or(self.steps.last())
            .map(|step| step.driven.clone())
            .ok_or_else(|| anyhow::anyhow!("no rate was tried"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::latency::Figures;
    use crate::tally::Totals;

    fn driven(rate: f64, p99_us: u64, refused: u64) -> Driven {
        let latency = Figures {
            p99_us,
            ..Figures::default()
        };
        let totals = Totals {
            wanted_rate: rate,
            offered_rate: rate,
            done_rate: rate,
            done: 1,
            refused,
            unknown: 0,
            not_sent: 0,
            latency,
            service_time: latency,
        };
        Driven {
            totals,
            operations: Vec::new(),
        }
    }

    fn search(first: f64, capacity: f64) -> (f64, usize) {
        let mut search = Search::new(first);
        while let Some(rate) = search.next() {
            let p99 = if rate <= capacity { 1_000 } else { 90_000 };
            search.tell(Step::judge(rate, driven(rate, p99, 0), Duration::from_millis(50)));
        }
        let found = search.found();
        (found.rate(), found.steps.len())
    }

    #[test]
    fn the_highest_rate_is_found_within_a_few_percent() {
        for capacity in [120.0, 1_000.0, 5_100.0, 77_777.0] {
            let (rate, steps) = search(100.0, capacity);
            assert!(rate <= capacity && rate > capacity * 0.95, "{capacity}: {rate}");
            assert!(steps < 20);
        }
    }

    #[test]
    fn a_first_rate_that_is_too_high_is_halved() {
        let (rate, _) = search(1_000.0, 130.0);
        assert!(rate > 60.0 && rate <= 130.0, "{rate}");
        assert_eq!(search(1_000.0, 0.0).0, 0.0);
    }

    #[test]
    fn a_single_refusal_is_a_failure() {
        let step = Step::judge(10.0, driven(10.0, 1, 1), Duration::from_millis(50));
        assert_eq!(step.why_not.as_deref(), Some("1 refused, 0 unknown, 0 not sent"));
    }
}
