//! What waits for the writer, and what its answers wait in.

use std::time::Duration;

use domain::{Command, Outcome};
use exchange::Exchange;
use runtime::trace::TraceContext;
use tokio::sync::oneshot;

use crate::traced::{Part, Ticket, part};

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

/// What whoever asked for a command is told.
pub(crate) struct Told {
    outcome: Result<Outcome, NotDone>,
    /// The way back to him.
    answering: Part,
}

impl Told {
    /// What a command came to, now that its caller knows it.
    pub fn outcome(self) -> Result<Outcome, NotDone> {
        drop(self.answering);
        self.outcome
    }
}

/// Where a command's caller waits.
pub(crate) struct Waiter(oneshot::Sender<Told>);

impl Waiter {
    /// One to be told, and where that arrives.
    pub fn new() -> (Self, oneshot::Receiver<Told>) {
        let (sender, receiver) = oneshot::channel();
        (Self(sender), receiver)
    }

    /// Tells what a command of this request came to.
    pub fn tell(self, outcome: Result<Outcome, NotDone>, request: Option<TraceContext>) {
        let answering = part(request, "answer");
        // An error says that nobody waits any more.
        let _ = self.0.send(Told { outcome, answering });
    }
}

/// What waits for the writer.
pub(crate) enum Job {
    /// A command. The writer makes its ids and its stamp.
    Command {
        command: Command,
        waiter: Waiter,
        /// When it was queued.
        since: Duration,
        /// To which request it belongs.
        ticket: Ticket,
    },
    /// A look at the state.
    Read(Box<dyn FnOnce(&Exchange) -> Answer + Send>),
    /// Stop after what came before; with a snapshot of the end.
    Stop { snapshot: bool },
}
