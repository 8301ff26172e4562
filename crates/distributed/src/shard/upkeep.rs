//! What an owner does from time to time: it renews its lease, writes how far it was followed, and why it stands still.

use std::time::Duration;

use persistence::postgres::Connection;
use persistence::postgres::shard::{Cursors, ShardError, keep, set_halted};
use tokio::time::Instant;

use super::floor::Floor;
use super::owner::{Followers, Owner};

/// Cursors that moved are written with the next commit, or after this time.
const CURSORS_AFTER: Duration = Duration::from_millis(50);

impl Owner<'_> {
    /// Renews the lease, moves the cursors and tells whether commands are taken, whatever is due.
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
        let halted = self.status.halted();
        if halted != upkeep.halted {
            set_halted(connection, &self.lease, halted.as_deref()).await?;
            upkeep.halted = halted;
        }
        Ok(())
    }
}

/// What was written when.
pub(super) struct Upkeep {
    renewed: Instant,
    cursors: Cursors,
    halted: Option<String>,
    /// Where looks at the list begin.
    pub(super) floor: Floor,
}

impl Upkeep {
    pub fn new(cursors: Cursors) -> Self {
        let now = Instant::now();
        Self {
            renewed: now,
            cursors,
            halted: None,
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
