//! The live orders in one arena: found by id, by key and along their owner's list, in order of entry.

use std::collections::HashMap;

use domain::{Amount, Order, OrderId};
use foldhash::quality::FixedState;
use matching::Slot;

use crate::FundsSlot;

/// No order.
const NONE: u32 = u32::MAX;

/// Names a live order: its place in the arena and the low half of its rank, so that a stale key finds nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key(pub u64);

impl Key {
    const fn new(index: u32, rank: u64) -> Self {
        Self((rank & 0xFFFF_FFFF) << 32 | index as u64)
    }

    const fn index(self) -> usize {
        (self.0 & 0xFFFF_FFFF) as usize
    }
}

/// A live order and what the engine keeps beside it.
#[derive(Debug)]
pub(crate) struct Live {
    /// The order.
    pub order: Order,
    /// Its market's place in the engine.
    pub market: usize,
    /// Its owner's place in the engine.
    pub owner: u32,
    /// When it entered, counted over all orders: decides among triggered stops.
    pub rank: u64,
    /// Where it rests in the book; none: it awaits its trigger, or is just being matched.
    pub slot: Option<Slot>,
    /// Its place in the queue of its price while it rests: earlier is lower.
    pub turn: u64,
    /// Its reservation.
    pub funds: FundsSlot,
    /// What is left of the reservation, in units of the asset that it pays with.
    pub reserved: Amount,
    /// How many releases it had.
    pub releases: u32,
    /// What its client order id stands for.
    pub fingerprint: u64,
    next: u32,
    previous: u32,
}

/// What a new live order brings.
#[derive(Debug)]
pub(crate) struct Entering {
    pub order: Order,
    pub market: usize,
    pub owner: u32,
    pub rank: u64,
    pub funds: FundsSlot,
    pub reserved: Amount,
    pub releases: u32,
    pub fingerprint: u64,
}

/// The ends of an owner's list.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OwnerList {
    head: u32,
    tail: u32,
    /// How many live orders the owner has.
    pub count: u32,
}

impl Default for OwnerList {
    fn default() -> Self {
        Self {
            head: NONE,
            tail: NONE,
            count: 0,
        }
    }
}

#[derive(Debug)]
pub(crate) struct Orders {
    arena: Vec<Option<Live>>,
    free: Vec<u32>,
    by_id: HashMap<OrderId, u32, FixedState>,
}

impl Orders {
    pub fn new(hash_seed: u64) -> Self {
        Self {
            arena: Vec::new(),
            free: Vec::new(),
            by_id: HashMap::with_hasher(FixedState::with_seed(hash_seed)),
        }
    }

    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Adds an order at the end of its owner's list.
    pub fn insert(&mut self, entering: Entering, list: &mut OwnerList) -> Key {
        let Entering {
            order,
            market,
            owner,
            rank,
            funds,
            reserved,
            releases,
            fingerprint,
        } = entering;
        let index = self.free.pop().unwrap_or_else(|| {
            self.arena.push(None);
            u32::try_from(self.arena.len() - 1).expect("fewer than 2^32 live orders fit in memory")
        });
        self.by_id.insert(order.order_id, index);
        let live = Live {
            order,
            market,
            owner,
            rank,
            slot: None,
            turn: 0,
            funds,
            reserved,
            releases,
            fingerprint,
            next: NONE,
            previous: list.tail,
        };
        match self.at_mut(list.tail) {
            Some(last) => last.next = index,
            None => list.head = index,
        }
        list.tail = index;
        list.count += 1;
        self.arena[index as usize] = Some(live);
        Key::new(index, rank)
    }

    /// Takes an order out.
    pub fn remove(&mut self, key: Key, list: &mut OwnerList) -> Option<Live> {
        self.get(key)?;
        let live = self.arena[key.index()].take()?;
        match self.at_mut(live.previous) {
            Some(before) => before.next = live.next,
            None => list.head = live.next,
        }
        match self.at_mut(live.next) {
            Some(after) => after.previous = live.previous,
            None => list.tail = live.previous,
        }
        list.count -= 1;
        self.by_id.remove(&live.order.order_id);
        self.free.push(key.index() as u32);
        Some(live)
    }

    pub fn get(&self, key: Key) -> Option<&Live> {
        let live = self.arena.get(key.index())?.as_ref()?;
        (live.rank & 0xFFFF_FFFF == key.0 >> 32).then_some(live)
    }

    /// The order of a key that the caller knows to be live.
    pub fn live(&self, key: Key) -> &Live {
        self.get(key)
            .expect("books, stops and timers hold keys of live orders only")
    }

    /// The order of a key that the caller knows to be live.
    pub fn live_mut(&mut self, key: Key) -> &mut Live {
        match self.arena.get_mut(key.index()) {
            Some(Some(live)) if live.rank & 0xFFFF_FFFF == key.0 >> 32 => live,
            _ => panic!("books, stops and timers hold keys of live orders only"),
        }
    }

    pub fn by_id(&self, id: OrderId) -> Option<Key> {
        let index = *self.by_id.get(&id)?;
        let live = self.arena.get(index as usize)?.as_ref()?;
        Some(Key::new(index, live.rank))
    }

    /// An owner's live orders in order of entry.
    pub fn of<'a>(&'a self, list: &OwnerList) -> impl Iterator<Item = (Key, &'a Live)> {
        let mut at = list.head;
        std::iter::from_fn(move || {
            let live = self.arena.get(at as usize)?.as_ref()?;
            let key = Key::new(at, live.rank);
            at = live.next;
            Some((key, live))
        })
    }

    fn at_mut(&mut self, index: u32) -> Option<&mut Live> {
        self.arena.get_mut(index as usize)?.as_mut()
    }
}
