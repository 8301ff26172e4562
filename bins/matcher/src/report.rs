//! The figures of a replay, as they are printed.

use serde::Serialize;

/// How long single commands took, in nanoseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct LatencyReport {
    /// Half of them took at most this.
    pub p50: u32,
    /// 99 of 100.
    pub p99: u32,
    /// 999 of 1,000.
    #[serde(rename = "p99.9")]
    pub p999: u32,
    /// The longest.
    pub max: u32,
}

impl LatencyReport {
    /// The report on so many measurements; all zero where there are none.
    pub fn of(mut nanos: Vec<u32>) -> Self {
        nanos.sort_unstable();
        let share = |per_mille: usize| {
            let place = (nanos.len() * per_mille).div_ceil(1000).saturating_sub(1);
            nanos.get(place).copied().unwrap_or(0)
        };
        Self {
            p50: share(500),
            p99: share(990),
            p999: share(999),
            max: share(1000),
        }
    }
}

/// What a replay prints.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// How many commands the flow has.
    pub commands: usize,
    /// Applying all of them took this long.
    pub seconds: f64,
    /// `commands` / `seconds`.
    pub commands_per_second: f64,
    /// Single commands, measured in another pass.
    pub latency_ns: LatencyReport,
    /// How many fills.
    pub trades: u64,
    /// The sum of their lots.
    pub volume: u128,
    /// The hash over all fills: 16 hex digits.
    pub hash: String,
    /// How many orders rest at the end.
    pub open_orders: usize,
    /// At how many prices.
    pub levels: usize,
    /// How many cancels, reductions and amendments named an order that did not rest.
    pub unknown_cancels: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_taken_from_the_sorted_measurements() {
        let report = |nanos: Vec<u32>| {
            let LatencyReport { p50, p99, p999, max } = LatencyReport::of(nanos);
            (p50, p99, p999, max)
        };
        assert_eq!(report(vec![]), (0, 0, 0, 0));
        assert_eq!(report(vec![7]), (7, 7, 7, 7));
        assert_eq!(report(vec![2, 1]), (1, 2, 2, 2));
        assert_eq!(report((1..=1000).rev().collect()), (500, 990, 999, 1000));
    }
}
