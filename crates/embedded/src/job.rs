//! What waits for the writer, and what its answers wait in.

use std::time::Duration;

use domain::{Command, Outcome};
use exchange::Exchange;
use tokio::sync::oneshot;

/// An answer that leaves when the records that it speaks of are durable.
pub(crate) type Answer = Box<dyn FnOnce() + Send>;

/// Why the writer took a command and did nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotDone {
    /// The clock cannot be trusted.
    Clock,
    /// The exchange has stopped.
    Stopped,
}

impl NotDone {
    /// The reason as callers are told of it.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Clock => "the clock cannot be trusted",
            Self::Stopped => "the exchange has stopped",
        }
    }
}

/// What waits for the writer.
pub(crate) enum Job {
    /// A command. The writer makes its ids and its stamp.
    Command {
        command: Command,
        answer: oneshot::Sender<Result<Outcome, NotDone>>,
        /// When it was queued.
        since: Duration,
    },
    /// A look at the state.
    Read(Box<dyn FnOnce(&Exchange) -> Answer + Send>),
    /// Stop after what came before; with a snapshot of the end.
    Stop { snapshot: bool },
}
