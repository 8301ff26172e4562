//! A market's event sequence as every fold follows it: no gap, and a repeat changes nothing.

use domain::{MarketEvent, MarketNumber};
use serde::{Deserialize, Serialize};

/// What became of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applied {
    /// It was the next one, and was taken.
    Next,
    /// It was taken before; nothing changed.
    Repeat,
}

/// An event that does not follow what the fold knows. Nothing changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OutOfSequence {
    /// Events are missing: fetch them, or start again from a snapshot.
    #[error("expected event {expected}, but event {found} came")]
    Gap {
        /// The number of the event that was to come.
        expected: u64,
        /// The number of the event that came.
        found: u64,
    },
    /// The event is another market's.
    #[error("the event is market {}'s", found.0)]
    OtherMarket {
        /// Whose it is.
        found: MarketNumber,
    },
}

/// How far a fold has followed its market.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Cursor {
    market: MarketNumber,
    last_seq: u64,
}

impl Cursor {
    /// A fold that knows the market up to this event; 0: nothing yet.
    pub const fn after(market: MarketNumber, last_seq: u64) -> Self {
        Self { market, last_seq }
    }

    /// The number of the last event taken.
    pub const fn last_seq(&self) -> u64 {
        self.last_seq
    }

    /// Steps over the event if it is the next one.
    ///
    /// # Errors
    /// It is another market's, or events are missing before it.
    pub fn step(&mut self, event: &MarketEvent) -> Result<Applied, OutOfSequence> {
        if event.market != self.market {
            return Err(OutOfSequence::OtherMarket { found: event.market });
        }
        if event.seq <= self.last_seq {
            return Ok(Applied::Repeat);
        }
        let expected = self.last_seq + 1;
        if event.seq != expected {
            let found = event.seq;
            return Err(OutOfSequence::Gap { expected, found });
        }
        self.last_seq = expected;
        Ok(Applied::Next)
    }
}
