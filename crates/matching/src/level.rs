//! One price of the book: its queue of orders and what they display together.

use crate::arena::{Arena, NIL};

/// The queue of one price. An empty level has no head; what it displays says nothing about that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Level {
    /// The earliest order.
    pub(crate) head: u32,
    /// The latest order.
    pub(crate) tail: u32,
    /// The sum of all displayed parts in lots, modulo 2^64: it comes out right again when orders leave.
    pub(crate) shown: u64,
}

const _: () = assert!(size_of::<Level>() == 16);

impl Level {
    /// A price at which nothing rests.
    pub(crate) const EMPTY: Self = Self {
        head: NIL,
        tail: NIL,
        shown: 0,
    };

    #[inline]
    pub(crate) const fn is_empty(&self) -> bool {
        self.head == NIL
    }

    /// Puts an order, whose node already points back to the old tail, at the end of the queue.
    #[inline]
    pub(crate) fn append(&mut self, arena: &mut Arena, place: u32, shown: u64) {
        if self.is_empty() {
            self.head = place;
        } else {
            arena.node_mut(self.tail).next = place;
        }
        self.tail = place;
        self.shown = self.shown.wrapping_add(shown);
    }

    /// Takes an order out of the queue, wherever it stands; its node stays as it is.
    #[inline]
    pub(crate) fn unlink(&mut self, arena: &mut Arena, place: u32) {
        let node = *arena.node(place);
        match node.prev {
            NIL => self.head = node.next,
            prev => arena.node_mut(prev).next = node.next,
        }
        match node.next {
            NIL => self.tail = node.prev,
            next => arena.node_mut(next).prev = node.prev,
        }
        self.shown = self.shown.wrapping_sub(node.shown);
    }
}
