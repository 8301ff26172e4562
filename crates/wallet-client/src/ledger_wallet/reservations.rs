//! Reserve, release and merge in memory: what orders and amendments hold.

use domain::{Merge, Release, Reserve, Stamp};
use ledger::{Posting, ReservationHandle, ReserveError};

use super::{Books, Held, Reservation, invalid, not_reserved, reservation_id};
use crate::{Answer, Refused};

impl Books {
    pub(super) fn reserve(&mut self, r: &Reserve, at: Stamp) -> Result<Answer, Refused> {
        let id = reservation_id(r.order_id, r.request_id);
        if r.amount.is_zero() {
            return Err(invalid("amount", "must be greater than 0"));
        }
        if matches!(self.reservations.get(&id), Some(Reservation::Tombstone)) {
            return Err(Refused::Released);
        }
        let (user_id, asset) = (r.user_id, r.asset);
        let mut postings: Vec<Posting> = Vec::new();
        let slot = match self.ledger.reserve(r, &mut postings) {
            Ok(slot) => slot,
            Err(ReserveError::InsufficientBalance { .. }) => {
                self.reservations.insert(id, Reservation::Refused);
                let balance = self.balance(user_id, asset);
                return Err(Refused::InsufficientBalance { balance });
            }
            Err(ReserveError::Fault(fault)) => return Err(not_reserved(&fault.to_string())),
        };
        let entry_ids = self.write(&postings, at);
        let age = self.number;
        let handle = ReservationHandle {
            order_id: r.order_id,
            request_id: r.request_id,
            slot,
        };
        let held = Held {
            handle,
            user_id,
            asset,
            receives: (r.receives != asset).then_some(r.receives),
            age,
        };
        self.reservations.insert(id, Reservation::Held(held));
        self.by_age.insert((user_id, asset, age), id);
        Ok(self.answer(entry_ids, &[(user_id, asset)]))
    }

    pub(super) fn release(&mut self, r: &Release, at: Stamp) -> Result<Answer, Refused> {
        let id = reservation_id(r.order_id, r.request_id);
        let (user_id, asset) = (r.user_id, r.asset);
        let held = match self.reservations.get(&id) {
            None => {
                self.reservations.insert(id, Reservation::Tombstone);
                return Ok(self.answer(Vec::new(), &[(user_id, asset)]));
            }
            Some(Reservation::Refused | Reservation::Tombstone) => {
                return Ok(self.answer(Vec::new(), &[(user_id, asset)]));
            }
            Some(Reservation::Held(held)) => *held,
            Some(Reservation::Ended {
                user_id: owner,
                asset: paid,
            }) => {
                return if (*owner, *paid) != (user_id, asset) {
                    Err(not_reserved("it is not this user's reservation of this asset"))
                } else if r.amount.is_zero() {
                    Ok(self.answer(Vec::new(), &[(user_id, asset)]))
                } else {
                    Err(Refused::InvalidReleaseAmount)
                };
            }
        };
        if (held.user_id, held.asset, held.handle.order_id) != (user_id, asset, r.order_id) {
            return Err(not_reserved("it is not this user's reservation of this asset"));
        }
        let left = self.ledger.reserved(held.handle.slot);
        let whole = r.last || r.number == 0;
        if r.amount > left || (whole && r.amount != left) {
            return Err(Refused::InvalidReleaseAmount);
        }
        let release = Release {
            last: r.amount == left,
            ..*r
        };
        let mut postings: Vec<Posting> = Vec::new();
        let released = self.ledger.release(&release, held.handle.slot, &mut postings);
        released.map_err(|_| Refused::InvalidReleaseAmount)?;
        if release.last {
            self.end(id, held);
        }
        let entry_ids = self.write(&postings, at);
        Ok(self.answer(entry_ids, &[(user_id, asset)]))
    }

    pub(super) fn merge(&mut self, m: &Merge, at: Stamp) -> Result<Answer, Refused> {
        let amendment = self.held(m.request_id.as_u128())?;
        let order = self.held(m.order_id.as_u128())?;
        if m.amount != self.ledger.reserved(amendment.handle.slot) {
            return Err(not_reserved("a merge takes all that the amendment holds"));
        }
        let mut postings: Vec<Posting> = Vec::new();
        let merged = self
            .ledger
            .merge(m, amendment.handle.slot, order.handle.slot, &mut postings);
        merged.map_err(|fault| not_reserved(&fault.to_string()))?;
        self.end(m.request_id.as_u128(), amendment);
        let entry_ids = self.write(&postings, at);
        Ok(self.answer(entry_ids, &[(m.user_id, m.asset)]))
    }

    /// A reservation that may be used.
    pub(super) fn held(&self, id: u128) -> Result<Held, Refused> {
        match self.reservations.get(&id) {
            Some(Reservation::Held(held)) => Ok(*held),
            Some(Reservation::Ended { .. }) => Err(not_reserved("nothing of it is left")),
            Some(Reservation::Refused | Reservation::Tombstone) | None => Err(not_reserved("there is none")),
        }
    }

    /// Takes a reservation out of those that may be used.
    pub(super) fn end(&mut self, id: u128, held: Held) {
        let Held {
            user_id, asset, age, ..
        } = held;
        self.by_age.remove(&(user_id, asset, age));
        self.reservations
            .insert(id, Reservation::Ended { user_id, asset });
    }
}
