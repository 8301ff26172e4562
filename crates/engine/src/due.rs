//! What time and earlier commands have left to do: triggered stops, mass cancels, and orders whose end has come.

use domain::{ExpireReason, Step};

use crate::funds::Funds;
use crate::turn::Turn;

impl<F: Funds> Turn<'_, F> {
    /// Does up to so many steps of what is left over and due: market by market what was begun, then expiries in order.
    pub fn work(&mut self, limit: usize) {
        let mut left = limit;
        for market in 0..self.engine.markets.len() {
            left -= self.run_triggered(market, left);
            left -= self.run_mass(market, left);
        }
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
    }
}
