//! Looking at a whole side: its levels and its orders, best first.

use domain::{Lots, Price, Side};

use crate::arena::{NIL, Node, Slot};
use crate::book::Book;
use crate::level::Level;

/// One price of a side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LevelView {
    /// The price.
    pub price: Price,
    /// What is displayed there.
    pub shown: Lots,
    /// How many orders stand there.
    pub orders: u32,
}

impl Book {
    /// The levels of a side, best price first. Counting a level's orders walks over them.
    pub fn levels(&self, side: Side) -> impl Iterator<Item = LevelView> {
        self.prices(side).map(move |(price, level)| LevelView {
            price,
            shown: Lots(level.shown),
            orders: u32::try_from(self.orders_of(level).count()).unwrap_or(u32::MAX),
        })
    }

    /// The orders of a side, best price first, at each price the earliest first:
    /// slot, key, price, displayed part, hidden part.
    pub fn queue(&self, side: Side) -> impl Iterator<Item = (Slot, u64, Price, Lots, Lots)> {
        self.prices(side).flat_map(move |(price, level)| {
            self.orders_of(level).map(move |(place, node)| {
                let hidden = self.arena.hidden(place);
                (Slot::at(place), node.key, price, Lots(node.shown), Lots(hidden))
            })
        })
    }

    fn prices(&self, side: Side) -> impl Iterator<Item = (Price, Level)> {
        let prices = std::iter::successors(self.levels.best(side), move |price| {
            self.levels.next(side, *price)
        });
        prices.map(move |price| (price, self.levels.get(side, price)))
    }

    /// The orders of a level, the earliest first.
    pub(crate) fn orders_of(&self, level: Level) -> impl Iterator<Item = (u32, &Node)> {
        let place = |place: u32| (place != NIL).then_some(place);
        std::iter::successors(place(level.head), move |at| place(self.arena.node(*at).next))
            .map(|at| (at, self.arena.node(at)))
    }
}
