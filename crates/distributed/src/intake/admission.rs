//! How much is let in: requests in flight are bounded, and cancels pass when placements do not any more.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use trading::EntryError;

use super::unavailable;

/// How full the gateway may be for a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Weight {
    /// Let in below 80 % only: placements, amendments, new sessions.
    Ordinary,
    /// Let in while there is room at all: cancels and what operators do.
    Urgent,
}

/// Counts requests in flight.
#[derive(Debug)]
pub(crate) struct Admission {
    room: Arc<Semaphore>,
    /// All of it.
    all: usize,
    /// The room that ordinary requests leave.
    kept: usize,
}

impl Admission {
    /// At most so many requests at a time.
    pub fn new(capacity: usize) -> Self {
        let capacity = capacity.clamp(5, Semaphore::MAX_PERMITS);
        Self {
            room: Arc::new(Semaphore::new(capacity)),
            all: capacity,
            kept: capacity / 5,
        }
    }

    /// Lets a request in; it is in flight until the permit is dropped.
    ///
    /// # Errors
    /// There is no room; nothing was done.
    pub fn enter(&self, weight: Weight) -> Result<OwnedSemaphorePermit, EntryError> {
        if weight == Weight::Ordinary && self.room.available_permits() <= self.kept {
            return Err(unavailable("too many requests are in flight"));
        }
        let entered = Arc::clone(&self.room).try_acquire_owned();
        entered.map_err(|_| unavailable("too many requests are in flight"))
    }

    /// How many requests are in flight.
    pub fn in_flight(&self) -> usize {
        self.all.saturating_sub(self.room.available_permits())
    }

    /// Lets nobody in any more, and waits until nobody is inside.
    pub async fn close(&self) {
        let all = u32::try_from(self.all).unwrap_or(u32::MAX);
        // It is never closed before.
        let _ = self.room.acquire_many(all).await;
        self.room.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cancels_pass_where_placements_do_not_any_more() {
        let admission = Admission::new(10);
        let mut inside: Vec<_> = (0..8)
            .map(|_| admission.enter(Weight::Ordinary).unwrap())
            .collect();
        let refused = admission.enter(Weight::Ordinary);
        assert!(matches!(refused, Err(EntryError::Unavailable { .. })));
        inside.extend((0..2).map(|_| admission.enter(Weight::Urgent).unwrap()));
        assert!(admission.enter(Weight::Urgent).is_err(), "full is full");
        inside.truncate(7);
        assert!(admission.enter(Weight::Ordinary).is_ok());
    }
}
