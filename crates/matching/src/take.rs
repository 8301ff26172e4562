//! Matching: a taker meets what rests, best price first, earliest order first.

use domain::{Lots, Price, Quantity, SelfTradePrevention, Side};

use crate::arena::{Arena, NIL};
use crate::book::Book;
use crate::level::Level;
use crate::order::{Fill, MatchEnd, MatchResult, Sink, Taker};

/// An owner that no order has.
const NOBODY: u32 = u32::MAX;

/// Whose orders a taker does not trade with, and what happens instead.
#[derive(Clone, Copy)]
struct Own {
    owner: u32,
    prevention: SelfTradePrevention,
}

impl Own {
    fn of(taker: &Taker) -> Self {
        let owner = match taker.prevention {
            SelfTradePrevention::None => NOBODY,
            _ => taker.owner,
        };
        Self {
            owner,
            prevention: taker.prevention,
        }
    }
}

impl Book {
    /// Matches a taker against the other side and tells the sink what happens. Nothing of the taker comes to rest.
    pub fn take(&mut self, taker: &Taker, sink: &mut impl Sink) -> MatchResult {
        let side = taker.side.opposite();
        let own = Own::of(taker);
        let mut left = taker.amount;
        if left.is_zero() {
            let end = left.used_up();
            return MatchResult { end, left };
        }
        while let Some(price) = self.levels.best(side).filter(|price| taker.accepts(*price)) {
            let wanted = left.lots_at(price);
            let (rest, ended) = match wanted {
                0 => (0, false),
                _ => self.take_level(side, price, wanted, own, sink),
            };
            left = left.less(wanted - rest, price);
            if ended {
                let end = MatchEnd::SelfTrade;
                return MatchResult { end, left };
            }
            if rest == 0 {
                let end = left.used_up();
                return MatchResult { end, left };
            }
        }
        let end = MatchEnd::NoLiquidity;
        MatchResult { end, left }
    }

    /// Takes up to `wanted` lots at one price. Gives what is still wanted, and whether self-trade prevention ended the
    /// taker.
    fn take_level(
        &mut self,
        side: Side,
        price: Price,
        wanted: u64,
        own: Own,
        sink: &mut impl Sink,
    ) -> (u64, bool) {
        let mut run = Run {
            arena: &mut self.arena,
            level: self.levels.at(side, price),
            price,
            wanted,
            touched: false,
        };
        let mut ended = false;
        while run.wanted > 0 && !run.level.is_empty() && !ended {
            if run.arena.node(run.level.head).owner() == own.owner {
                ended = run.meet_own(own.prevention, sink);
            } else {
                run.fill(sink);
            }
        }
        let (wanted, touched, level) = (run.wanted, run.touched, *run.level);
        if touched {
            let shown = if level.is_empty() {
                self.levels.closed(side, price);
                0
            } else {
                // The orders before the new head are gone: it must not point back to a place that others will use.
                self.arena.node_mut(level.head).prev = NIL;
                level.shown
            };
            sink.level(side, price, Lots(shown));
        }
        (wanted, ended)
    }
}

/// The work at one price. The head's link backwards is put right only at the end.
struct Run<'a> {
    arena: &'a mut Arena,
    level: &'a mut Level,
    price: Price,
    wanted: u64,
    touched: bool,
}

impl Run<'_> {
    /// Trades with the earliest order.
    #[inline]
    fn fill(&mut self, sink: &mut impl Sink) {
        let node = self.arena.node(self.level.head);
        let (maker_key, maker_owner) = (node.key, node.owner());
        let (quantity, maker_left) = self.consume(sink);
        if let Some(quantity) = Quantity::from_lots(quantity) {
            sink.fill(Fill {
                maker_key,
                maker_owner,
                price: self.price,
                quantity,
                maker_left,
            });
        }
    }

    /// Takes what it can of the earliest order's displayed part; gives the quantity and what stays open of the order.
    #[inline]
    fn consume(&mut self, sink: &mut impl Sink) -> (Lots, Lots) {
        self.touched = true;
        let place = self.level.head;
        let hidden = self.arena.hidden(place);
        let node = self.arena.node_mut(place);
        let quantity = self.wanted.min(node.shown);
        node.shown -= quantity;
        let (shown, next) = (node.shown, node.next);
        self.wanted -= quantity;
        self.level.shown = self.level.shown.wrapping_sub(quantity);
        if shown == 0 {
            if hidden > 0 {
                let key = node.key;
                self.refill(place, next, hidden);
                sink.refilled(key);
            } else {
                self.drop_head(place, next);
            }
        }
        (Lots(quantity), Lots(shown + hidden))
    }

    /// Takes the earliest order, whose next is given, out of the queue.
    #[inline]
    fn drop_head(&mut self, place: u32, next: u32) {
        self.arena.free(place);
        self.level.head = next;
        if next == NIL {
            self.level.tail = NIL;
        }
    }

    /// Displays the next part of an iceberg whose displayed part is used up; it goes to the back of the queue.
    #[cold]
    fn refill(&mut self, place: u32, next: u32, hidden: u64) {
        let display = self.arena.display(place);
        let shown = hidden.min(display);
        self.arena.set_hidden(place, hidden - shown, display);
        let tail = self.level.tail;
        let node = self.arena.node_mut(place);
        node.shown = shown;
        self.level.shown = self.level.shown.wrapping_add(shown);
        if next != NIL {
            node.next = NIL;
            node.prev = tail;
            self.arena.node_mut(tail).next = place;
            self.level.head = next;
            self.level.tail = place;
        }
    }

    /// The earliest order is the taker's owner's. Gives whether the taker ends.
    #[cold]
    fn meet_own(&mut self, prevention: SelfTradePrevention, sink: &mut impl Sink) -> bool {
        match prevention {
            SelfTradePrevention::None => {
                self.fill(sink);
                false
            }
            SelfTradePrevention::ExpireTaker => true,
            SelfTradePrevention::ExpireMaker => {
                self.expire_head(sink);
                false
            }
            SelfTradePrevention::ExpireBoth => {
                self.expire_head(sink);
                true
            }
            SelfTradePrevention::Decrement => {
                let key = self.arena.node(self.level.head).key;
                let (quantity, left) = self.consume(sink);
                if let Some(quantity) = Quantity::from_lots(quantity) {
                    sink.decremented(key, self.price, quantity, left);
                }
                false
            }
        }
    }

    fn expire_head(&mut self, sink: &mut impl Sink) {
        self.touched = true;
        let place = self.level.head;
        let node = *self.arena.node(place);
        let left = Lots(node.shown + self.arena.hidden(place));
        self.level.shown = self.level.shown.wrapping_sub(node.shown);
        self.drop_head(place, node.next);
        sink.maker_expired(node.key, self.price, left);
    }
}
