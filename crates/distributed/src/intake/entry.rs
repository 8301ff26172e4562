//! The trait `OrderEntry` for a gateway's exchange.

use async_trait::async_trait;
use domain::{CancelReason, MarketNumber, Order, OrderRef, Selection, SessionId, Side, Stamp};
use trading::{Amendment, Caller, EntryError, NewOrder, OrderEntry, Placed};

use super::Mass;
use crate::Distributed;

#[async_trait]
impl OrderEntry for Distributed {
    async fn place(&self, caller: Caller, order: NewOrder) -> Result<Placed, EntryError> {
        self.intake.place(caller, order).await
    }

    async fn cancel(&self, caller: Caller, order: OrderRef) -> Result<Order, EntryError> {
        self.intake.cancel(caller, order).await
    }

    async fn amend(
        &self,
        caller: Caller,
        order: OrderRef,
        amendment: Amendment,
    ) -> Result<Order, EntryError> {
        self.intake.amend(caller, order, amendment).await
    }

    async fn cancel_all(
        &self,
        caller: Caller,
        market: Option<MarketNumber>,
        side: Option<Side>,
    ) -> Result<u64, EntryError> {
        let selection = Selection {
            user_id: Some(caller.user_id),
            market,
            side,
        };
        let mass = Mass {
            selection,
            reason: CancelReason::MassCancel,
            everywhere: false,
        };
        self.intake.cancel_many(mass).await
    }

    async fn cancel_all_after(
        &self,
        caller: Caller,
        timeout_micros: u64,
    ) -> Result<Option<Stamp>, EntryError> {
        self.intake.arm(caller, timeout_micros).await
    }

    async fn open_session(&self, caller: Caller) -> Result<SessionId, EntryError> {
        self.intake.open_session(caller).await
    }

    async fn close_session(&self, session: SessionId, cancel: bool) -> Result<(), EntryError> {
        self.intake.close_session(session, cancel).await
    }
}
