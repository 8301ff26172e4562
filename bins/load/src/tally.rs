//! What is counted while load runs, and what was promised to whom.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use crate::cli::Protocol;
use crate::flow::Op;
use crate::latency::{Figures, Latencies};

/// How a request ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome<'a> {
    /// With an answer.
    Answered { status: u16, body: &'a [u8] },
    /// Without one: nobody knows what became of it.
    Unknown(&'static str),
}

/// Counts of one kind of operation over one protocol.
#[derive(Debug)]
struct Row {
    latencies: Latencies,
    statuses: BTreeMap<String, u64>,
    not_sent: u64,
}

/// Everything that is counted in the measured time.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    rows: BTreeMap<(Protocol, Op), Row>,
    /// Where the measured time begins.
    from: Duration,
    /// The last answer of a request of the measured time.
    last_answer: Duration,
}

/// One kind of operation in the report.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Line {
    pub(crate) protocol: Protocol,
    pub(crate) op: Op,
    pub(crate) statuses: BTreeMap<String, u64>,
    pub(crate) not_sent: u64,
    /// From the time it was due.
    pub(crate) latency: Figures,
    /// From the time it was sent.
    pub(crate) service_time: Figures,
}

/// The measured time in the report.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Totals {
    /// Arrivals a second that were wanted.
    pub(crate) wanted_rate: f64,
    /// Arrivals a second that came: with Poisson arrivals somewhat more or less.
    pub(crate) offered_rate: f64,
    /// Answers with 2xx a second.
    pub(crate) done_rate: f64,
    pub(crate) done: u64,
    /// Answers other than 2xx.
    pub(crate) refused: u64,
    /// No answer.
    pub(crate) unknown: u64,
    pub(crate) not_sent: u64,
    /// Of all operations, from the time they were due.
    pub(crate) latency: Figures,
    pub(crate) service_time: Figures,
}

impl Tally {
    /// Counts what is due from `from` on.
    pub(crate) fn new(from: Duration) -> Self {
        Self {
            from,
            ..Self::default()
        }
    }

    /// Counts the end of one request.
    pub(crate) fn count(
        &mut self,
        key: (Protocol, Op),
        times: [Duration; 3],
        outcome: &Outcome<'_>,
    ) -> anyhow::Result<()> {
        let [due, sent, answered] = times;
        if due < self.from {
            return Ok(());
        }
        self.last_answer = self.last_answer.max(answered);
        let row = self.row(key)?;
        let word = match outcome {
            Outcome::Answered { status, .. } => {
                row.latencies.count(due, sent, answered);
                status.to_string()
            }
            Outcome::Unknown(reason) => (*reason).to_owned(),
        };
        *row.statuses.entry(word).or_default() += 1;
        Ok(())
    }

    /// Counts an arrival that could not be sent.
    pub(crate) fn not_sent(&mut self, key: (Protocol, Op), due: Duration) -> anyhow::Result<()> {
        if due >= self.from {
            self.row(key)?.not_sent += 1;
        }
        Ok(())
    }

    fn row(&mut self, key: (Protocol, Op)) -> anyhow::Result<&mut Row> {
        let row = match self.rows.entry(key) {
            std::collections::btree_map::Entry::Occupied(entry) => entry.into_mut(),
            std::collections::btree_map::Entry::Vacant(entry) => entry.insert(Row {
                latencies: Latencies::new()?,
                statuses: BTreeMap::new(),
                not_sent: 0,
            }),
        };
        Ok(row)
    }

    /// One line for each kind.
    pub(crate) fn lines(&self) -> Vec<Line> {
        let line = |((protocol, op), row): (&(Protocol, Op), &Row)| Line {
            protocol: *protocol,
            op: *op,
            statuses: row.statuses.clone(),
            not_sent: row.not_sent,
            latency: row.latencies.corrected(),
            service_time: row.latencies.service(),
        };
        self.rows.iter().map(line).collect()
    }

    /// Everything together; `wanted` arrivals a second until `end`.
    ///
    /// # Errors
    /// A histogram cannot be made.
    pub(crate) fn totals(&self, wanted: f64, end: Duration) -> anyhow::Result<Totals> {
        let mut all = Latencies::new()?;
        let (mut done, mut refused, mut unknown, mut not_sent) = (0, 0, 0, 0);
        for row in self.rows.values() {
            all.add(&row.latencies);
            not_sent += row.not_sent;
            for (word, count) in &row.statuses {
                match word.parse() {
                    Ok(200..=299) => done += count,
                    Ok(0_u16..) => refused += count,
                    Err(_) => unknown += count,
                }
            }
        }
        // Where answers came late, the time until the last of them counts, else a backlog would look like speed.
        let seconds = self.last_answer.max(end).saturating_sub(self.from).as_secs_f64();
        let arrived = done + refused + unknown + not_sent;
        let offered = end.saturating_sub(self.from).as_secs_f64();
        Ok(Totals {
            wanted_rate: wanted,
            offered_rate: if offered > 0.0 {
                arrived as f64 / offered
            } else {
                0.0
            },
            done_rate: if seconds > 0.0 { done as f64 / seconds } else { 0.0 },
            done,
            refused,
            unknown,
            not_sent,
            latency: all.corrected(),
            service_time: all.service(),
        })
    }
}

/// What the gateway owes: kept over all steps of a run.
#[derive(Debug, Default)]
pub(crate) struct Promises {
    /// Orders that were acknowledged, with the number of their user.
    pub(crate) acknowledged: Vec<(uuid::Uuid, usize)>,
    /// Places whose outcome nobody knows: number of the user and of the place.
    pub(crate) unknown: Vec<(usize, u64)>,
    /// Acknowledgements that could not be read.
    pub(crate) unreadable: u64,
}

/// The text of a field of a JSON object, found without reading the rest. The values looked for hold no quotes.
pub(crate) fn field<'a>(body: &'a [u8], name: &str) -> Option<&'a str> {
    let needle = format!("\"{name}\":\"");
    let needle = needle.as_bytes();
    let from = body.windows(needle.len()).position(|window| window == needle)? + needle.len();
    let length = body[from..].iter().position(|byte| *byte == b'"')?;
    std::str::from_utf8(&body[from..from + length]).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(millis: [u64; 3]) -> [Duration; 3] {
        [
            Duration::from_millis(millis[0]),
            Duration::from_millis(millis[1]),
            Duration::from_millis(millis[2]),
        ]
    }

    const fn answered(status: u16) -> Outcome<'static> {
        Outcome::Answered { status, body: b"" }
    }

    #[test]
    fn what_was_due_before_the_measured_time_does_not_count() {
        let mut tally = Tally::new(Duration::from_secs(1));
        let key = (Protocol::Http, Op::Place);
        tally.count(key, at([999, 1_000, 1_500]), &answered(503)).unwrap();
        tally.not_sent(key, Duration::from_millis(500)).unwrap();
        assert!(tally.lines().is_empty());
        tally
            .count(key, at([1_000, 1_000, 1_500]), &answered(201))
            .unwrap();
        tally.not_sent(key, Duration::from_millis(1_000)).unwrap();
        let lines = tally.lines();
        assert_eq!((lines[0].latency.count, lines[0].not_sent), (1, 1));
    }

    #[test]
    fn answers_refusals_and_silence_are_told_apart() {
        let mut tally = Tally::new(Duration::ZERO);
        for (op, outcome) in [
            (Op::Place, answered(201)),
            (Op::Cancel, answered(200)),
            (Op::Place, answered(503)),
            (Op::Amend, answered(404)),
            (Op::Place, Outcome::Unknown("timeout")),
        ] {
            tally.count((Protocol::Ws, op), at([0, 0, 10]), &outcome).unwrap();
        }
        let totals = tally.totals(5.0, Duration::from_secs(1)).unwrap();
        assert_eq!((totals.done, totals.refused, totals.unknown), (2, 2, 1));
        assert_eq!(totals.latency.count, 4, "silence has no latency");
        assert_eq!(totals.done_rate, 2.0);
    }

    #[test]
    fn a_backlog_does_not_look_like_speed() {
        let mut tally = Tally::new(Duration::ZERO);
        for _ in 0..100 {
            let key = (Protocol::Http, Op::Place);
            tally.count(key, at([500, 500, 2_000]), &answered(201)).unwrap();
        }
        let totals = tally.totals(100.0, Duration::from_secs(1)).unwrap();
        assert_eq!(totals.done_rate, 50.0);
    }

    #[test]
    fn a_field_is_found_by_its_whole_name() {
        let body = br#"{"client_order_id":"c","order_id":"o","status":200,"result":{"status":"OPEN"}}"#;
        assert_eq!(field(body, "order_id"), Some("o"));
        assert_eq!(field(body, "status"), Some("OPEN"));
        assert_eq!(field(body, "user_id"), None);
        assert_eq!(field(br#"{"order_id":"o"#, "order_id"), None);
    }
}
