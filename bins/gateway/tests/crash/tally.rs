//! What a crash test came to, in figures.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use crate::ask::Told;
use crate::twin::Twin;
use crate::venue::Started;

/// The figures so far.
#[derive(Debug, Default)]
pub struct Tally {
    /// Answers by status.
    answers: BTreeMap<u16, u64>,
    acknowledged: u64,
    happened: u64,
    not_happened: u64,
    shown: usize,
    starts: Vec<Duration>,
    from_snapshot: usize,
    tails_cut: usize,
    segments: usize,
    archived: usize,
    rest: String,
}

impl Tally {
    pub fn told(&mut self, told: &[Told]) {
        for told in told {
            if let Some(answer) = &told.answer {
                *self.answers.entry(answer.status).or_default() += 1;
            }
            self.acknowledged += u64::from(told.is_promised());
        }
    }

    pub const fn cut(&mut self, happened: bool) {
        if happened {
            self.happened += 1;
        } else {
            self.not_happened += 1;
        }
    }

    pub const fn shown(&mut self, orders: usize) {
        self.shown += orders;
    }

    pub fn started(&mut self, started: &Started) {
        self.starts.push(started.ready);
        self.from_snapshot += usize::from(started.snapshot.is_some());
        self.tails_cut += usize::from(started.cut);
    }

    /// The lines of `gateway journal verify`. A kill can leave an unfinished batch at the end, nothing else.
    pub fn segments(&mut self, lines: &[Value]) {
        for line in lines {
            let state = line["state"].as_str().unwrap();
            assert!(state == "sound" || state.starts_with("TornTail"), "{line}");
        }
        let archived = |line: &&Value| line["segment"].as_str().unwrap().contains("/archive/");
        self.segments = lines.len();
        self.archived = lines.iter().filter(archived).count();
    }

    pub fn replayed(&mut self, records: usize, digests: usize, twin: &Twin) {
        let (orders, trades) = twin.size();
        self.rest =
            format!("{records} records, {digests} digests, {orders} placements, {trades} trades replayed");
    }

    /// How many segments are in the archive.
    pub const fn archived(&self) -> usize {
        self.archived
    }

    /// All in a few lines.
    pub fn report(&self) -> String {
        let Self {
            answers,
            acknowledged,
            happened,
            not_happened,
            shown,
            starts,
            ..
        } = self;
        let ready: Vec<String> = starts.iter().map(|ready| ready.as_millis().to_string()).collect();
        format!(
            "acknowledged {acknowledged} commands (answers by status {answers:?}); \
             cut off {} (happened {happened}, did not {not_happened}); lost 0, doubled 0\n\
             {shown} orders looked up; {} starts, {} from a snapshot, {} unfinished batches cut; \
             ready after ms {}\n{} segments, {} of them archived; {}",
            happened + not_happened,
            starts.len(),
            self.from_snapshot,
            self.tails_cut,
            ready.join(" "),
            self.segments,
            self.archived,
            self.rest,
        )
    }
}
