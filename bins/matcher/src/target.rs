//! What a flow is applied to, and the matching core by itself as one such target.

use domain::{Lots, Price, SelfTradePrevention, Side};
use matching::{Book, Fill, MatchEnd, Resting, Sink, Slot, Taker, TakerAmount};

use crate::flow::{Action, Flow, Lifetime, Step};
use crate::tally::{FillRow, Listener};

/// A new order has the id of one that still rests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StillRests;

/// One line of the book at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BookRow {
    /// The side.
    pub side: Side,
    /// The price.
    pub price: Price,
    /// The lots there.
    pub quantity: Lots,
    /// The orders there.
    pub orders: u32,
}

/// Something that a flow can be applied to.
pub trait Target {
    /// Empty, with room for what the flow needs.
    fn for_flow(flow: &Flow) -> Self;

    /// Applies one command.
    ///
    /// # Errors
    /// The command makes no sense at this point of the flow; nothing has changed.
    fn apply(&mut self, step: &Step, listener: &mut impl Listener) -> Result<(), StillRests>;

    /// How many orders rest.
    fn open_orders(&self) -> usize;

    /// The book: bids, then asks, best level first.
    fn book(&self) -> Vec<BookRow>;
}

/// The matching core: one book, and the slot of each order. Self-trade prevention is off.
#[derive(Debug)]
pub struct Core {
    book: Book,
    slots: Vec<Option<Slot>>,
}

/// Gives the book's fills the ids of the flow.
struct Named<'a, L> {
    taker: u64,
    listener: &'a mut L,
}

impl<L: Listener> Sink for Named<'_, L> {
    #[inline]
    fn fill(&mut self, fill: Fill) {
        self.listener.fill(FillRow {
            taker: self.taker,
            maker: fill.maker_key,
            price: fill.price,
            quantity: fill.quantity,
        });
    }
}

impl Target for Core {
    fn for_flow(flow: &Flow) -> Self {
        Self {
            book: Book::new(),
            slots: vec![None; flow.orders],
        }
    }

    #[inline]
    fn apply(&mut self, step: &Step, listener: &mut impl Listener) -> Result<(), StillRests> {
        let key = step.order_id;
        let slot = &mut self.slots[step.order as usize];
        match (step.action, *slot) {
            (Action::New(lifetime), None) => self.place(step, lifetime, listener),
            (Action::New(lifetime), Some(old)) => {
                if self.book.resting(old, key).is_some() {
                    return Err(StillRests);
                }
                self.place(step, lifetime, listener);
            }
            (_, None) => listener.unknown(),
            (Action::Cancel, Some(old)) => {
                *slot = None;
                if self.book.remove(old, key).is_none() {
                    listener.unknown();
                }
            }
            (Action::Amend, Some(old)) => match self.book.remove(old, key) {
                Some(_) => self.place(step, Lifetime::Gtc, listener),
                None => listener.unknown(),
            },
            (Action::Reduce, Some(old)) => {
                let known = self.book.resting(old, key).is_some();
                if known {
                    // A reduction to what is open already, or to more, changes nothing.
                    let _ = self.book.reduce(old, key, step.quantity);
                } else {
                    listener.unknown();
                }
            }
        }
        Ok(())
    }

    fn open_orders(&self) -> usize {
        self.book.len()
    }

    fn book(&self) -> Vec<BookRow> {
        let side = |side| {
            self.book.levels(side).map(move |level| BookRow {
                side,
                price: level.price,
                quantity: level.shown,
                orders: level.orders,
            })
        };
        side(Side::Buy).chain(side(Side::Sell)).collect()
    }
}

impl Core {
    #[inline]
    fn place(&mut self, step: &Step, lifetime: Lifetime, listener: &mut impl Listener) {
        let Step {
            order_id: key,
            user: owner,
            side,
            price,
            quantity,
            ..
        } = *step;
        let taker = Taker {
            key,
            owner,
            side,
            limit: price,
            amount: TakerAmount::Lots(quantity),
            prevention: SelfTradePrevention::None,
        };
        if lifetime == Lifetime::Fok && !self.book.can_fill(&taker) {
            return;
        }
        let result = self.book.take(&taker, &mut Named { taker: key, listener });
        let rests = lifetime == Lifetime::Gtc && result.end == MatchEnd::NoLiquidity;
        if let (true, Some(price), TakerAmount::Lots(quantity)) = (rests, price, result.left) {
            let order = Resting {
                key,
                owner,
                side,
                price,
                quantity,
                display: None,
            };
            self.slots[step.order as usize] = Some(self.book.rest(&order));
        }
    }
}
