//! Placing an order: checked, stored as PENDING, funded, handed to its shard, and answered when it is settled.

use std::sync::Arc;

use domain::{OrderId, OrderRef, OrderState, Status, UserId};
use persistence::postgres::orders::{FeeRates, StoredOrder};
use tokio::time::Instant;
use trading::{Caller, EntryError, NewOrder, Placed};

use super::fresh::place_command;
use super::store::Stored;
use super::{Expected, Fresh, Intake, Outcome, Unfunded, Weight, odd, unavailable};
use crate::{Told, ToldRefusal};

/// What is waited for of a placement, from before its command can reach its shard.
struct Wait {
    outcome: Expected,
    /// Where the wallet was not asked: that it has to be.
    unfunded: Option<Unfunded>,
}

impl Intake {
    /// Places an order.
    ///
    /// # Errors
    /// Those of [`trading::OrderEntry::place`].
    pub(crate) async fn place(
        self: &Arc<Self>,
        caller: Caller,
        order: NewOrder,
    ) -> Result<Placed, EntryError> {
        let fresh = self.fresh(caller, order)?;
        self.pressure.check(self.shard_of(fresh.place.market)?)?;
        self.whole(Weight::Ordinary, |intake, until| async move {
            intake.walk(fresh, until).await
        })
        .await
    }

    /// The order that a caller asks for, checked as far as that goes without asking anybody.
    ///
    /// # Errors
    /// No such market, what makes no sense, or a clock that cannot be trusted.
    pub(crate) fn fresh(&self, caller: Caller, order: NewOrder) -> Result<Fresh, EntryError> {
        let markets = self.grids.table().markets();
        let market = markets.by_number(order.market).ok_or(EntryError::UnknownMarket)?;
        let market = Arc::clone(&market.market);
        let fees = self.fees_of(caller.user_id, &market);
        Fresh::new(caller, order, market, fees, self.moments.next()?)
    }

    /// The fees of a user's tier, else the market's.
    fn fees_of(&self, user_id: UserId, market: &domain::Market) -> FeeRates {
        let rates = FeeRates::of(market);
        match self.register.tier_of(user_id) {
            Some(tier) => FeeRates {
                maker: tier.maker_fee.unwrap_or(rates.maker),
                taker: tier.taker_fee.unwrap_or(rates.taker),
            },
            None => rates,
        }
    }

    pub(super) async fn walk(&self, mut fresh: Fresh, until: Instant) -> Result<Placed, EntryError> {
        fresh.turned_away_by = self.grids.table().turns_away(&fresh.place, self.moments.now());
        // Before it is stored, since from then on somebody else may drive it too.
        let command = fresh.command_id();
        let wait = Wait {
            outcome: Expected::new(&self.outcomes, command),
            unfunded: (fresh.turned_away_by).map(|_| Unfunded::new(&self.outcomes, command)),
        };
        match self.store(fresh).await? {
            Stored::Standing { order, same: false } => {
                Err(EntryError::ClientIdConflict(order.order.order_id))
            }
            Stored::Standing { order, same: true } => self.standing(*order, until).await,
            Stored::New(order) => {
                if wait.unfunded.is_some() {
                    metrics::counter!("reserves_spared_total").increment(1);
                }
                let user_id = order.place.user_id;
                let outcome = self.see_through(&order, wait, until).await;
                self.placed(user_id, order.id(), outcome, || Arc::new(order.pending()))
                    .await
            }
        }
    }

    /// Takes a stored order to its shard and waits for what it comes to. One that the shard seems sure to turn away is there
    /// already, and the wallet is not asked; if it comes back because it is not turned away after all, it comes again with
    /// its funds.
    async fn see_through(&self, order: &Fresh, wait: Wait, until: Instant) -> Outcome {
        let outcome = wait.outcome.by(until);
        tokio::pin!(outcome);
        if let Some(mut unfunded) = wait.unfunded {
            tokio::select! {
                biased;
                outcome = &mut outcome => return outcome,
                () = unfunded.heard() => {}
            }
            metrics::counter!("reserves_spared_in_vain_total").increment(1);
            tracing::debug!(order_id = %order.id(), "an order was not turned away after all");
        }
        if let Err(why) = self.drive(order, until).await {
            tracing::warn!(order_id = %order.id(), ?why, "an order stays PENDING for now");
            // Whoever is told that it is PENDING has waited, which mass cancels count on; and perhaps it goes on.
        }
        let begun = Instant::now();
        let outcome = outcome.await;
        self.stages.outcome.record(begun.elapsed().as_secs_f64());
        outcome
    }

    /// Stores an order as PENDING.
    ///
    /// # Errors
    /// It is not stored, or that is not known.
    pub(crate) async fn store(&self, fresh: Fresh) -> Result<Stored, EntryError> {
        let begun = Instant::now();
        let stored = self.storing.ask(fresh).await;
        self.stages.store.record(begun.elapsed().as_secs_f64());
        match stored {
            Some(Ok(stored)) => Ok(stored),
            Some(Err(failure)) => {
                if failure.is_refusal() {
                    self.grids.table().reload_soon();
                }
                Err(failure.into())
            }
            None => Err(EntryError::OutcomeUnknown),
        }
    }

    /// What a placement came to, as its caller is told.
    async fn placed(
        &self,
        user_id: UserId,
        order_id: OrderId,
        outcome: Outcome,
        pending: impl FnOnce() -> Arc<domain::Order>,
    ) -> Result<Placed, EntryError> {
        match outcome {
            Outcome::Settled(Told::Placed(order)) | Outcome::Applied(Told::Placed(order))
                if order.state.status() == Status::Rejected =>
            {
                Err(EntryError::Rejected(order))
            }
            Outcome::Settled(Told::Placed(order)) => Ok(Placed::New(order)),
            Outcome::Applied(Told::Placed(order)) => Ok(Placed::Pending(order)),
            Outcome::Settled(Told::Refused(refusal)) | Outcome::Applied(Told::Refused(refusal)) => {
                self.not_applied(user_id, order_id, &refusal).await
            }
            Outcome::Settled(told) | Outcome::Applied(told) => Err(odd(&told)),
            Outcome::NotKnown => Ok(Placed::Pending(pending())),
        }
    }

    /// A placement that its shard did not apply: a repetition, set aside, or in another shard than it lives in. Its row tells.
    async fn not_applied(
        &self,
        user_id: UserId,
        order_id: OrderId,
        refusal: &ToldRefusal,
    ) -> Result<Placed, EntryError> {
        if *refusal == ToldRefusal::UnknownMarket {
            self.grids.table().reload_soon();
        }
        let order = self.look(user_id, OrderRef::Id(order_id)).await;
        let Ok(Some(StoredOrder { order, .. })) = order else {
            return Err(EntryError::OutcomeUnknown);
        };
        match order.state {
            OrderState::Rejected(_) => Err(EntryError::Rejected(Arc::new(order))),
            OrderState::Pending => Ok(Placed::Pending(Arc::new(order))),
            _ => Ok(Placed::New(Arc::new(order))),
        }
    }

    /// The same order was placed before: as it is, or what it comes to.
    async fn standing(&self, order: StoredOrder, until: Instant) -> Result<Placed, EntryError> {
        let StoredOrder { order, .. } = order;
        if order.state != OrderState::Pending {
            return Ok(Placed::Existing(Arc::new(order)));
        }
        let expected = Expected::new(&self.outcomes, place_command(order.order_id));
        // What it came to before somebody waited for it here is in its row.
        let now = self.look(order.user_id, OrderRef::Id(order.order_id)).await?;
        match now {
            Some(StoredOrder { order, .. }) if order.state != OrderState::Pending => {
                Ok(Placed::Existing(Arc::new(order)))
            }
            Some(_) => match expected.by(until).await {
                Outcome::Settled(Told::Placed(order)) => Ok(Placed::Existing(order)),
                Outcome::Applied(Told::Placed(order)) => Ok(Placed::Pending(order)),
                _ => Ok(Placed::Pending(Arc::new(order))),
            },
            None => Err(unavailable("the order cannot be looked up")),
        }
    }
}
