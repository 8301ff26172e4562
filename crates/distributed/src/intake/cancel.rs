//! Cancelling one order.

use std::sync::Arc;

use domain::{Order, OrderRef};
use persistence::postgres::intake::{CommandKind, CommandRow};
use persistence::postgres::orders::StoredOrder;
use runtime::trace;
use tokio::time::Instant;
use trading::{Caller, EntryError};

use super::{Expected, Intake, Outcome, Weight, encoded, odd, unavailable};
use crate::{ShardCommand, Told, ToldRefusal};

/// How often a command is handed out anew because its market has moved to another shard.
const MOVES: usize = 3;

impl Intake {
    /// Cancels an order.
    ///
    /// # Errors
    /// Those of [`trading::OrderEntry::cancel`].
    pub(crate) async fn cancel(
        self: &Arc<Self>,
        caller: Caller,
        order: OrderRef,
    ) -> Result<Order, EntryError> {
        self.whole(Weight::Urgent, |intake, until| async move {
            intake.cancel_one(caller, order, until).await
        })
        .await
    }

    async fn cancel_one(&self, caller: Caller, order: OrderRef, until: Instant) -> Result<Order, EntryError> {
        for _ in 0..MOVES {
            let stored = self.live(caller, order.clone()).await?;
            let (id, market) = (stored.order.order_id, stored.order.market);
            let moment = self.moments.next()?;
            let command = ShardCommand::Cancel {
                user_id: caller.user_id,
                order_id: id,
                market,
                received_at: moment.at,
            };
            let row = CommandRow {
                id: moment.command_id(),
                shard: self.shard_of(market)?,
                kind: CommandKind::Cancel,
                order_id: Some(id),
                body: encoded(&command)?,
                at: moment.at,
                trace: trace::current(),
            };
            let expected = Expected::new(&self.outcomes, row.id);
            self.hand(row).await?;
            match expected.by(until).await {
                Outcome::Settled(Told::Cancelled(order)) => return Ok(Arc::unwrap_or_clone(order)),
                Outcome::Applied(Told::Cancelled(order)) => {
                    return Err(EntryError::Pending { order, applied: true });
                }
                Outcome::Settled(Told::Refused(ToldRefusal::UnknownMarket))
                | Outcome::Applied(Told::Refused(ToldRefusal::UnknownMarket)) => {
                    self.grids.table().reload_soon();
                }
                Outcome::Settled(Told::Refused(refusal)) | Outcome::Applied(Told::Refused(refusal)) => {
                    return Err(self.not_cancelled(caller, id, refusal).await);
                }
                Outcome::Settled(told) | Outcome::Applied(told) => return Err(odd(&told)),
                Outcome::NotKnown => {
                    return Err(EntryError::Pending {
                        order: Arc::new(stored.order),
                        applied: false,
                    });
                }
            }
        }
        Err(unavailable("the market moves"))
    }

    /// The caller's order, if it has not ended.
    ///
    /// # Errors
    /// It is none of the caller's, or has ended.
    pub(crate) async fn live(&self, caller: Caller, order: OrderRef) -> Result<StoredOrder, EntryError> {
        match self.look(caller.user_id, order).await? {
            Some(stored) if stored.order.state.is_final() => {
                Err(EntryError::OrderEnded(Arc::new(stored.order)))
            }
            Some(stored) => Ok(stored),
            None => Err(EntryError::UnknownOrder),
        }
    }

    async fn not_cancelled(&self, caller: Caller, id: domain::OrderId, refusal: ToldRefusal) -> EntryError {
        match refusal {
            ToldRefusal::MarketState(state) => EntryError::MarketState(state),
            ToldRefusal::NotLive | ToldRefusal::Repeated => {
                match self.live(caller, OrderRef::Id(id)).await {
                    Err(error) => error,
                    // It is not in its shard, and its row does not say why.
                    Ok(_) => EntryError::OutcomeUnknown,
                }
            }
            refusal => odd(&Told::Refused(refusal)),
        }
    }
}
