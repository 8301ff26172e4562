//! Users, their live orders and their client order ids: which are taken, what for, and when they may be used again.

use std::collections::{HashMap, VecDeque};

use domain::{ClientOrderId, Digest, OrderId, Place, Stamp, Terms, UserId};
use foldhash::quality::FixedState;

use crate::orders::OwnerList;
use crate::{CLIENT_ID_WINDOW_MICROS, CLIENT_IDS_PER_USER};

/// What a client order id stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Claim {
    pub order_id: OrderId,
    pub fingerprint: u64,
}

#[derive(Debug)]
pub(crate) struct User {
    pub user_id: UserId,
    /// The user's live orders.
    pub list: OwnerList,
    claims: HashMap<ClientOrderId, Claim, FixedState>,
    /// Client ids of ended orders, in order of their ends.
    ended: VecDeque<(Stamp, ClientOrderId)>,
}

impl User {
    /// What this client id stands for at this moment.
    pub fn claim(&mut self, id: &ClientOrderId, at: Stamp) -> Option<Claim> {
        self.forget(at);
        self.claims.get(id).copied()
    }

    /// The order that this client id stands for, as far as is remembered.
    pub fn claimed(&self, id: &ClientOrderId) -> Option<Claim> {
        self.claims.get(id).copied()
    }

    /// Takes a client id for an order.
    pub fn take(&mut self, id: ClientOrderId, claim: Claim) {
        self.claims.insert(id, claim);
    }

    /// The order of a client id ended.
    pub fn end(&mut self, id: ClientOrderId, at: Stamp) {
        self.ended.push_back((at, id));
        self.forget(at);
    }

    /// The ids of ended orders with their claims, oldest end first.
    pub fn ended(&self) -> impl Iterator<Item = (Stamp, &ClientOrderId, Claim)> {
        self.ended
            .iter()
            .filter_map(|(at, id)| Some((*at, id, *self.claims.get(id)?)))
    }

    fn forget(&mut self, at: Stamp) {
        while let Some((ended_at, id)) = self.ended.front() {
            let kept =
                ended_at.plus_micros(CLIENT_ID_WINDOW_MICROS) > at && self.ended.len() <= CLIENT_IDS_PER_USER;
            if kept {
                break;
            }
            self.claims.remove(id);
            self.ended.pop_front();
        }
    }
}

/// All users that ever had an order; their places never change.
#[derive(Debug)]
pub(crate) struct Users {
    rows: Vec<User>,
    by_id: HashMap<UserId, u32, FixedState>,
    hash: FixedState,
}

impl Users {
    pub fn new(hash_seed: u64) -> Self {
        let hash = FixedState::with_seed(hash_seed);
        Self {
            rows: Vec::new(),
            by_id: HashMap::with_hasher(hash.clone()),
            hash,
        }
    }

    /// The place of a user, new or not.
    pub fn intern(&mut self, user_id: UserId) -> u32 {
        let next = self.rows.len() as u32;
        let place = *self.by_id.entry(user_id).or_insert(next);
        if place == next {
            let claims = HashMap::with_hasher(self.hash.clone());
            self.rows.push(User {
                user_id,
                list: OwnerList::default(),
                claims,
                ended: VecDeque::new(),
            });
        }
        place
    }

    pub fn find(&self, user_id: UserId) -> Option<u32> {
        self.by_id.get(&user_id).copied()
    }

    pub fn get(&self, place: u32) -> &User {
        &self.rows[place as usize]
    }

    pub fn get_mut(&mut self, place: u32) -> &mut User {
        &mut self.rows[place as usize]
    }

    pub fn all(&self) -> &[User] {
        &self.rows
    }
}

/// A digest of what a placement asks for, without ids and times: the same body gives the same.
pub(crate) fn fingerprint(place: &Place) -> u64 {
    let mut digest = Digest::default();
    place.add_body(&mut digest);
    digest.value() as u64
}

/// Whether the terms await a trigger.
pub(crate) const fn awaits_trigger(terms: &Terms) -> bool {
    terms.stop_price().is_some()
}
