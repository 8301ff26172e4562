//! When orders arrive: laid down before the run, whatever the answers take.

use std::time::Duration;

use crate::dice::Dice;

/// How the gaps between arrivals are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Arrivals {
    /// Independent of one another, as those of many users are.
    Poisson,
    /// Always the same gap.
    Fixed,
}

/// The times of all arrivals, counted from the start.
#[derive(Debug)]
pub(crate) struct Schedule {
    arrivals: Arrivals,
    rate: f64,
    end: Duration,
    dice: Dice,
    at: f64,
    count: u64,
}

impl Schedule {
    /// `rate` arrivals a second until `end`.
    pub(crate) const fn new(arrivals: Arrivals, rate: f64, end: Duration, seed: u64) -> Self {
        Self {
            arrivals,
            rate,
            end,
            dice: Dice::new(seed, 2),
            at: 0.0,
            count: 0,
        }
    }
}

impl Iterator for Schedule {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        // Also a rate that is no number has no arrivals.
        if !self.rate.is_finite() || self.rate <= 0.0 {
            return None;
        }
        self.count += 1;
        self.at = match self.arrivals {
            // The counted form, because a sum of gaps would drift.
            Arrivals::Fixed => self.count as f64 / self.rate,
            Arrivals::Poisson => self.at - (1.0 - self.dice.unit()).ln() / self.rate,
        };
        let at = Duration::try_from_secs_f64(self.at).ok()?;
        (at < self.end).then_some(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(arrivals: Arrivals, rate: f64, seed: u64) -> Vec<Duration> {
        Schedule::new(arrivals, rate, Duration::from_secs(10), seed).collect()
    }

    #[test]
    fn fixed_arrivals_have_equal_gaps() {
        let times = times(Arrivals::Fixed, 4.0, 1);
        assert_eq!(times.len(), 39);
        assert_eq!(times[0], Duration::from_millis(250));
        assert_eq!(times[38], Duration::from_millis(9_750));
    }

    #[test]
    fn poisson_arrivals_keep_their_rate_and_never_step_back() {
        let times = times(Arrivals::Poisson, 10_000.0, 7);
        // The count of 100,000 expected arrivals strays by some 316; ten times that would be a broken generator.
        assert!((96_800..103_200).contains(&times.len()), "{}", times.len());
        assert!(times.is_sorted());
        // Of independent arrivals, e^-1 = 36.8 % of the gaps are above the mean.
        let long = times
            .windows(2)
            .filter(|pair| pair[1] - pair[0] > Duration::from_micros(100))
            .count();
        let share = long as f64 / times.len() as f64;
        assert!((0.35..0.39).contains(&share), "{share}");
    }

    #[test]
    fn a_seed_gives_the_same_schedule_again() {
        let of = |seed| times(Arrivals::Poisson, 50.0, seed);
        assert_eq!(of(1), of(1));
        assert_ne!(of(1), of(2));
    }

    #[test]
    fn a_rate_that_is_none_has_no_arrivals() {
        for rate in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(times(Arrivals::Poisson, rate, 1).is_empty(), "{rate}");
        }
    }
}
