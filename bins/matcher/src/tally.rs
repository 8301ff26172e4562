//! What comes out of a replay: trades, volume and the hash that two engines must agree on.

use domain::{Price, Quantity};

/// Hears what happens while a flow is applied.
pub trait Listener {
    /// Two orders traded.
    fn fill(&mut self, row: FillRow);
    /// A cancel, reduction or amendment named an order that does not rest.
    fn unknown(&mut self);
}

/// One fill, by the ids of the flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FillRow {
    /// The order that came.
    pub taker: u64,
    /// The order that rested.
    pub maker: u64,
    /// The maker's price.
    pub price: Price,
    /// The quantity.
    pub quantity: Quantity,
}

/// Totals of a replay.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// How many fills.
    pub trades: u64,
    /// The sum of their lots.
    pub volume: u128,
    /// For each fill: h = (h ^ maker ^ taker << 32) * 0x100000001B3 + quantity + (price << 20), wrapping, from 0.
    pub hash: u64,
    /// How many commands named an order that does not rest.
    pub unknown: u64,
}

impl Listener for Tally {
    #[inline]
    fn fill(&mut self, row: FillRow) {
        let lots = row.quantity.lots().0;
        self.trades += 1;
        self.volume += u128::from(lots);
        self.hash = (self.hash ^ row.maker ^ (row.taker << 32))
            .wrapping_mul(0x0100_0000_01B3)
            .wrapping_add(lots)
            .wrapping_add(u64::from(row.price.ticks()) << 20);
    }

    #[inline]
    fn unknown(&mut self) {
        self.unknown += 1;
    }
}

/// Every fill, for the file that was asked for.
impl Listener for Vec<FillRow> {
    fn fill(&mut self, row: FillRow) {
        self.push(row);
    }

    fn unknown(&mut self) {}
}
