//! Bars: the prices and volumes of the trades in a span of time.

use domain::{Price, Quantity};
use serde::{Deserialize, Serialize};

/// The trades of a span of time in seven numbers. There is no bar without a trade.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bar {
    /// The first price.
    pub open: Price,
    /// The highest price.
    pub high: Price,
    /// The lowest price.
    pub low: Price,
    /// The last price.
    pub close: Price,
    /// What was traded, in lots of the base asset.
    pub base_volume: u128,
    /// What it came to, in units of 1e-8 of the quote asset.
    pub quote_volume: u128,
    /// The number of trades.
    pub trade_count: u64,
}

impl Bar {
    /// The bar of one trade. `tick_lot` is what one lot costs at one tick, in units of the quote asset.
    pub fn of(price: Price, quantity: Quantity, tick_lot: u64) -> Self {
        let lots = u128::from(quantity.lots().0);
        let notional = (u128::from(price.ticks()) * lots).saturating_mul(u128::from(tick_lot));
        Self {
            open: price,
            high: price,
            low: price,
            close: price,
            base_volume: lots,
            quote_volume: notional,
            trade_count: 1,
        }
    }

    /// Adds the bar of what was traded after this one.
    pub fn add(&mut self, later: &Self) {
        self.high = self.high.max(later.high);
        self.low = self.low.min(later.low);
        self.close = later.close;
        self.base_volume = self.base_volume.saturating_add(later.base_volume);
        self.quote_volume = self.quote_volume.saturating_add(later.quote_volume);
        self.trade_count = self.trade_count.saturating_add(later.trade_count);
    }
}
