//! An exchange under a witness: every command is watched, and at any time the whole can be questioned.

use domain::{Command, MarketEvent, Outcome, Place, Stamp};
use engine::RULES_VERSION;
use exchange::{Exchange, LogBody, LogEntry, Output};

use crate::witness::Witness;

/// An exchange, its log so far and its witness.
pub struct Venue {
    pub exchange: Exchange,
    pub log: Vec<LogEntry>,
    out: Output,
    witness: Witness,
}

impl Venue {
    pub fn new() -> Self {
        Self {
            exchange: Exchange::new(1),
            log: Vec::new(),
            out: Output {
                postings: Some(Vec::new()),
                ..Output::default()
            },
            witness: Witness::default(),
        }
    }

    /// Applies a command as the writer does: prepared, logged, and with the digest where one is due.
    pub fn apply(&mut self, now: Stamp, command: Command) -> (Outcome, Vec<MarketEvent>) {
        let command = match command {
            Command::Place(place) => Command::Place(self.prepared(place)),
            other => other,
        };
        let at = self.exchange.stamp(now);
        let outcome = self.exchange.apply(at, &command, &mut self.out);
        self.record(at, LogBody::Command(command));
        if let Some(digest) = self.exchange.digest_due() {
            self.record(at, digest);
        }
        let events = std::mem::take(&mut self.out.events);
        let postings = self.out.postings.replace(Vec::new()).unwrap();
        self.witness.see(&self.exchange, &events, &postings);
        self.witness.see_entries(&self.exchange, &postings);
        (outcome, events)
    }

    fn prepared(&self, mut place: Place) -> Place {
        self.exchange.prepare(&mut place);
        place
    }

    fn record(&mut self, at: Stamp, body: LogBody) {
        let rules = RULES_VERSION;
        self.log.push(LogEntry { rules, at, body });
    }

    /// Asks all the questions that must hold after every command.
    pub fn compare(&self) {
        self.witness.compare(&self.exchange);
    }

    /// Goes on with an exchange made again from a snapshot under another hash seed.
    pub fn restart(&mut self, hash_seed: u64) {
        let bytes = self.exchange.snapshot().unwrap();
        let restored = Exchange::restore(&bytes, hash_seed).unwrap();
        assert_eq!(
            restored.snapshot().unwrap(),
            bytes,
            "a restored exchange is the same"
        );
        assert_eq!(restored.event_digest(), self.exchange.event_digest());
        self.exchange = restored;
    }
}

/// Replays a log, through its bytes, into a new exchange.
pub fn replay(log: &[LogEntry], hash_seed: u64) -> Exchange {
    let mut exchange = Exchange::new(hash_seed);
    let mut out = Output::default();
    for entry in log {
        let mut bytes = Vec::new();
        entry.encode(&mut bytes).unwrap();
        let entry = LogEntry::decode(&bytes).unwrap();
        exchange.replay(&entry, &mut out).unwrap();
        out.events.clear();
    }
    exchange
}
