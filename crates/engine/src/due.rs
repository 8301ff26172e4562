//! What time and earlier commands have left to do: orders whose end has come, switches that have run out, mass cancels,
//! triggered stops.

use domain::{ExpireReason, Step};

use crate::funds::Funds;
use crate::turn::Turn;

impl<F: Funds> Turn<'_, F> {
    /// Does up to so many steps of what is due and left over: expiries in order, then switches in order, then market by
    /// market what was begun. Expiries and switches come first, and mass cancels before triggered stops, because these
    /// may trade, and an order whose time has come, or whose user's switch has run out, never trades.
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
        left -= self.run_switches(left);
        for market in 0..self.engine.markets.len() {
            left -= self.run_mass(market, left);
            left -= self.run_triggered(market, left);
        }
    }
}
