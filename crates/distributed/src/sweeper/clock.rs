//! A clock that has jumped ahead: whether the new time is right, the database's clock says.

use std::sync::Arc;

use persistence::postgres::clock_difference;

use crate::intake::{Intake, patient};

impl Intake {
    /// Trusts a clock that has jumped ahead again if it does not differ from the database's.
    pub(crate) async fn mind_clock(self: Arc<Self>) {
        let Some(by) = self.moments.ahead() else { return };
        let ask = async {
            let mut connection = self.pool.get().await?;
            clock_difference(&mut connection, self.moments.clock()).await
        };
        let Ok(difference) = patient("clock", ask).await else {
            return;
        };
        let (jump_s, differs_ms) = (by.as_secs(), difference.micros / 1_000);
        if difference.exceeds(self.clock_difference) {
            tracing::error!(jump_s, differs_ms, "the clock has jumped ahead and is wrong");
        } else {
            tracing::warn!(jump_s, differs_ms, "the clock has jumped ahead and is right now");
            self.moments.accept();
        }
    }
}
