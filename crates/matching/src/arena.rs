//! The resting orders in one flat arena: 32 bytes each, linked into queues by index, freed places used again.

use std::num::NonZeroU32;

use domain::{Price, Side};

/// The end of a queue.
pub(crate) const NIL: u32 = u32::MAX;

/// Where a resting order stands. It stays the same as long as the order rests, also over refills and reductions;
/// afterwards another order may stand there, which is why every use names the order's key too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot(NonZeroU32);

impl Slot {
    /// The slot of a place in the arena, kept inverted: places are below [`NIL`], so it is never zero.
    pub(crate) const fn at(place: u32) -> Self {
        match NonZeroU32::new(!place) {
            Some(inverted) => Self(inverted),
            None => Self(NonZeroU32::MAX),
        }
    }

    pub(crate) const fn place(self) -> u32 {
        !self.0.get()
    }
}

/// One resting order. Two fit into a cache line.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Node {
    pub(crate) key: u64,
    /// The displayed part in lots.
    pub(crate) shown: u64,
    /// In ticks; zero: the place is free.
    price: u32,
    /// The owner, and the two flags below.
    tag: u32,
    /// The next later order of the level; of a free place the next free place.
    pub(crate) next: u32,
    /// The next earlier order of the level.
    pub(crate) prev: u32,
}

const _: () = assert!(size_of::<Node>() == 32);

/// The order sells.
const SELL: u32 = 1;
/// The order has a hidden part.
const ICEBERG: u32 = 2;
/// How far the owner is shifted.
const OWNER_SHIFT: u32 = 2;

impl Node {
    /// A node at the end of a level's queue.
    #[inline]
    pub(crate) fn new(key: u64, owner: u32, side: Side, price: Price, shown: u64, prev: u32) -> Self {
        debug_assert!(owner < 1 << 30, "owners are below 2^30");
        let sell = match side {
            Side::Buy => 0,
            Side::Sell => SELL,
        };
        Self {
            key,
            shown,
            price: price.ticks(),
            tag: owner << OWNER_SHIFT | sell,
            next: NIL,
            prev,
        }
    }

    #[inline]
    pub(crate) const fn owner(&self) -> u32 {
        self.tag >> OWNER_SHIFT
    }

    #[inline]
    pub(crate) const fn side(&self) -> Side {
        if self.tag & SELL == 0 {
            Side::Buy
        } else {
            Side::Sell
        }
    }

    #[inline]
    pub(crate) const fn is_iceberg(&self) -> bool {
        self.tag & ICEBERG != 0
    }

    /// The price; none where the place is free.
    #[inline]
    pub(crate) const fn price(&self) -> Option<Price> {
        Price::from_ticks(self.price)
    }
}

/// What only icebergs have.
#[derive(Debug, Clone, Copy, Default)]
struct Reserve {
    /// The hidden part in lots.
    hidden: u64,
    /// What each refill displays, in lots.
    display: u64,
}

/// All resting orders of one book.
#[derive(Debug, Default, Clone)]
pub(crate) struct Arena {
    nodes: Vec<Node>,
    /// Beside the nodes, and only as long as the last place where an iceberg has stood.
    reserves: Vec<Reserve>,
    /// The first free place plus one; zero: none.
    free: u32,
    live: usize,
    icebergs: usize,
}

impl Arena {
    /// An arena with room for so many orders.
    pub(crate) fn with_capacity(orders: usize) -> Self {
        Self {
            nodes: Vec::with_capacity(orders),
            ..Self::default()
        }
    }

    /// How many orders rest.
    pub(crate) const fn len(&self) -> usize {
        self.live
    }

    /// Whether any resting order has a hidden part.
    pub(crate) const fn has_icebergs(&self) -> bool {
        self.icebergs > 0
    }

    /// Puts a node into a free place.
    #[inline]
    pub(crate) fn insert(&mut self, node: Node) -> u32 {
        self.live += 1;
        let Some(place) = self.free.checked_sub(1) else {
            return self.push(node);
        };
        let free = &mut self.nodes[place as usize];
        self.free = free.next;
        *free = node;
        place
    }

    fn push(&mut self, node: Node) -> u32 {
        let place = u32::try_from(self.nodes.len()).unwrap_or(NIL);
        assert!(
            place < NIL,
            "2^32 - 1 orders of 32 bytes exceed the memory of the machine first"
        );
        self.nodes.push(node);
        place
    }

    /// Gives an order's place back. It must be out of its queue.
    #[inline]
    pub(crate) fn free(&mut self, place: u32) {
        if self.node(place).is_iceberg() {
            self.set_hidden(place, 0, 0);
        }
        let free = self.free;
        let node = self.node_mut(place);
        node.price = 0;
        node.next = free;
        self.free = place + 1;
        self.live -= 1;
    }

    #[inline]
    pub(crate) fn node(&self, place: u32) -> &Node {
        &self.nodes[place as usize]
    }

    #[inline]
    pub(crate) fn node_mut(&mut self, place: u32) -> &mut Node {
        &mut self.nodes[place as usize]
    }

    /// The order that stands in the slot and its price, if it is the one of this key.
    #[inline]
    pub(crate) fn find(&self, slot: Slot, key: u64) -> Option<(&Node, Price)> {
        let node = self.nodes.get(slot.place() as usize)?;
        let price = node.price()?;
        (node.key == key).then_some((node, price))
    }

    /// The hidden part of an order in lots.
    #[inline]
    pub(crate) fn hidden(&self, place: u32) -> u64 {
        if self.node(place).is_iceberg() {
            self.reserves[place as usize].hidden
        } else {
            0
        }
    }

    /// What an order displays after a refill, in lots.
    pub(crate) fn display(&self, place: u32) -> u64 {
        self.reserves
            .get(place as usize)
            .map_or(0, |reserve| reserve.display)
    }

    /// Sets an order's hidden part; the order is an iceberg as long as it is not zero.
    #[cold]
    pub(crate) fn set_hidden(&mut self, place: u32, hidden: u64, display: u64) {
        let index = place as usize;
        if index >= self.reserves.len() {
            self.reserves.resize(index + 1, Reserve::default());
        }
        self.reserves[index] = Reserve { hidden, display };
        let was = self.node(place).is_iceberg();
        let tag = &mut self.node_mut(place).tag;
        match (was, hidden > 0) {
            (false, true) => {
                *tag |= ICEBERG;
                self.icebergs += 1;
            }
            (true, false) => {
                *tag &= !ICEBERG;
                self.icebergs -= 1;
            }
            _ => {}
        }
    }
}
