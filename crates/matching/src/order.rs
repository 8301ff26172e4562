//! What goes into a book and what comes out: resting orders, takers, fills, views.

use domain::{Amount, Lots, Price, Quantity, SelfTradePrevention, Side};

/// An order that is to stand in the book.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resting {
    /// The caller's name for it: unique among the orders that rest.
    pub key: u64,
    /// Its owner, below 2^30.
    pub owner: u32,
    /// Its side.
    pub side: Side,
    /// Its limit price.
    pub price: Price,
    /// What is open of it, hidden part included; not zero.
    pub quantity: Lots,
    /// An iceberg's displayed part, at the start and after each refill; none: all of it is displayed.
    pub display: Option<Quantity>,
}

/// How much a taker takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TakerAmount {
    /// So many lots.
    Lots(Lots),
    /// As many lots as this buys: at each price (what is left of it) / (ticks of the price x tick_lot), rounded down.
    Budget {
        /// The budget, in units of 1e-8 of the quote asset.
        amount: Amount,
        /// What one lot costs at a price of one tick, in the same units; not zero.
        tick_lot: u64,
        /// No more lots than this, however much the budget buys.
        most: Lots,
    },
}

impl TakerAmount {
    /// Whether nothing is left.
    pub(crate) const fn is_zero(self) -> bool {
        match self {
            Self::Lots(lots) => lots.is_zero(),
            Self::Budget { amount, most, .. } => amount.is_zero() || most.is_zero(),
        }
    }

    /// The lots that it takes at this price.
    pub(crate) fn lots_at(self, price: Price) -> u64 {
        match self {
            Self::Lots(lots) => lots.0,
            Self::Budget {
                amount,
                tick_lot,
                most,
            } => match u64::from(price.ticks()).checked_mul(tick_lot) {
                Some(cost) => amount.0.checked_div(cost).unwrap_or(0).min(most.0),
                None => 0,
            },
        }
    }

    /// What is left after this many lots at this price; no more of them than [`Self::lots_at`] gave.
    pub(crate) fn less(self, lots: u64, price: Price) -> Self {
        match self {
            Self::Lots(left) => Self::Lots(left - Lots(lots)),
            Self::Budget {
                amount,
                tick_lot,
                most,
            } => Self::Budget {
                amount: amount - Amount(lots * u64::from(price.ticks()) * tick_lot),
                tick_lot,
                most: most - Lots(lots),
            },
        }
    }

    /// How a match ends when not one more lot can be had for what is left.
    pub(crate) const fn used_up(self) -> MatchEnd {
        match self {
            Self::Lots(_) => MatchEnd::Filled,
            Self::Budget { .. } => MatchEnd::BudgetSpent,
        }
    }
}

/// An order that takes what rests on the other side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taker {
    /// The caller's name for it.
    pub key: u64,
    /// Its owner, below 2^30.
    pub owner: u32,
    /// Its side.
    pub side: Side,
    /// The worst price that it trades at; none: any.
    pub limit: Option<Price>,
    /// How much it takes.
    pub amount: TakerAmount,
    /// What happens where it meets an order of its owner. The maker's own mode plays no part.
    pub prevention: SelfTradePrevention,
}

impl Taker {
    /// Whether it may trade at this price.
    pub(crate) fn accepts(&self, price: Price) -> bool {
        within(self.side, self.limit, price)
    }
}

/// Whether an order of this side and limit may trade at the price.
pub(crate) fn within(side: Side, limit: Option<Price>, price: Price) -> bool {
    match (limit, side) {
        (None, _) => true,
        (Some(limit), Side::Buy) => price <= limit,
        (Some(limit), Side::Sell) => price >= limit,
    }
}

/// Why a match ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MatchEnd {
    /// Nothing of the taker is left.
    Filled,
    /// Nothing more rests within the taker's limit.
    NoLiquidity,
    /// What is left of the budget buys less than one lot at the price of the last fill or of the best order, or is zero;
    /// or it bought the most lots that it may.
    BudgetSpent,
    /// Self-trade prevention ended the taker.
    SelfTrade,
}

/// How a match ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MatchResult {
    /// Why.
    pub end: MatchEnd,
    /// What is left of the taker: what was neither filled nor decremented.
    pub left: TakerAmount,
}

/// One fill. Its price is the maker's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fill {
    /// The resting order.
    pub maker_key: u64,
    /// Its owner.
    pub maker_owner: u32,
    /// The price.
    pub price: Price,
    /// The quantity.
    pub quantity: Quantity,
    /// What is open of the resting order now, hidden part included.
    pub maker_left: Lots,
}

/// Receives what happens during a match, in the order in which it happens.
pub trait Sink {
    /// The taker and a resting order traded.
    fn fill(&mut self, fill: Fill);

    /// Self-trade prevention took an order of the taker's owner out of the book with `left` still open.
    fn maker_expired(&mut self, key: u64, price: Price, left: Lots) {
        let _ = (key, price, left);
    }

    /// Self-trade prevention took `quantity` from the taker and from this order of its owner, of which `maker_left`
    /// stays open.
    fn decremented(&mut self, maker_key: u64, price: Price, quantity: Quantity, maker_left: Lots) {
        let _ = (maker_key, price, quantity, maker_left);
    }

    /// An iceberg's displayed part is used up: the next part is displayed, at the back of its level's queue. Comes before
    /// what used it up.
    fn refilled(&mut self, key: u64) {
        let _ = key;
    }

    /// The match leaves a price at which something changed; `shown` is displayed there now, zero: the level is gone.
    fn level(&mut self, side: Side, price: Price, shown: Lots) {
        let _ = (side, price, shown);
    }
}

/// A resting order as it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RestingView {
    /// Its side.
    pub side: Side,
    /// Its price.
    pub price: Price,
    /// What is displayed of it.
    pub shown: Lots,
    /// What is hidden of it.
    pub hidden: Lots,
    /// Its owner.
    pub owner: u32,
}

/// An order that was taken out of the book.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Removed {
    /// Its side.
    pub side: Side,
    /// Its price.
    pub price: Price,
    /// What was open of it, hidden part included.
    pub left: Lots,
}

/// An order whose open quantity was made smaller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reduced {
    /// Its side.
    pub side: Side,
    /// Its price.
    pub price: Price,
    /// By how much it shrank, hidden part included.
    pub by: Lots,
    /// What is open of it now, hidden part included; zero: it left the book.
    pub left: Lots,
}
