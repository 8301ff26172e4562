//! What a metric is: its name, kind, labels and help; and how it is shown from the start.

use metrics::{Unit, counter as count, gauge as set, histogram as record};
use metrics::{describe_counter, describe_gauge, describe_histogram};

/// The bounds of durations in seconds. 0.05 and 0.2 are there because promises are made about them.
pub(super) const DURATIONS: &[f64] = &[
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1.0, 2.5, 5.0, 10.0,
];
/// The bounds of durations that are usually far below a millisecond.
pub(super) const FINE: &[f64] = &[
    0.000_01, 0.000_025, 0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1,
    0.2, 0.5, 1.0, 2.5, 5.0,
];
/// The bounds of counts.
pub(super) const COUNTS: &[f64] = &[
    1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1_000.0, 2_000.0,
];

/// What kind of a metric it is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// It only grows.
    Counter,
    /// It goes up and down.
    Gauge,
    /// A distribution over these bounds.
    Histogram(&'static [f64]),
}

impl Kind {
    /// The word of the text format.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram(_) => "histogram",
        }
    }
}

/// One label of a metric.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Label {
    /// Its name.
    pub name: &'static str,
    /// Every value that it can have; empty: they are known only while the program runs.
    pub values: &'static [&'static str],
}

impl Label {
    /// A label with these values.
    pub(super) const fn of(name: &'static str, values: &'static [&'static str]) -> Self {
        Self { name, values }
    }

    /// A label whose values are known only while the program runs: markets, shards, routes.
    pub(super) const fn open(name: &'static str) -> Self {
        Self::of(name, &[])
    }
}

/// All series of one name.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Family {
    /// The name.
    pub name: &'static str,
    /// Counter, gauge or histogram.
    pub kind: Kind,
    /// What tells its series apart.
    pub labels: &'static [Label],
    /// One sentence for whoever reads it.
    pub help: &'static str,
}

/// A counter.
pub(super) const fn counter(name: &'static str, labels: &'static [Label], help: &'static str) -> Family {
    Family {
        name,
        kind: Kind::Counter,
        labels,
        help,
    }
}

/// A gauge.
pub(super) const fn gauge(name: &'static str, labels: &'static [Label], help: &'static str) -> Family {
    Family {
        name,
        kind: Kind::Gauge,
        labels,
        help,
    }
}

/// A histogram over these bounds.
pub(super) const fn histogram(
    name: &'static str,
    bounds: &'static [f64],
    labels: &'static [Label],
    help: &'static str,
) -> Family {
    Family {
        name,
        kind: Kind::Histogram(bounds),
        labels,
        help,
    }
}

impl Family {
    /// What it is measured in.
    fn unit(&self) -> Unit {
        let name = self.name.strip_suffix("_total").unwrap_or(self.name);
        if name.ends_with("_seconds") {
            Unit::Seconds
        } else if name.ends_with("_bytes") {
            Unit::Bytes
        } else {
            Unit::Count
        }
    }

    /// Tells the recorder what it is, and shows each series whose labels are known, at 0.
    pub(super) fn begin(&self) {
        match self.kind {
            Kind::Counter => describe_counter!(self.name, self.unit(), self.help),
            Kind::Gauge => describe_gauge!(self.name, self.unit(), self.help),
            Kind::Histogram(_) => describe_histogram!(self.name, self.unit(), self.help),
        }
        for labels in self.known() {
            match self.kind {
                Kind::Counter => count!(self.name, labels).increment(0),
                Kind::Gauge => set!(self.name, labels).increment(0.0),
                Kind::Histogram(_) => drop(record!(self.name, labels)),
            }
        }
    }

    /// Every combination of the labels' values; none where one of them is known later only.
    fn known(&self) -> Vec<Vec<metrics::Label>> {
        let mut known = vec![Vec::new()];
        for label in self.labels {
            let mut longer = Vec::new();
            for labels in &known {
                for value in label.values {
                    let mut labels: Vec<metrics::Label> = labels.clone();
                    labels.push(metrics::Label::from_static_parts(label.name, value));
                    longer.push(labels);
                }
            }
            known = longer;
        }
        known
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_combination_of_known_labels_is_a_series_and_unknown_ones_make_none() {
        const AB: Label = Label::of("a", &["1", "2"]);
        const CD: Label = Label::of("c", &["3", "4", "5"]);
        const OPEN: Label = Label::open("shard");
        for (labels, expected) in [(&[][..], 1), (&[AB], 2), (&[AB, CD], 6), (&[AB, OPEN], 0)] {
            assert_eq!(counter("x_total", labels, "").known().len(), expected);
        }
    }
}
