//! Dead man's switches, as their users set them.

use std::sync::Arc;

use domain::{CancelAllAfter, CancelReason, Stamp, UserId};
use persistence::postgres::intake::{MassCancel, arm_switch, disarm_switch};
use trading::{Caller, EntryError};

use super::{Intake, Mass, Weight, patient};

impl Intake {
    /// Arms, renews or disarms a user's switch; the moment at which it runs out.
    ///
    /// # Errors
    /// Those of [`trading::OrderEntry::cancel_all_after`].
    pub(crate) async fn arm(
        self: &Arc<Self>,
        caller: Caller,
        timeout_micros: u64,
    ) -> Result<Option<Stamp>, EntryError> {
        let after = CancelAllAfter {
            user_id: caller.user_id,
            timeout_micros,
        };
        after.check().map_err(EntryError::Invalid)?;
        self.whole(Weight::Urgent, move |intake, _| async move {
            let now = intake.moments.next()?.at.max(intake.moments.now());
            let fires_at = (timeout_micros > 0).then(|| now.plus_micros(timeout_micros));
            let write = async {
                let mut connection = intake.pool.get().await?;
                match fires_at {
                    Some(at) => arm_switch(&mut connection, after.user_id, at).await,
                    None => disarm_switch(&mut connection, after.user_id).await,
                }
            };
            patient("dead man's switch", write).await?;
            Ok(fires_at)
        })
        .await
    }

    /// The rows that cancel all orders of these users in these shards, whatever the states of the markets; none: not now.
    pub(crate) fn rows_of(
        &self,
        users: &[UserId],
        shards: &[u32],
        reason: CancelReason,
    ) -> Option<MassCancel> {
        let all: Vec<Mass> = users.iter().map(|user| Mass::of_user(*user, reason)).collect();
        self.mass_rows(&all, shards).ok()
    }
}
