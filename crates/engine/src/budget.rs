//! Matching by quote budget: it buys until less than one lot can be had, and never more than the order's lots.

use domain::{Amount, Lots, Price, Terms};
use matching::{Book, MatchEnd, Sink, Taker, TakerAmount};

/// The budget of an order that has one.
pub(crate) const fn budget(terms: &Terms) -> Option<Amount> {
    match terms.size() {
        domain::Size::Budget(budget) => Some(budget),
        domain::Size::Quantity(_) => None,
    }
}

/// Matches a taker that may take so many lots at most, and tells why the match ended.
pub(crate) fn take(book: &mut Book, taker: &Taker, most: Lots, sink: &mut impl Sink) -> MatchEnd {
    if reaches_most(book, taker, most) {
        take_price_by_price(book, taker, most, sink)
    } else {
        book.take(taker, sink).end
    }
}

/// Whether a taker that may take so many lots at most would be filled in full by trades alone. A budget that buys more
/// is full with these lots: whatever they cost, it either buys them or is spent before, if it buys one at all.
pub(crate) fn can_fill(book: &Book, taker: &Taker, most: Lots) -> bool {
    let lots = |lots, limit| {
        let amount = TakerAmount::Lots(lots);
        book.can_fill(&Taker {
            amount,
            limit,
            ..*taker
        })
    };
    let buys_one = || dearest(taker).is_some_and(|price| lots(Lots(1), Some(price)));
    book.can_fill(taker) || reaches_most(book, taker, most) && lots(most, taker.limit) && buys_one()
}

/// The highest price within a buyer's limit at which its budget buys a lot.
fn dearest(taker: &Taker) -> Option<Price> {
    let TakerAmount::Budget { amount, tick_lot } = taker.amount else {
        return None;
    };
    let ticks = u32::try_from(amount.0.checked_div(tick_lot)?).unwrap_or(u32::MAX);
    let price = Price::from_ticks(ticks)?;
    Some(taker.limit.map_or(price, |limit| limit.min(price)))
}

/// Whether a budget buys more than so many lots at the best price. At worse prices it buys less.
fn reaches_most(book: &Book, taker: &Taker, most: Lots) -> bool {
    match (taker.amount, book.best(taker.side.opposite())) {
        (TakerAmount::Budget { amount, tick_lot }, Some(best)) => buys(amount, best, tick_lot) > most,
        _ => false,
    }
}

/// How many lots a budget buys at a price.
fn buys(amount: Amount, price: Price, tick_lot: u64) -> Lots {
    let cost = u128::from(price.ticks()) * u128::from(tick_lot);
    let lots = u128::from(amount.0).checked_div(cost).unwrap_or(0);
    Lots(u64::try_from(lots).unwrap_or(u64::MAX))
}

/// A budget and a number of lots that both end the match, whichever is used up first.
fn take_price_by_price(book: &mut Book, taker: &Taker, most: Lots, sink: &mut impl Sink) -> MatchEnd {
    let TakerAmount::Budget { mut amount, tick_lot } = taker.amount else {
        return book.take(taker, sink).end;
    };
    let mut left = most;
    while let Some(price) = book.best(taker.side.opposite()) {
        if !book.would_take(taker.side, taker.limit) {
            break;
        }
        let wanted = buys(amount, price, tick_lot).min(left);
        if wanted.is_zero() {
            return MatchEnd::BudgetSpent;
        }
        let here = Taker {
            limit: Some(price),
            amount: TakerAmount::Lots(wanted),
            ..*taker
        };
        let result = book.take(&here, sink);
        let taken = match result.left {
            TakerAmount::Lots(rest) => wanted - rest,
            TakerAmount::Budget { .. } => wanted,
        };
        left -= taken;
        amount -= Amount(taken.0 * u64::from(price.ticks()) * tick_lot);
        match result.end {
            MatchEnd::NoLiquidity => {}
            MatchEnd::Filled if !left.is_zero() => return MatchEnd::BudgetSpent,
            end => return end,
        }
    }
    MatchEnd::NoLiquidity
}
