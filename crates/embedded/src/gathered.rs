//! What a batch has gathered until it is handed over to the journal.

use domain::{Command, LedgerEntry, Stamp};
use engine::RULES_VERSION;
use exchange::{LogBody, LogEntry, Output};
use journal::Batch;
use runtime::trace::TraceContext;

use crate::job::Answer;

/// A batch that has so many events takes no further command. One command can add some thousands.
const EVENTS_MAX: usize = 4_096;

/// What a batch has gathered so far.
pub(crate) struct Gathered {
    pub records: Batch,
    pub answers: Vec<Answer>,
    pub out: Output,
    /// The number of the last record before this batch.
    pub before: u64,
    pub entries: Vec<LedgerEntry>,
    /// The commands of the register.
    pub register: Vec<(Stamp, Command)>,
    /// The commands whose traces are recorded.
    pub traces: Vec<TraceContext>,
    /// The stamp that this batch's commands get, if the clock can be trusted.
    pub now: Option<Stamp>,
}

impl Gathered {
    /// Nothing yet.
    pub fn new(records: Batch, before: u64, now: Option<Stamp>) -> Self {
        Self {
            records,
            answers: Vec::new(),
            out: Output {
                events: Vec::new(),
                postings: Some(Vec::new()),
            },
            before,
            entries: Vec::new(),
            register: Vec::new(),
            traces: Vec::new(),
            now,
        }
    }

    /// Whether it is time to hand over, so that neither the log's batch nor what waits in memory grows without bound.
    pub fn is_full(&self) -> bool {
        self.records.is_full() || self.out.events.len() >= EVENTS_MAX
    }

    /// Adds a record; the error says why nothing may go on.
    pub fn record(&mut self, at: Stamp, body: LogBody) -> Result<(), String> {
        let mut bytes = Vec::with_capacity(256);
        let encoded = LogEntry {
            rules: RULES_VERSION,
            at,
            body,
        }
        .encode(&mut bytes);
        let pushed = encoded
            .map_err(|e| e.to_string())
            .and_then(|()| self.records.push(&bytes).map_err(|e| e.to_string()));
        pushed.map_err(|error| format!("a record does not fit the log: {error}"))
    }
}
