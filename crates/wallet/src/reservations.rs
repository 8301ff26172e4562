//! Reserve, release and merge: what orders and amendments hold.

use domain::{Amount, Merge, Release, Reserve, Stamp};
use ledger::{LedgerFault, Posting, ReservationHandle, ReserveError};
use persistence::postgres::wallet::{ReservationStatus, StoredReservation};
use wallet_client::{Refused, UserBalance};

use crate::book::{Book, Held, RowState};
use crate::key::reservation_id;

/// A refusal that names the field and its rule.
pub(crate) fn invalid(field: &str, rule: &str) -> Refused {
    Refused::Invalid {
        field: field.to_owned(),
        rule: rule.to_owned(),
    }
}

/// A refusal that says what is wrong with the reservation.
pub(crate) fn not_reserved(why: impl std::fmt::Display) -> Refused {
    Refused::NotReserved(why.to_string())
}

/// What a fault of the ledger means to the caller.
pub(crate) fn refusal(fault: LedgerFault) -> Refused {
    match fault {
        LedgerFault::AccountTooLarge { .. } => Refused::TooLarge,
        fault => not_reserved(fault),
    }
}

impl Book {
    /// Moves an amount from available to reserved, for an order or an amendment.
    pub fn reserve(
        &mut self,
        r: &Reserve,
        at: Stamp,
        postings: &mut Vec<Posting>,
    ) -> Result<Vec<UserBalance>, Refused> {
        let id = reservation_id(r.order_id, r.request_id);
        if r.amount.is_zero() {
            return Err(invalid("amount", "must be greater than 0"));
        }
        if r.request_id.is_some() && id.as_u128() == r.order_id.as_u128() {
            return Err(invalid("request_id", "must not be the order's id"));
        }
        match self.reservations.get(&id).map(|held| held.row.status) {
            None => {}
            Some(ReservationStatus::Tombstone) => return Err(Refused::Released),
            // Its reserve was answered, and under this very key.
            Some(_) => return Err(Refused::KeyConflict),
        }
        let (slot, answer) = match self.ledger.reserve(r, postings) {
            Ok(slot) => (Some(slot), Ok(vec![self.balance(r.user_id, r.asset)])),
            Err(ReserveError::InsufficientBalance { available: _ }) => {
                let balance = self.balance(r.user_id, r.asset);
                (None, Err(Refused::InsufficientBalance { balance }))
            }
            Err(ReserveError::Fault(fault)) => return Err(refusal(fault)),
        };
        let row = StoredReservation {
            reservation_id: id,
            order_id: r.order_id,
            user_id: r.user_id,
            asset: r.asset,
            receives: (r.receives != r.asset).then_some(r.receives),
            granted: slot.map_or(Amount::ZERO, |_| r.amount),
            left: Amount::ZERO,
            status: slot.map_or(ReservationStatus::Refused, |_| ReservationStatus::Held),
            created_at: at,
        };
        let handle = slot.map(|slot| ReservationHandle {
            order_id: r.order_id,
            request_id: r.request_id,
            slot,
        });
        self.add(row, handle);
        answer
    }

    fn add(&mut self, row: StoredReservation, handle: Option<ReservationHandle>) {
        let held = Held {
            row,
            handle,
            state: RowState::New,
        };
        self.reservations.insert(row.reservation_id, held);
    }

    /// Gives back a part of a reservation. Where nothing was reserved nothing moves, and nothing will be reserved later.
    pub fn release(
        &mut self,
        r: &Release,
        at: Stamp,
        postings: &mut Vec<Posting>,
    ) -> Result<Vec<UserBalance>, Refused> {
        let id = reservation_id(r.order_id, r.request_id);
        let Some(held) = self.reservations.get(&id) else {
            let tombstone = StoredReservation {
                reservation_id: id,
                order_id: r.order_id,
                user_id: r.user_id,
                asset: r.asset,
                receives: None,
                granted: Amount::ZERO,
                left: Amount::ZERO,
                status: ReservationStatus::Tombstone,
                created_at: at,
            };
            self.add(tombstone, None);
            return Ok(vec![self.balance(r.user_id, r.asset)]);
        };
        if matches!(
            held.row.status,
            ReservationStatus::Refused | ReservationStatus::Tombstone
        ) {
            return Ok(vec![self.balance(r.user_id, r.asset)]);
        }
        if (held.row.user_id, held.row.asset) != (r.user_id, r.asset) || held.row.order_id != r.order_id {
            return Err(not_reserved(format!("{id} is of another order, user or asset")));
        }
        let Some(handle) = held.handle else {
            // Nothing of it is left to give back.
            return if r.amount.is_zero() {
                Ok(vec![self.balance(r.user_id, r.asset)])
            } else {
                Err(Refused::InvalidReleaseAmount)
            };
        };
        let left = self.ledger.reserved(handle.slot);
        let whole = r.last || r.number == 0;
        if r.amount > left || (whole && r.amount != left) {
            return Err(Refused::InvalidReleaseAmount);
        }
        let last = r.amount == left;
        let release = Release { last, ..*r };
        let done = self.ledger.release(&release, handle.slot, postings);
        done.map_err(refusal)?;
        if let Some(held) = self.reservations.get_mut(&id) {
            held.change();
            if last {
                held.close();
            }
        }
        Ok(vec![self.balance(r.user_id, r.asset)])
    }

    /// Adds all of an amendment's reservation to its order's.
    pub fn merge(&mut self, m: &Merge, postings: &mut Vec<Posting>) -> Result<Vec<UserBalance>, Refused> {
        let (from_id, into_id) = (
            reservation_id(m.order_id, Some(m.request_id)),
            reservation_id(m.order_id, None),
        );
        let live = |id| {
            let held: &Held = self.reservations.get(&id)?;
            Some((held.handle?, held.row))
        };
        let (from, amendment) = live(from_id).ok_or_else(|| not_reserved("the amendment holds nothing"))?;
        let (into, order) = live(into_id).ok_or_else(|| not_reserved("the order holds nothing"))?;
        let same = (order.user_id, order.asset) == (amendment.user_id, amendment.asset);
        if !same || (m.user_id, m.asset) != (order.user_id, order.asset) || amendment.order_id != m.order_id {
            return Err(not_reserved("order and amendment are not of the same account"));
        }
        if m.amount != self.ledger.reserved(from.slot) {
            return Err(not_reserved("the amount is not all that the amendment holds"));
        }
        if order.receives != amendment.receives {
            return Err(not_reserved("order and amendment do not receive the same asset"));
        }
        let done = self.ledger.merge(m, from.slot, into.slot, postings);
        done.map_err(refusal)?;
        if let Some(amendment) = self.reservations.get_mut(&from_id) {
            amendment.close();
        }
        if let Some(order) = self.reservations.get_mut(&into_id) {
            // More than there can be is never held; a total over an order's life may pass it.
            order.row.granted = order.row.granted.checked_add(m.amount).unwrap_or(Amount::MAX);
            order.change();
        }
        Ok(vec![self.balance(m.user_id, m.asset)])
    }
}
