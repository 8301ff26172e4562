//! What an owner does from time to time: it renews its lease, writes how far it was followed, and trims the log.

use std::time::Duration;

use domain::Stamp;
use persistence::postgres::Connection;
use persistence::postgres::shard::{Cursors, ShardError, keep, trim_log};
use tokio::time::Instant;

use super::floor::Floor;
use super::owner::{Followers, Owner};

/// Cursors that moved are written with the next commit, or after this time.
const CURSORS_AFTER: Duration = Duration::from_millis(50);
/// How often old rows of the log are looked for, and how many go at once.
const TRIM: (Duration, u32) = (Duration::from_secs(60), 1_000);

impl Owner<'_> {
    /// Renews the lease, moves the cursors and trims the log, whatever is due.
    pub(super) async fn upkeep(
        &self,
        connection: &mut Connection,
        followers: &Followers,
        upkeep: &mut Upkeep,
    ) -> Result<(), ShardError> {
        let cursors = followers.cursors();
        if upkeep.is_due(cursors, self.options.lease) {
            keep(connection, &self.lease, cursors, self.options.lease).await?;
            upkeep.written(cursors);
        }
        if upkeep.trimmed.elapsed() >= TRIM.0 {
            upkeep.trimmed = Instant::now();
            let kept = u64::try_from(self.options.keep_log.as_micros()).unwrap_or(u64::MAX);
            let before = self.options.clock.wall_us().saturating_sub(kept);
            trim_log(connection, self.lease.shard, Stamp::from_micros(before), TRIM.1).await?;
        }
        Ok(())
    }
}

/// What was written when.
pub(super) struct Upkeep {
    renewed: Instant,
    cursors: Cursors,
    trimmed: Instant,
    /// Where looks at the list begin.
    pub(super) floor: Floor,
}

impl Upkeep {
    pub fn new(cursors: Cursors) -> Self {
        let now = Instant::now();
        Self {
            renewed: now,
            cursors,
            trimmed: now,
            floor: Floor::default(),
        }
    }

    pub fn written(&mut self, cursors: Cursors) {
        self.renewed = Instant::now();
        self.cursors = cursors;
    }

    fn is_due(&self, cursors: Cursors, lease: Duration) -> bool {
        let waited = self.renewed.elapsed();
        waited >= lease / 3 || (cursors != self.cursors && waited >= CURSORS_AFTER)
    }
}
