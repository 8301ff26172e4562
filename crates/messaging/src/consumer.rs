//! What programs see of a consumer: what it subscribes to, and how it is stopped.

use runtime::Shutdown;

use crate::topology::Queue;

/// What to consume, and how many deliveries the broker may send ahead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    pub(crate) queue: Queue,
    pub(crate) prefetch: Option<u16>,
}

impl Subscription {
    /// A queue, with the prefetch of the settings.
    pub const fn to(queue: Queue) -> Self {
        Self {
            queue,
            prefetch: None,
        }
    }

    /// At most so many deliveries ahead of the first that is not dealt with; at least one. The only limit to what waits
    /// in this program's memory.
    #[must_use]
    pub fn prefetch(mut self, deliveries: u16) -> Self {
        self.prefetch = Some(deliveries.max(1));
        self
    }
}

/// A consumer at work. It stops when this value is dropped.
#[derive(Debug)]
pub struct Consumer {
    pub(crate) running: Running,
}

impl Consumer {
    /// Finishes the delivery at hand, acknowledges what is dealt with, and gives the rest back to the queue.
    pub async fn stop(self) {
        self.running.stop.trigger();
        self.running.finished.wait().await;
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        self.running.stop.trigger();
    }
}

/// What a consumer is asked, and whether it has ended.
#[derive(Debug, Clone, Default)]
pub(crate) struct Running {
    pub(crate) stop: Shutdown,
    pub(crate) finished: Shutdown,
}

/// Says that a consumer has ended, also when its handler panics.
pub(crate) struct Finish(pub(crate) Shutdown);

impl Drop for Finish {
    fn drop(&mut self) {
        self.0.trigger();
    }
}
