//! The report: what was asked, on which machine, what came of it.

use std::path::Path;
use std::process::Command;

use anyhow::Context;
use runtime::Clock;
use serde::Serialize;
use serde_json::{Value, json};

use crate::latency::Figures;
use crate::output::say;
use crate::tally::{Line, Totals};

/// One check and what it found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Check {
    pub(crate) name: &'static str,
    /// How many things were looked at.
    pub(crate) looked_at: u64,
    /// Each difference in words; the first hundred.
    pub(crate) differences: Vec<String>,
    /// How many differences there are in all.
    pub(crate) failed: u64,
}

/// Differences that are written out.
const WRITTEN_OUT: usize = 100;

impl Check {
    pub(crate) const fn new(name: &'static str) -> Self {
        Self {
            name,
            looked_at: 0,
            differences: Vec::new(),
            failed: 0,
        }
    }

    /// One thing was looked at.
    pub(crate) fn look(&mut self) {
        self.looked_at += 1;
    }

    /// Something is not as it must be.
    pub(crate) fn differs(&mut self, what: String) {
        self.failed += 1;
        if self.differences.len() < WRITTEN_OUT {
            self.differences.push(what);
        }
    }

    /// Prints it, a line for the check and one for each of the first differences.
    pub(crate) fn print(&self) {
        let word = if self.failed == 0 { "ok" } else { "FAILED" };
        say(&format!(
            "check {}: {word} ({} looked at, {} differ)",
            self.name, self.looked_at, self.failed
        ));
        for difference in self.differences.iter().take(10) {
            say(&format!("  {difference}"));
        }
    }
}

/// What is known of the machine and the code.
pub(crate) fn head(command: &str, arguments: &impl Serialize) -> anyhow::Result<Value> {
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    Ok(json!({
        "command": command,
        "arguments": serde_json::to_value(arguments)?,
        "at_unix_seconds": Clock::System.wall_us() / 1_000_000,
        "machine": {
            "cores": cores,
            "system": std::env::consts::OS,
            "architecture": std::env::consts::ARCH,
            "kernel": kernel.trim(),
        },
        "git_commit": git_commit(),
    }))
}

/// The commit of the folder that the tool is started in.
fn git_commit() -> Option<String> {
    let output = Command::new("git").args(["rev-parse", "HEAD"]).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let commit = text.trim();
    (output.status.success() && !commit.is_empty()).then(|| commit.to_owned())
}

/// Writes the report where it is wanted.
///
/// # Errors
/// The file cannot be written.
pub(crate) fn write(path: Option<&Path>, report: &Value) -> anyhow::Result<()> {
    if let Some(path) = path {
        let text = serde_json::to_string_pretty(report)? + "\n";
        std::fs::write(path, text).with_context(|| format!("the report {}", path.display()))?;
    }
    Ok(())
}

/// Prints the figures of a run.
pub(crate) fn print(what: &str, totals: &Totals, lines: &[Line]) {
    let Totals {
        wanted_rate,
        offered_rate: _,
        done_rate,
        done,
        refused,
        unknown,
        not_sent,
        latency,
        service_time,
    } = totals;
    say(&format!(
        "{what}: {wanted_rate:.0}/s wanted, {done_rate:.0}/s done ({done} done, {refused} refused, {unknown} unknown, {not_sent} not sent)"
    ));
    say(&format!("  from due   {}", figures(latency)));
    say(&format!("  from sent  {}", figures(service_time)));
    for line in lines {
        let statuses: Vec<String> = line
            .statuses
            .iter()
            .map(|(status, count)| format!("{status}: {count}"))
            .collect();
        say(&format!(
            "  {:?} {:?}  {}  [{}]",
            line.protocol,
            line.op,
            figures(&line.latency),
            statuses.join(", ")
        ));
    }
}

/// Latencies in words.
pub(crate) fn figures(figures: &Figures) -> String {
    let ms = |micros: u64| micros as f64 / 1_000.0;
    format!(
        "p50 {:.2} ms, p90 {:.2}, p99 {:.2}, p99.9 {:.2}, max {:.2}",
        ms(figures.p50_us),
        ms(figures.p90_us),
        ms(figures.p99_us),
        ms(figures.p99_9_us),
        ms(figures.max_us)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_says_what_where_and_with_what() {
        let head = head("run", &json!({"rate": 5})).unwrap();
        assert_eq!(head["command"], "run");
        assert_eq!(head["arguments"]["rate"], 5);
        assert!(head["machine"]["cores"].as_u64().unwrap() >= 1);
        assert!(head["at_unix_seconds"].as_u64().unwrap() > 1_735_689_600);
    }

    #[test]
    fn all_differences_count_and_the_first_are_written_out() {
        let mut check = Check::new("orders");
        for number in 0..150 {
            check.look();
            check.differs(number.to_string());
        }
        assert_eq!((check.looked_at, check.failed), (150, 150));
        assert_eq!(check.differences.len(), WRITTEN_OUT);
        let value = serde_json::to_value(&check).unwrap();
        assert_eq!(value["name"], "orders");
        assert_eq!(value["failed"], 150);
    }

    #[test]
    fn latencies_are_told_in_milliseconds() {
        let text = figures(&Figures {
            count: 1,
            mean_us: 1,
            p50_us: 1_500,
            p90_us: 2_000,
            p99_us: 3_000,
            p99_9_us: 4_000,
            max_us: 5_250,
        });
        assert_eq!(text, "p50 1.50 ms, p90 2.00, p99 3.00, p99.9 4.00, max 5.25");
    }
}
