//! Placing, amending and cancelling orders: the trait `OrderEntry` for the embedded exchange.

use std::sync::Arc;

use async_trait::async_trait;
use domain::{
    Amend, Cancel, CancelAll, CancelAllAfter, CloseSession, Command, MarketNumber, OpenSession, Order,
    OrderId, OrderRef, Outcome, Place, Refusal, RequestId, Selection, SessionId, Side, Stamp, Status,
};
use trading::{Amendment, Caller, EntryError, NewOrder, OrderEntry, Placed};

use crate::ask::Weight;
use crate::open::Embedded;

/// The writer puts the real id in its place.
const TO_BE_MADE: u128 = 0;

/// A refusal as callers are told of it.
pub(crate) fn refused(refusal: Refusal) -> EntryError {
    match refusal {
        Refusal::UnknownMarket => EntryError::UnknownMarket,
        Refusal::UnknownOrder => EntryError::UnknownOrder,
        Refusal::OrderEnded(order) => EntryError::OrderEnded(order),
        Refusal::MarketState(state) => EntryError::MarketState(state),
        Refusal::ClientIdConflict(id) => EntryError::ClientIdConflict(id),
        Refusal::Amendment(reason) => EntryError::AmendmentRefused(reason),
        Refusal::Shape(error) => EntryError::Invalid(error),
        Refusal::Definition(errors) => match errors.into_iter().next() {
            Some(error) => EntryError::Invalid(error),
            None => EntryError::OutcomeUnknown,
        },
        Refusal::TransferKeyConflict => EntryError::TransferKeyConflict,
        Refusal::InsufficientBalance => EntryError::InsufficientBalance,
        Refusal::UnknownTier => EntryError::UnknownTier,
        Refusal::UnknownApiKey => EntryError::UnknownApiKey,
        Refusal::ApiKeyTaken => EntryError::ApiKeyTaken,
        Refusal::BalanceTooLarge => EntryError::Invalid(domain::FieldError::new(
            "amount",
            "would bring the asset above 92233720368.54775807",
        )),
    }
}

#[async_trait]
impl OrderEntry for Embedded {
    async fn place(&self, caller: Caller, order: NewOrder) -> Result<Placed, EntryError> {
        let place = Place {
            order_id: OrderId::from_u128(TO_BE_MADE),
            user_id: caller.user_id,
            institution_id: caller.institution_id,
            market: order.market,
            side: order.side,
            terms: order.terms,
            time_in_force: order.time_in_force,
            self_trade_prevention: order.self_trade_prevention,
            client_order_id: order.client_order_id,
            received_at: Stamp::from_micros(self.options.clock.wall_us()),
            deadline: order.deadline,
            protection_price: None,
        };
        match self.command(Command::Place(place), Weight::Ordinary).await? {
            Outcome::Placed(order) if order.state.status() == Status::Rejected => {
                Err(EntryError::Rejected(order))
            }
            Outcome::Placed(order) => Ok(Placed::New(order)),
            Outcome::Repeated(order) => Ok(Placed::Existing(order)),
            Outcome::RepeatedLongAgo(id) => self.placed_long_ago(caller, id).await,
            Outcome::Refused(refusal) => Err(refused(refusal)),
            _ => Err(EntryError::OutcomeUnknown),
        }
    }

    async fn cancel(&self, caller: Caller, order: OrderRef) -> Result<Order, EntryError> {
        let cancel = Cancel {
            user_id: caller.user_id,
            order,
        };
        match self.command(Command::Cancel(cancel), Weight::Urgent).await? {
            Outcome::Cancelled(order) => Ok(Arc::unwrap_or_clone(order)),
            Outcome::Refused(refusal) => Err(refused(refusal)),
            _ => Err(EntryError::OutcomeUnknown),
        }
    }

    async fn amend(
        &self,
        caller: Caller,
        order: OrderRef,
        amendment: Amendment,
    ) -> Result<Order, EntryError> {
        let amend = Amend {
            request_id: RequestId::from_u128(TO_BE_MADE),
            user_id: caller.user_id,
            order,
            price: amendment.price,
            quantity: amendment.quantity,
        };
        match self.command(Command::Amend(amend), Weight::Ordinary).await? {
            Outcome::Amended(order) => Ok(Arc::unwrap_or_clone(order)),
            Outcome::Refused(refusal) => Err(refused(refusal)),
            _ => Err(EntryError::OutcomeUnknown),
        }
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
        self.mass_cancel(CancelAll {
            selection,
            by_operator: false,
        })
        .await
    }

    async fn cancel_all_after(
        &self,
        caller: Caller,
        timeout_micros: u64,
    ) -> Result<Option<Stamp>, EntryError> {
        let after = CancelAllAfter {
            user_id: caller.user_id,
            timeout_micros,
        };
        match self
            .command(Command::CancelAllAfter(after), Weight::Urgent)
            .await?
        {
            Outcome::Armed(at) => Ok(at),
            Outcome::Refused(refusal) => Err(refused(refusal)),
            _ => Err(EntryError::OutcomeUnknown),
        }
    }

    async fn open_session(&self, caller: Caller) -> Result<SessionId, EntryError> {
        let open = OpenSession {
            session_id: SessionId::from_u128(TO_BE_MADE),
            user_id: caller.user_id,
        };
        // Who did not wait for the id would never end the session: it is ended for him.
        let late = |outcome| match outcome {
            Outcome::SessionOpened(session_id) => Some(Command::CloseSession(CloseSession {
                session_id,
                cancel: false,
            })),
            _ => None,
        };
        match self
            .command_or_undo(Command::OpenSession(open), Weight::Ordinary, late)
            .await?
        {
            Outcome::SessionOpened(session) => Ok(session),
            Outcome::Refused(refusal) => Err(refused(refusal)),
            _ => Err(EntryError::OutcomeUnknown),
        }
    }

    async fn close_session(&self, session: SessionId, cancel: bool) -> Result<(), EntryError> {
        let close = CloseSession {
            session_id: session,
            cancel,
        };
        match self.command(Command::CloseSession(close), Weight::Urgent).await? {
            Outcome::CancelledAll(_) | Outcome::Done => Ok(()),
            Outcome::Refused(refusal) => Err(refused(refusal)),
            _ => Err(EntryError::OutcomeUnknown),
        }
    }
}

impl Embedded {
    pub(crate) async fn mass_cancel(&self, all: CancelAll) -> Result<u64, EntryError> {
        match self.command(Command::CancelAll(all), Weight::Urgent).await? {
            Outcome::CancelledAll(count) => Ok(count),
            Outcome::Refused(refusal) => Err(refused(refusal)),
            _ => Err(EntryError::OutcomeUnknown),
        }
    }

    /// An order that ended so long ago that only history has it.
    async fn placed_long_ago(&self, caller: Caller, id: OrderId) -> Result<Placed, EntryError> {
        match self.past_order(caller, OrderRef::Id(id)).await {
            Ok(Some(order)) => Ok(Placed::Existing(Arc::new(order))),
            Ok(None) | Err(_) => Err(EntryError::AlreadyPlaced(id)),
        }
    }
}
