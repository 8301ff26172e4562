//! Removes what is old from a shard's log, beside the loop that commits batches and over a connection of its own.

use std::time::Duration;

use domain::Stamp;
use persistence::postgres::PgError;
use persistence::postgres::shard::{bound_session, trim_log};
use runtime::Clock;

use super::run::{Connect, SESSION_WAIT};
use super::status::Status;

/// Rows that go at once.
const PAGE: u32 = 1_000;
/// The most pages of one turn: what is left waits for the next.
const PAGES: usize = 500;

/// Trims a shard's log for as long as the shard is owned.
pub(super) struct Trimmer {
    pub shard: u32,
    pub connect: Connect,
    pub clock: Clock,
    /// For how long the log is kept.
    pub keep: Duration,
    /// How often it is looked at.
    pub every: Duration,
    pub status: Status,
}

impl Trimmer {
    /// Trims again and again.
    pub async fn run(self) {
        loop {
            match self.trim().await {
                Ok(rows) => self.status.trimmed(rows),
                Err(error) => tracing::warn!(shard = self.shard, %error, "the log is not trimmed"),
            }
            tokio::time::sleep(self.every).await;
        }
    }

    /// Removes what is old enough, published and settled, page by page; how many rows.
    async fn trim(&self) -> Result<u64, PgError> {
        let mut connection = (self.connect)().await?;
        bound_session(&mut connection, SESSION_WAIT).await?;
        let kept = u64::try_from(self.keep.as_micros()).unwrap_or(u64::MAX);
        let before = Stamp::from_micros(self.clock.wall_us().saturating_sub(kept));
        let mut rows = 0;
        for _ in 0..PAGES {
            let gone = trim_log(&mut connection, self.shard, before, PAGE).await?;
            rows += u64::from(gone);
            if gone < PAGE {
                break;
            }
        }
        Ok(rows)
    }
}
