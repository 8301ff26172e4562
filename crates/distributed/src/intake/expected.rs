//! Waiting for what a command comes to, as long as its caller may wait.

use std::sync::Arc;

use tokio::sync::oneshot;
use tokio::time::Instant;
use uuid::Uuid;

use super::outcomes::{OutcomeNews, Outcomes};
use crate::Told;

/// What is known of a command in time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// What it came to; everybody has what it gave.
    Settled(Told),
    /// What it came to; its money has still to be settled.
    Applied(Told),
    /// Nothing.
    NotKnown,
}

/// Waits for a command; who waits no more is forgotten.
pub(crate) struct Expected {
    outcomes: Arc<dyn Outcomes>,
    command: Uuid,
    news: Option<oneshot::Receiver<OutcomeNews>>,
}

impl Expected {
    /// Begins to wait, before the command can reach its shard.
    pub fn new(outcomes: &Arc<dyn Outcomes>, command: Uuid) -> Self {
        Self {
            outcomes: Arc::clone(outcomes),
            command,
            news: Some(outcomes.expect(command)),
        }
    }

    /// What is known by then.
    pub async fn by(mut self, until: Instant) -> Outcome {
        let told = match &mut self.news {
            Some(news) => tokio::time::timeout_at(until, news).await,
            None => return Outcome::NotKnown,
        };
        if let Ok(told) = told {
            // It was answered, or never will be.
            self.news = None;
            if let Ok(news) = told {
                return Outcome::Settled(news.told);
            }
        }
        let applied = self.outcomes.applied(self.command);
        applied.map_or(Outcome::NotKnown, Outcome::Applied)
    }
}

/// Waits for a placement to come back for its funds.
pub(crate) struct Unfunded {
    outcomes: Arc<dyn Outcomes>,
    command: Uuid,
    news: oneshot::Receiver<()>,
}

impl Unfunded {
    /// Begins to wait, before the command can reach its shard.
    pub fn new(outcomes: &Arc<dyn Outcomes>, command: Uuid) -> Self {
        Self {
            outcomes: Arc::clone(outcomes),
            command,
            news: outcomes.unfunded(command),
        }
    }

    /// Until it has come back; for ever, where it never does.
    pub async fn heard(&mut self) {
        if (&mut self.news).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

impl Drop for Unfunded {
    fn drop(&mut self) {
        self.news.close();
        self.outcomes.forget(self.command);
    }
}

impl Drop for Expected {
    fn drop(&mut self) {
        if self.news.take().is_some() {
            self.outcomes.forget(self.command);
        }
    }
}
