//! What a taker would do, decided before anything changes: post-only and fill-or-kill.

use domain::{Price, SelfTradePrevention, Side};

use crate::book::Book;
use crate::order::{Taker, TakerAmount, within};

/// What a taker can have at one price.
struct Available {
    /// In lots; where it is more than was asked for, at least as much as was asked for.
    lots: u64,
    /// Whether an order of the taker's owner stands in the way of anything behind it.
    blocked: bool,
}

impl Book {
    /// Whether an order of this side and limit would trade, that is: whether the best price of the other side is within
    /// the limit. Self-trade prevention plays no part.
    #[inline]
    pub fn would_take(&self, side: Side, limit: Option<Price>) -> bool {
        let best = self.levels.best(side.opposite());
        best.is_some_and(|price| within(side, limit, price))
    }

    /// Whether a taker would be filled in full by trades alone: all its lots, or its budget spent with at least one lot
    /// bought. Hidden quantity counts. Own orders are passed over under EXPIRE_MAKER; under EXPIRE_TAKER, EXPIRE_BOTH
    /// and DECREMENT nothing behind one counts, so at its price only what is displayed ahead of it does, since hidden
    /// quantity queues behind it.
    pub fn can_fill(&self, taker: &Taker) -> bool {
        let side = taker.side.opposite();
        let mut left = taker.amount;
        if left.is_zero() {
            return matches!(left, TakerAmount::Lots(_));
        }
        let mut any = false;
        let mut best = self.levels.best(side);
        while let Some(price) = best.filter(|price| taker.accepts(*price)) {
            let wanted = left.lots_at(price);
            if wanted == 0 {
                return any;
            }
            let available = self.available(side, price, taker, wanted);
            if available.lots >= wanted {
                return true;
            }
            if available.blocked {
                return false;
            }
            any |= available.lots > 0;
            left = left.less(available.lots, price);
            best = self.levels.next(side, price);
        }
        false
    }

    fn available(&self, side: Side, price: Price, taker: &Taker, wanted: u64) -> Available {
        use SelfTradePrevention as Prevention;
        let level = self.levels.get(side, price);
        if taker.prevention == Prevention::None && !self.arena.has_icebergs() {
            return Available {
                lots: level.shown,
                blocked: false,
            };
        }
        let blocks = !matches!(taker.prevention, Prevention::None | Prevention::ExpireMaker);
        let (mut displayed, mut hidden) = (0u64, 0u64);
        for (place, node) in self.orders_of(level) {
            let enough = if blocks {
                displayed
            } else {
                displayed.saturating_add(hidden)
            };
            if enough >= wanted {
                break;
            }
            if taker.prevention != Prevention::None && node.owner() == taker.owner {
                if blocks {
                    return Available {
                        lots: displayed,
                        blocked: true,
                    };
                }
                continue;
            }
            displayed = displayed.saturating_add(node.shown);
            hidden = hidden.saturating_add(self.arena.hidden(place));
        }
        Available {
            lots: displayed.saturating_add(hidden),
            blocked: false,
        }
    }
}
