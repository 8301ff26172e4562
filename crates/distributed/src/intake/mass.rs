//! Mass cancels: one command for each shard that is concerned, with a cut-off for what is still on its way.

use std::sync::Arc;
use std::time::Duration;

use domain::{CancelReason, Selection, Stamp, UserId};
use futures_util::future::join_all;
use persistence::postgres::PgError;
use persistence::postgres::intake::{CommandKind, CommandRow, CutoffRow, MassCancel, insert_mass_cancel};
use persistence::postgres::shard::shard_numbers;
use runtime::trace;
use tokio::time::Instant;
use trading::EntryError;
use uuid::Uuid;

use super::{Expected, Failure, Intake, Outcome, Weight, encoded, hint, odd, patient, unavailable};
use crate::{ShardCommand, Told, ToldRefusal};

/// How long a cut-off is kept at least. It goes on as long as an older order is PENDING.
const CUTOFF: Duration = Duration::from_secs(600);
/// How long a session outlives the gateway that held it.
pub(super) const SESSION_LIFE: Duration = Duration::from_secs(10);

/// Which orders are cancelled, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mass {
    /// Which.
    pub selection: Selection,
    /// Why.
    pub reason: CancelReason,
    /// Whether halted markets are not spared.
    pub everywhere: bool,
}

impl Mass {
    /// All orders of a user, whatever the states of the markets.
    pub fn of_user(user_id: UserId, reason: CancelReason) -> Self {
        Self {
            selection: Selection {
                user_id: Some(user_id),
                ..Selection::default()
            },
            reason,
            everywhere: true,
        }
    }
}

impl Intake {
    /// Cancels all that matches; how many.
    ///
    /// # Errors
    /// No such market, or that it is not known.
    pub(crate) async fn cancel_many(self: &Arc<Self>, mass: Mass) -> Result<u64, EntryError> {
        self.whole(Weight::Urgent, |intake, until| async move {
            let shards = match mass.selection.market {
                Some(_) => Vec::new(),
                None => intake.every_shard().await?,
            };
            let rows = intake.mass_rows(&[mass], &shards)?;
            let expected = intake.expected(&rows);
            intake.hand_mass(&rows).await?;
            let counted = counted(expected, until).await;
            if matches!(counted, Err(EntryError::Unavailable { .. })) {
                intake.grids.table().reload_soon();
            }
            counted
        })
        .await
    }

    /// Waits for each of a mass cancel's commands.
    pub(crate) fn expected(&self, rows: &MassCancel) -> Vec<Expected> {
        let ids = rows.commands.iter().map(|row| row.id);
        ids.map(|id| Expected::new(&self.outcomes, id)).collect()
    }

    /// Every shard that there is.
    ///
    /// # Errors
    /// The database does not say.
    pub(crate) async fn every_shard(&self) -> Result<Vec<u32>, EntryError> {
        let ask = async { shard_numbers(&mut *self.pool.get().await?).await };
        // Nothing was done.
        let shards = patient("shards", ask).await;
        shards.map_err(|_| unavailable("the shards cannot be read"))
    }

    /// The rows of mass cancels that are asked for now. What concerns all markets goes to all of these shards, whether or
    /// not they have any: one may be moving there just now.
    ///
    /// # Errors
    /// No such market, or a clock that cannot be trusted.
    pub(crate) fn mass_rows(&self, all: &[Mass], shards: &[u32]) -> Result<MassCancel, EntryError> {
        let markets = self.grids.table().markets();
        let mut rows = MassCancel::default();
        for mass in all {
            match mass.selection.market {
                Some(number) => {
                    let market = markets.by_number(number).ok_or(EntryError::UnknownMarket)?;
                    let symbol = market.market.symbol().to_string();
                    self.mass_row(mass, self.shard_of(number)?, Some(symbol), &mut rows)?;
                }
                None => {
                    for shard in shards {
                        self.mass_row(mass, *shard, None, &mut rows)?;
                    }
                }
            }
        }
        Ok(rows)
    }

    fn mass_row(
        &self,
        mass: &Mass,
        shard: u32,
        symbol: Option<String>,
        rows: &mut MassCancel,
    ) -> Result<(), EntryError> {
        let Mass {
            selection,
            reason,
            everywhere,
        } = *mass;
        let moment = self.moments.next()?;
        let id: Uuid = moment.command_id();
        let received_before = self.received_before(moment.at);
        let command = ShardCommand::CancelAll {
            selection,
            reason,
            by_operator: everywhere,
            received_before,
        };
        rows.commands.push(CommandRow {
            id,
            shard,
            kind: CommandKind::CancelAll,
            order_id: None,
            body: encoded(&command)?,
            at: moment.at,
            trace: trace::current(),
        });
        rows.cutoffs.push(CutoffRow {
            id,
            shard,
            user_id: selection.user_id,
            symbol,
            side: selection.side,
            reason,
            received_before,
            until: moment.at.plus_micros(CUTOFF.as_micros() as u64),
        });
        Ok(())
    }

    /// Orders that come to their shards later end if they were received before this. An order that is placed once the
    /// cancel is answered must not, even if the clock of its gateway is behind this one: so it lies back by as much as
    /// clocks may differ. What was answered before the cancel was asked for is caught all the same: it is in its shard, or
    /// its caller has waited for the whole answer timeout, of which this is at most half.
    fn received_before(&self, at: Stamp) -> Stamp {
        let back = self.clock_difference.min(self.answer_timeout / 2);
        let back = u64::try_from(back.as_micros()).unwrap_or(u64::MAX);
        Stamp::from_micros(at.micros().saturating_sub(back))
    }

    /// Writes mass cancels for their shards.
    ///
    /// # Errors
    /// They are not written, or that is not known.
    pub(super) async fn hand_mass(&self, rows: &MassCancel) -> Result<(), EntryError> {
        let write = || async {
            let mut connection = self.pool.get().await?;
            insert_mass_cancel(&mut connection, rows).await?;
            Ok::<_, PgError>(())
        };
        let mut written = patient("mass cancel", write()).await;
        if matches!(written, Err(Failure::Unknown(_))) {
            // The same rows again: those that were written the first time stay as they are.
            written = patient("mass cancel again", write()).await;
        }
        hint(&*self.notices, &rows.commands);
        Ok(written?)
    }
}

/// How many orders mass cancels took, of all shards.
pub(crate) async fn counted(expected: Vec<Expected>, until: Instant) -> Result<u64, EntryError> {
    let mut total = 0;
    for outcome in join_all(expected.into_iter().map(|one| one.by(until))).await {
        match outcome {
            Outcome::Settled(Told::CancelledAll(count)) | Outcome::Applied(Told::CancelledAll(count)) => {
                total += count;
            }
            Outcome::Settled(Told::Refused(refusal)) | Outcome::Applied(Told::Refused(refusal)) => {
                return Err(match refusal {
                    ToldRefusal::UnknownMarket => unavailable("the market moves"),
                    refusal => odd(&Told::Refused(refusal)),
                });
            }
            Outcome::Settled(told) | Outcome::Applied(told) => return Err(odd(&told)),
            Outcome::NotKnown => return Err(EntryError::OutcomeUnknown),
        }
    }
    Ok(total)
}
