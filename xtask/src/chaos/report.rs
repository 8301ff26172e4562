//! What is printed: a line for each round, and a table of all at the end.

use std::time::Duration;

use super::plan::Fault;
use super::round::Outcome;

/// The rounds of one fault together.
#[derive(Debug, Default)]
struct Row {
    rounds: u32,
    failed: u32,
    orders: u64,
    unknown: u64,
    resolved: usize,
    standstill: Duration,
    takeover: Option<Duration>,
    caught_up: Duration,
}

/// All rounds so far.
#[derive(Debug, Default)]
pub struct Report {
    rows: Vec<(Fault, Row)>,
}

impl Report {
    /// Takes in a round, and returns its line.
    pub fn round(&mut self, seed: u64, round: u32, fault: Fault, outcome: &Outcome) -> String {
        let row = self.row(fault);
        let Outcome {
            done,
            counts,
            beat,
            caught_up,
            resolved,
            replayed,
            differences,
        } = outcome;
        row.rounds += 1;
        row.failed += u32::from(!differences.is_empty());
        row.orders += counts.placed;
        row.unknown += counts.unknown;
        row.resolved += resolved;
        row.standstill = row.standstill.max(beat.standstill);
        row.takeover = row.takeover.max(beat.takeover);
        row.caught_up = row.caught_up.max(*caught_up);
        let word = if differences.is_empty() { "ok" } else { "FAILED" };
        let takeover = beat.takeover.map_or(String::new(), |time| {
            format!(", taken over after {}", seconds(time))
        });
        format!(
            "seed {seed} round {round} {}: {word}. {}. {} orders ({} done, {} waited, {} rejected, {} refused), {} changes, {} \
             unanswered, {} left out, {resolved} asked again; stood still {}{takeover}, caught up after {}; replayed {replayed} \
             batches",
            fault.name(),
            done.join(", "),
            counts.placed,
            counts.done,
            counts.waiting,
            counts.rejected,
            counts.refused,
            counts.changes,
            counts.unknown,
            counts.left_out,
            seconds(beat.standstill),
            seconds(*caught_up),
        )
    }

    /// Takes in a round that could not be finished.
    pub fn broke(&mut self, fault: Fault) {
        let row = self.row(fault);
        row.rounds += 1;
        row.failed += 1;
    }

    /// How many rounds have failed.
    pub fn failed(&self) -> u32 {
        self.rows.iter().map(|(_, row)| row.failed).sum()
    }

    /// The table; times are the longest of all rounds.
    pub fn table(&self) -> String {
        let mut lines = vec![
            "| fault | rounds | failed | orders | unanswered | asked again | standstill | takeover | caught up |".to_owned(),
            "|---|---|---|---|---|---|---|---|---|".to_owned(),
        ];
        for (fault, row) in &self.rows {
            let takeover = row.takeover.map_or("-".to_owned(), seconds);
            lines.push(format!(
                "| {} | {} | {} | {} | {} | {} | {} | {takeover} | {} |",
                fault.name(),
                row.rounds,
                row.failed,
                row.orders,
                row.unknown,
                row.resolved,
                seconds(row.standstill),
                seconds(row.caught_up),
            ));
        }
        lines.join("\n")
    }

    fn row(&mut self, fault: Fault) -> &mut Row {
        let at = match self.rows.binary_search_by_key(&fault, |(fault, _)| *fault) {
            Ok(at) => at,
            Err(at) => {
                self.rows.insert(at, (fault, Row::default()));
                at
            }
        };
        &mut self.rows[at].1
    }
}

fn seconds(time: Duration) -> String {
    format!("{:.2} s", time.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_of_a_fault_are_put_together_and_failures_counted() {
        let mut report = Report::default();
        let mut outcome = Outcome::default();
        assert!(
            report
                .round(7, 1, Fault::KillWallet, &outcome)
                .starts_with("seed 7 round 1 kill-wallet: ok.")
        );
        outcome.differences.push("something".to_owned());
        outcome.caught_up = Duration::from_millis(1_500);
        assert!(report.round(7, 2, Fault::KillWallet, &outcome).contains("FAILED"));
        report.broke(Fault::KillGateway);
        assert_eq!(report.failed(), 2);
        let table = report.table();
        let rows: Vec<&str> = table.lines().skip(2).collect();
        assert!(rows[0].starts_with("| kill-gateway | 1 | 1 |"));
        assert!(rows[1].starts_with("| kill-wallet | 2 | 1 |") && rows[1].ends_with("| - | 1.50 s |"));
    }
}
