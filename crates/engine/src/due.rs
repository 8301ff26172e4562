//! What time and earlier commands have left to do: orders whose end has come, triggered stops, mass cancels.

use domain::{ExpireReason, Step};

use crate::funds::Funds;
use crate::turn::Turn;

impl<F: Funds> Turn<'_, F> {
    /// Does up to so many steps of what is due and left over: expiries in order, then market by market what was begun.
    /// Expiries come first, because what was begun may trade, and an order whose time has come never trades.
    pub fn work(&mut self, limit: usize) {
        let mut left = limit;
        while left > 0 {
            let Some((due, _, key)) = self.engine.timers.first().copied() else {
                break;
            };
            if due > self.at {
                break;
            }
            left -= 1;
            self.withdraw(key);
            self.close(key, Step::Expire(ExpireReason::TimeInForce));
        }
        for market in 0..self.engine.markets.len() {
            left -= self.run_triggered(market, left);
            left -= self.run_mass(market, left);
        }
    }
}
