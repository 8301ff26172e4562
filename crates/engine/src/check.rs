//! What must hold of the engine's state after every command; a test and an auditor ask.

use domain::{MarketNumber, OrderId, OrderState, Side};

use crate::engine::Engine;
use crate::market::MarketRow;
use crate::orders::Key;

/// An invariant that does not hold: a fault in the program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EngineFault {
    /// The best bid is not below the best ask.
    Crossed(MarketNumber),
    /// An order's lots do not add up, or its reservation is not what it still needs.
    Order(OrderId),
    /// A queue is not in order of price and time, or shows something else than its orders do.
    Queue(MarketNumber),
    /// Orders are missing from, or too many in, books, stops, lists or timers.
    Count,
    /// The switches by user and by moment are not the same.
    Switches,
    /// Open sessions are counted wrongly.
    Sessions,
}

impl Engine {
    /// Checks every invariant of books and orders. Walks everything: for tests and audits.
    ///
    /// # Errors
    /// The first that does not hold.
    pub fn check(&self) -> Result<(), EngineFault> {
        self.faults().into_iter().next().map_or(Ok(()), Err)
    }

    /// What does not hold, of each market the first; none: all is well. Walks everything, too.
    pub fn faults(&self) -> Vec<EngineFault> {
        let mut placed = Some(0);
        let mut faults = Vec::new();
        for row in &self.markets {
            match self.check_market(row) {
                Ok(count) => placed = placed.map(|placed| placed + count),
                Err(fault) => {
                    faults.push(fault);
                    // Its orders were not counted to the end.
                    placed = None;
                }
            }
        }
        if !self.are_counted(placed) {
            faults.push(EngineFault::Count);
        }
        if !self.switches.are_consistent() {
            faults.push(EngineFault::Switches);
        }
        if !self.sessions.are_consistent() {
            faults.push(EngineFault::Sessions);
        }
        faults
    }

    /// Whether lists and timers have every order, and no other, and books and stops do; so many are placed there, where that is
    /// known.
    fn are_counted(&self, placed: Option<usize>) -> bool {
        let listed: usize = self
            .users
            .all()
            .iter()
            .map(|user| self.orders.of(&user.list).count())
            .sum();
        let counted: usize = self.users.all().iter().map(|user| user.list.count as usize).sum();
        let expiring = self
            .users
            .all()
            .iter()
            .flat_map(|user| self.orders.of(&user.list));
        let expiring = expiring
            .filter(|(_, live)| live.order.expires_at.is_some())
            .count();
        let timed = self
            .timers
            .iter()
            .filter(|(end, _, key)| self.expires(*key) == Some(*end))
            .count();
        [placed.unwrap_or(listed), listed, counted] == [self.orders.len(); 3]
            && [timed, expiring] == [self.timers.len(); 2]
    }

    /// What live orders have reserved, by order.
    pub fn reservations(&self) -> impl Iterator<Item = (OrderId, crate::FundsSlot, domain::Amount)> {
        let users = self.users.all().iter();
        users
            .flat_map(|user| self.orders.of(&user.list))
            .map(|(_, live)| (live.order.order_id, live.funds, live.reserved))
    }

    fn expires(&self, key: Key) -> Option<domain::Stamp> {
        self.orders.get(key)?.order.expires_at
    }

    fn check_market(&self, row: &MarketRow) -> Result<usize, EngineFault> {
        let number = row.market.number();
        if let (Some(bid), Some(ask)) = (row.book.best(Side::Buy), row.book.best(Side::Sell))
            && bid >= ask
        {
            return Err(EngineFault::Crossed(number));
        }
        let mut placed = row.triggered.len() + row.stops.len();
        for key in &row.triggered {
            self.check_order(row, *key)?;
        }
        for side in [Side::Buy, Side::Sell] {
            let mut shown = std::collections::BTreeMap::new();
            for (_, key, price, at_shown, hidden) in row.book.queue(side) {
                placed += 1;
                let live = self.orders.get(Key(key)).ok_or(EngineFault::Count)?;
                let order = &live.order;
                let right = order.side == side
                    && order.terms.price() == Some(price)
                    && order.remaining() == at_shown + hidden;
                if !right {
                    return Err(EngineFault::Queue(number));
                }
                *shown.entry(price).or_insert(domain::Lots::ZERO) += at_shown;
                self.check_order(row, Key(key))?;
            }
            let levels: Vec<_> = row
                .book
                .levels(side)
                .map(|level| (level.price, level.shown))
                .collect();
            let ordered = match side {
                Side::Sell => levels.iter().copied().eq(shown),
                Side::Buy => levels.iter().copied().eq(shown.into_iter().rev()),
            };
            if !ordered {
                return Err(EngineFault::Queue(number));
            }
            for key in row.stops.keys(side) {
                self.check_order(row, key)?;
            }
        }
        Ok(placed)
    }

    fn check_order(&self, row: &MarketRow, key: Key) -> Result<(), EngineFault> {
        let live = self.orders.get(key).ok_or(EngineFault::Count)?;
        let order = &live.order;
        let OrderState::Open(p) = order.state else {
            return Err(EngineFault::Order(order.order_id));
        };
        let whole = p.remaining + p.filled + p.prevented == order.quantity && !p.remaining.is_zero();
        if whole && live.reserved == row.market.still_needed(order) {
            Ok(())
        } else {
            Err(EngineFault::Order(order.order_id))
        }
    }
}

#[cfg(test)]
mod tests;
