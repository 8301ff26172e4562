//! Amending an order: what it needs more is reserved first, under the amendment's own id.

use std::sync::Arc;

use domain::{FieldError, Order, OrderRef, OrderState};
use persistence::postgres::orders::StoredOrder;
use tokio::time::Instant;
use trading::{Amendment, Caller, EntryError};

use super::draft::Amending;
use super::fresh::place_command;
use super::{Expected, Intake, Outcome, Weight, odd, unavailable};
use crate::{Funding, Told, ToldRefusal};

/// How often an amendment is tried whose order changes meanwhile.
const TRIES: usize = 5;

impl Intake {
    /// Amends an order.
    ///
    /// # Errors
    /// Those of [`trading::OrderEntry::amend`].
    pub(crate) async fn amend(
        self: &Arc<Self>,
        caller: Caller,
        order: OrderRef,
        amendment: Amendment,
    ) -> Result<Order, EntryError> {
        self.whole(Weight::Ordinary, |intake, until| async move {
            for _ in 0..TRIES {
                let stored = intake.applied(caller, order.clone(), until).await?;
                if let Some(order) = intake.try_amend(caller, stored, amendment, until).await? {
                    return Ok(order);
                }
            }
            Err(unavailable("the order changes too fast"))
        })
        .await
    }

    /// The caller's order, once its shard has applied it.
    async fn applied(
        &self,
        caller: Caller,
        order: OrderRef,
        until: Instant,
    ) -> Result<StoredOrder, EntryError> {
        let stored = self.live(caller, order.clone()).await?;
        if stored.order.state != OrderState::Pending {
            return Ok(stored);
        }
        let expected = Expected::new(&self.outcomes, place_command(stored.order.order_id));
        let mut stored = self.live(caller, order.clone()).await?;
        if stored.order.state == OrderState::Pending {
            expected.by(until).await;
            stored = self.live(caller, order).await?;
        }
        match stored.order.state {
            OrderState::Pending => Err(unavailable("the order is not in its market yet")),
            _ => Ok(stored),
        }
    }

    /// The order after one try; none: it changed meanwhile, or its market moved.
    async fn try_amend(
        &self,
        caller: Caller,
        stored: StoredOrder,
        amendment: Amendment,
        until: Instant,
    ) -> Result<Option<Order>, EntryError> {
        let grids = self.grids.get();
        let market = grids.numbered(stored.order.market);
        let market = market.ok_or(EntryError::UnknownMarket)?;
        let amending = Amending::new(caller, &stored, market, amendment, self.moments.next()?);
        let expected = Expected::new(&self.outcomes, amending.command_id());
        match &amending.reserve {
            None => {
                let shard = self.shard_of(amending.market)?;
                self.hand(amending.command_row(shard, Funding::None)?).await?;
            }
            Some(reserve) => {
                self.write_draft(&amending, &stored.order).await?;
                let funded = self.fund(reserve.clone(), until).await;
                if let Some(funding) = funded
                    && let Err(failure) = self.finish_draft(&amending, funding).await
                {
                    tracing::warn!(%failure, "an amendment waits for now");
                }
            }
        }
        self.amended(caller, stored.order, expected.by(until).await).await
    }

    /// What an amendment came to, as its caller is told.
    async fn amended(
        &self,
        caller: Caller,
        before: Order,
        outcome: Outcome,
    ) -> Result<Option<Order>, EntryError> {
        let refusal = match outcome {
            Outcome::Settled(Told::Amended(order)) => return Ok(Some(Arc::unwrap_or_clone(order))),
            Outcome::Applied(Told::Amended(order)) => {
                return Err(EntryError::Pending { order, applied: true });
            }
            Outcome::Settled(Told::Refused(refusal)) | Outcome::Applied(Told::Refused(refusal)) => refusal,
            Outcome::Settled(told) | Outcome::Applied(told) => return Err(odd(&told)),
            Outcome::NotKnown => {
                return Err(EntryError::Pending {
                    order: Arc::new(before),
                    applied: false,
                });
            }
        };
        match refusal {
            ToldRefusal::AmendmentOutdated => Ok(None),
            ToldRefusal::UnknownMarket => {
                self.grids.table().reload_soon();
                Ok(None)
            }
            ToldRefusal::MarketState(state) => Err(EntryError::MarketState(state)),
            ToldRefusal::Amendment(reason) => Err(EntryError::AmendmentRefused(reason)),
            ToldRefusal::Invalid { field, rule } => Err(invalid(&field, rule)),
            ToldRefusal::NotLive | ToldRefusal::Repeated => {
                let now = self.live(caller, OrderRef::Id(before.order_id)).await?;
                Ok(Some(now.order))
            }
            refusal @ (ToldRefusal::Quarantined | ToldRefusal::Unfunded) => Err(odd(&Told::Refused(refusal))),
        }
    }
}

/// A field that breaks a rule, as a shard tells of it.
pub(crate) fn invalid(field: &str, rule: String) -> EntryError {
    const FIELDS: &[&str] = &[
        "price",
        "quantity",
        "quote_quantity",
        "display_quantity",
        "stop_price",
        "time_in_force",
        "post_only",
        "self_trade_prevention",
        "symbol",
        "tick",
        "lot",
        "number",
        "min_quantity",
        "max_quantity",
        "max_price",
        "initial_price",
        "market_band",
        "limit_band",
        "maker_fee",
        "taker_fee",
        "max_open_orders",
    ];
    let known = FIELDS.iter().find(|known| **known == field);
    EntryError::Invalid(FieldError::new(known.copied().unwrap_or("request"), rule))
}
