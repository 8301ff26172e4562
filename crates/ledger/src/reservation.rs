//! Reservations: what each live order, and each amendment on its way, holds of its owner's money.

use std::collections::BTreeMap;

use domain::{Amount, OrderId, RequestId};
use serde::{Deserialize, Serialize};

use crate::account::Row;
use crate::{LedgerFault, ReservationHandle};

/// The handle of a reservation: given out by reserve, worth keeping with the order, so that settling needs no search.
/// A handle holds for the ledger that gave it, until the reservation ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ReservationSlot(pub u32);

/// What one order or one amendment holds.
#[derive(Debug, Clone)]
pub(crate) struct Reservation {
    pub order_id: OrderId,
    pub amount: Amount,
    /// The account that it is held in.
    pub pays: Row,
    /// The account that receives what is bought with it.
    pub receives: Row,
    pub use_of: SlotUse,
}

/// What a slot is used for at present.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SlotUse {
    Free,
    Order,
    Amendment,
}

/// All reservations in dense slots; a freed slot is used again.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reservations {
    slots: Vec<Reservation>,
    free: Vec<u32>,
    /// The ids of the amendments on their way, by slot: few at any time.
    amendments: BTreeMap<u32, RequestId>,
}

impl Reservations {
    /// The slot that [`Reservations::add`] will fill next.
    ///
    /// # Errors
    /// There is no room.
    pub fn next_slot(&self) -> Result<ReservationSlot, LedgerFault> {
        let next = self.free.last().copied().or(u32::try_from(self.slots.len()).ok());
        next.map(ReservationSlot).ok_or(LedgerFault::Full)
    }

    /// Fills the slot that [`Reservations::next_slot`] named.
    pub fn add(&mut self, slot: ReservationSlot, reservation: Reservation, request_id: Option<RequestId>) {
        if let Some(request_id) = request_id {
            self.amendments.insert(slot.0, request_id);
        }
        match self.free.pop() {
            Some(free) => self.slots[free as usize] = reservation,
            None => self.slots.push(reservation),
        }
    }

    /// The reservation of an order.
    ///
    /// # Errors
    /// The slot does not hold it.
    pub fn order(&self, slot: ReservationSlot, order_id: OrderId) -> Result<&Reservation, LedgerFault> {
        match self.slots.get(slot.0 as usize) {
            Some(held) if held.use_of == SlotUse::Order && held.order_id == order_id => Ok(held),
            _ => Err(other(slot, order_id, None)),
        }
    }

    /// The reservation of an amendment.
    ///
    /// # Errors
    /// The slot does not hold it.
    pub fn amendment(
        &self,
        slot: ReservationSlot,
        order_id: OrderId,
        request_id: RequestId,
    ) -> Result<&Reservation, LedgerFault> {
        match self.slots.get(slot.0 as usize) {
            Some(held) if held.order_id == order_id && self.request_id(slot) == Some(request_id) => Ok(held),
            _ => Err(other(slot, order_id, Some(request_id))),
        }
    }

    /// The reservation of a handle.
    ///
    /// # Errors
    /// The slot does not hold it.
    pub fn find(&self, handle: &ReservationHandle) -> Result<&Reservation, LedgerFault> {
        match handle.request_id {
            Some(request_id) => self.amendment(handle.slot, handle.order_id, request_id),
            None => self.order(handle.slot, handle.order_id),
        }
    }

    /// The amendment that a slot is held for.
    pub fn request_id(&self, slot: ReservationSlot) -> Option<RequestId> {
        self.amendments.get(&slot.0).copied()
    }

    /// What a slot holds; nothing where it is free.
    pub fn get(&self, slot: ReservationSlot) -> Option<&Reservation> {
        self.slots
            .get(slot.0 as usize)
            .filter(|held| held.use_of != SlotUse::Free)
    }

    /// Sets what a live slot holds.
    pub fn set_amount(&mut self, slot: ReservationSlot, amount: Amount) {
        if let Some(held) = self.slots.get_mut(slot.0 as usize) {
            held.amount = amount;
        }
    }

    /// Sets the account that receives what is bought with a live slot.
    pub fn set_receives(&mut self, slot: ReservationSlot, receives: Row) {
        if let Some(held) = self.slots.get_mut(slot.0 as usize) {
            held.receives = receives;
        }
    }

    /// Gives a live slot up.
    pub fn free(&mut self, slot: ReservationSlot) {
        if let Some(held) = self.slots.get_mut(slot.0 as usize) {
            if held.use_of == SlotUse::Amendment {
                self.amendments.remove(&slot.0);
            }
            held.use_of = SlotUse::Free;
            held.amount = Amount::ZERO;
            self.free.push(slot.0);
        }
    }

    /// How many are live.
    pub fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// All live reservations with their slots, in the order of the slots.
    pub fn live(&self) -> impl Iterator<Item = (ReservationSlot, &Reservation)> {
        (0..)
            .map(ReservationSlot)
            .zip(&self.slots)
            .filter(|(_, held)| held.use_of != SlotUse::Free)
    }
}

fn other(slot: ReservationSlot, order_id: OrderId, request_id: Option<RequestId>) -> LedgerFault {
    LedgerFault::OtherReservation {
        slot,
        order_id,
        request_id,
    }
}
