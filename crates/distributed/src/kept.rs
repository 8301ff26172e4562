//! Keeps messages that nobody could read, as they came, in the table `undecodable`.

use std::error::Error;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use messaging::{Undecodable, Unreadable};
use persistence::postgres::{PgError, Pool, keep_undecodable};
use runtime::Ids;
use tokio::time::Instant;

/// Whoever sends rubbish without end must not fill the database soon: of the messages of one interval the first is kept.
const ONE_IN: Duration = Duration::from_secs(1);
/// Of a message's body, this much is kept.
const BODY_BYTES: usize = 4 * 1024;
/// As long as the column of a message's source.
const SOURCE_CHARS: usize = 200;

/// When the next one may be kept.
#[derive(Debug, Default)]
struct Pace(Mutex<Option<Instant>>);

impl Pace {
    fn is_turn(&self, now: Instant) -> bool {
        let again = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        again.is_none_or(|again| again <= now)
    }

    fn taken(&self, now: Instant) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(now + ONE_IN);
    }
}

/// Keeps one such message a second, and counts all of them in `undecodable_messages_total`.
#[derive(Debug)]
pub struct KeepUndecodable {
    pool: Pool,
    ids: Ids,
    pace: Pace,
}

impl KeepUndecodable {
    /// With connections of this pool; ids name the rows.
    pub fn new(pool: Pool, ids: Ids) -> Self {
        Self {
            pool,
            ids,
            pace: Pace::default(),
        }
    }

    async fn store(&self, message: &Unreadable) -> Result<(), PgError> {
        let Unreadable {
            queue,
            exchange,
            key,
            error,
            body,
        } = message;
        let source = format!("queue {queue}, exchange {exchange}, key {key}");
        // PostgreSQL takes every character but this one.
        let source: String = source.replace('\0', "?").chars().take(SOURCE_CHARS).collect();
        let body = body.get(..BODY_BYTES).unwrap_or(body);
        let mut connection = self.pool.get().await?;
        keep_undecodable(
            &mut connection,
            self.ids.uuid_v7(),
            &source,
            &error.to_string().replace('\0', "?"),
            body,
        )
        .await
    }
}

#[async_trait]
impl Undecodable for KeepUndecodable {
    async fn keep(&self, message: &Unreadable) -> Result<(), Box<dyn Error + Send + Sync>> {
        if self.pace.is_turn(Instant::now()) {
            match self.store(message).await {
                Ok(()) => self.pace.taken(Instant::now()),
                // Tried again it would be refused again, and those behind it would wait for ever.
                Err(PgError::Refused(why)) => {
                    tracing::error!(queue = message.queue, %why, "a message that cannot be read is not kept either");
                }
                Err(error) => return Err(error.into()),
            }
        }
        metrics::counter!("undecodable_messages_total").increment(1);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
