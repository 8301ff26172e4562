//! Orders that ended lately: a bounded ring, found by id and by user.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use domain::{Order, OrderId, UserId};
use foldhash::quality::FixedState;

use crate::ENDED_ORDERS;

/// The last orders that ended, oldest first.
#[derive(Debug)]
pub(crate) struct Ended {
    ring: VecDeque<Arc<Order>>,
    /// The number of the oldest order in the ring; numbers are given in order and never again.
    first: u64,
    by_id: HashMap<OrderId, u64, FixedState>,
    by_user: HashMap<UserId, VecDeque<u64>, FixedState>,
}

impl Ended {
    pub fn new(hash_seed: u64) -> Self {
        let hash = FixedState::with_seed(hash_seed);
        Self {
            ring: VecDeque::new(),
            first: 0,
            by_id: HashMap::with_hasher(hash.clone()),
            by_user: HashMap::with_hasher(hash),
        }
    }

    pub fn push(&mut self, order: Arc<Order>) {
        if self.ring.len() == ENDED_ORDERS {
            self.forget_oldest();
        }
        let number = self.first + self.ring.len() as u64;
        self.by_id.insert(order.order_id, number);
        self.by_user.entry(order.user_id).or_default().push_back(number);
        self.ring.push_back(order);
    }

    pub fn get(&self, id: OrderId) -> Option<&Arc<Order>> {
        self.at(*self.by_id.get(&id)?)
    }

    /// A user's ended orders, latest end first.
    pub fn of(&self, user_id: UserId) -> impl Iterator<Item = &Arc<Order>> {
        let numbers = self.by_user.get(&user_id).into_iter().flatten();
        numbers.rev().filter_map(|number| self.at(*number))
    }

    /// All of them, oldest first.
    pub fn all(&self) -> impl Iterator<Item = &Arc<Order>> {
        self.ring.iter()
    }

    fn at(&self, number: u64) -> Option<&Arc<Order>> {
        self.ring
            .get(usize::try_from(number.checked_sub(self.first)?).ok()?)
    }

    fn forget_oldest(&mut self) {
        let Some(oldest) = self.ring.pop_front() else {
            return;
        };
        self.first += 1;
        self.by_id.remove(&oldest.order_id);
        if let Some(numbers) = self.by_user.get_mut(&oldest.user_id) {
            numbers.pop_front();
            if numbers.is_empty() {
                self.by_user.remove(&oldest.user_id);
            }
        }
    }
}
