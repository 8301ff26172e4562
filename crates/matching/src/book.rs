//! The book: orders come to rest, leave, shrink, and are looked at.

use domain::{Lots, Price, Side};

use crate::arena::{Arena, Node, Slot};
use crate::order::{Reduced, Removed, Resting, RestingView, within};
use crate::window::Levels;

/// One market's resting orders, in price-time priority.
#[derive(Debug, Default, Clone)]
pub struct Book {
    pub(crate) arena: Arena,
    pub(crate) levels: Levels,
}

impl Book {
    /// An empty book. It takes memory for prices with the first order that rests.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty book with room for so many resting orders, so that it need not grow before.
    pub fn with_capacity(orders: usize) -> Self {
        Self {
            arena: Arena::with_capacity(orders),
            levels: Levels::default(),
        }
    }

    /// How many orders rest.
    pub fn len(&self) -> usize {
        self.arena.len()
    }

    /// Whether nothing rests.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many prices have orders, on both sides together.
    pub fn level_count(&self) -> usize {
        self.levels.count(Side::Buy) + self.levels.count(Side::Sell)
    }

    /// The best price of a side.
    pub fn best(&self, side: Side) -> Option<Price> {
        self.levels.best(side)
    }

    /// What is displayed on a side at a price.
    pub fn shown(&self, side: Side, price: Price) -> Lots {
        // The other side's levels are beyond the best price: the book is not crossed.
        let stands = self
            .best(side)
            .is_some_and(|best| within(side.opposite(), Some(price), best));
        Lots(if stands {
            self.levels.get(side, price).shown
        } else {
            0
        })
    }

    /// Puts an order at the back of its price. It must not cross the other side: [`Book::take`] comes first.
    #[inline]
    pub fn rest(&mut self, order: &Resting) -> Slot {
        let shown = match order.display {
            Some(display) => order.quantity.min(display.lots()),
            None => order.quantity,
        };
        self.append(order, shown.0)
    }

    /// Like [`Book::rest`], with so much of the order displayed as was displayed before: for snapshots, whose orders
    /// are put back in the order in which [`Book::queue`] gave them.
    pub fn restore(&mut self, order: &Resting, shown: Lots) -> Slot {
        let shown = match order.display {
            Some(_) => order.quantity.min(shown),
            None => order.quantity,
        };
        self.append(order, shown.0)
    }

    #[inline]
    fn append(&mut self, order: &Resting, shown: u64) -> Slot {
        debug_assert!(!order.quantity.is_zero(), "an order without quantity cannot rest");
        debug_assert!(
            !self.would_take(order.side, Some(order.price)),
            "a resting order must not cross"
        );
        let level = self.levels.at(order.side, order.price);
        let fresh = level.is_empty();
        let node = Node::new(order.key, order.owner, order.side, order.price, shown, level.tail);
        let place = self.arena.insert(node);
        level.append(&mut self.arena, place, shown);
        if fresh {
            self.levels.opened(order.side, order.price);
        }
        if let Some(display) = order.display
            && shown < order.quantity.0
        {
            self.arena
                .set_hidden(place, order.quantity.0 - shown, display.lots().0);
        }
        Slot::at(place)
    }

    /// Takes an order out of the book; none where another order, or none, stands in the slot.
    #[inline]
    pub fn remove(&mut self, slot: Slot, key: u64) -> Option<Removed> {
        let (node, price) = self.arena.find(slot, key)?;
        let (side, shown, place) = (node.side(), node.shown, slot.place());
        let left = Lots(shown + self.arena.hidden(place));
        let level = self.levels.at(side, price);
        level.unlink(&mut self.arena, place);
        let empty = level.is_empty();
        self.arena.free(place);
        if empty {
            self.levels.closed(side, price);
        }
        Some(Removed { side, price, left })
    }

    /// Makes an order's open quantity smaller, hidden part first; it keeps its place. To zero: it leaves the book.
    /// None, and nothing changes, where another order, or none, stands in the slot, or where `to` is not less than
    /// what is open.
    pub fn reduce(&mut self, slot: Slot, key: u64, to: Lots) -> Option<Reduced> {
        let before = self.resting(slot, key)?;
        let (side, price) = (before.side, before.price);
        let by = (before.shown + before.hidden)
            .checked_sub(to)
            .filter(|by| !by.is_zero())?;
        let reduced = Reduced {
            side,
            price,
            by,
            left: to,
        };
        if to.is_zero() {
            self.remove(slot, key)?;
            return Some(reduced);
        }
        let place = slot.place();
        let from_hidden = by.min(before.hidden);
        if !from_hidden.is_zero() {
            let display = self.arena.display(place);
            self.arena
                .set_hidden(place, (before.hidden - from_hidden).0, display);
        }
        let from_shown = (by - from_hidden).0;
        if from_shown > 0 {
            self.arena.node_mut(place).shown -= from_shown;
            let level = self.levels.at(side, price);
            level.shown = level.shown.wrapping_sub(from_shown);
        }
        Some(reduced)
    }

    /// An order as it stands; none where another order, or none, stands in the slot.
    #[inline]
    pub fn resting(&self, slot: Slot, key: u64) -> Option<RestingView> {
        let (node, price) = self.arena.find(slot, key)?;
        Some(RestingView {
            side: node.side(),
            price,
            shown: Lots(node.shown),
            hidden: Lots(self.arena.hidden(slot.place())),
            owner: node.owner(),
        })
    }
}
