//! What became of published messages, counted since the start.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::window::Settled;

/// Numbers since the link was started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PublishCounts {
    /// Handed to the connection.
    pub sent: u64,
    /// Stored, as the broker says.
    pub confirmed: u64,
    /// Sent back because no queue takes them.
    pub returned: u64,
    /// Refused by the broker.
    pub nacked: u64,
    /// Of which nothing is known: the connection was lost before the confirmation came.
    pub unknown: u64,
    /// Not sent, because too many waited or there was no connection. Only hints and news are dropped.
    pub dropped: u64,
}

/// The numbers as they grow.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    sent: AtomicU64,
    confirmed: AtomicU64,
    returned: AtomicU64,
    nacked: AtomicU64,
    unknown: AtomicU64,
    dropped: AtomicU64,
}

impl Counts {
    pub(crate) fn sent(&self) {
        self.sent.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn settled(&self, settled: Settled) {
        let Settled {
            confirmed,
            returned,
            nacked,
        } = settled;
        for (count, more) in [
            (&self.confirmed, confirmed),
            (&self.returned, returned),
            (&self.nacked, nacked),
        ] {
            if more > 0 {
                count.fetch_add(more, Ordering::Relaxed);
            }
        }
    }

    pub(crate) fn unknown(&self, more: u64) {
        self.unknown.fetch_add(more, Ordering::Relaxed);
    }

    pub(crate) fn dropped(&self) {
        self.dropped.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn now(&self) -> PublishCounts {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        PublishCounts {
            sent: read(&self.sent),
            confirmed: read(&self.confirmed),
            returned: read(&self.returned),
            nacked: read(&self.nacked),
            unknown: read(&self.unknown),
            dropped: read(&self.dropped),
        }
    }
}
