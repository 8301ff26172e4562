//! Fee rates of a user's own in place of the market's.

use domain::{FeeRate, MarketDefinition};
use serde::{Deserialize, Serialize};

/// What a user pays in place of a market's fees, as its keeper tells beside each command. An order keeps the rates of
/// its placement.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnFees {
    /// As a maker; none: the market's.
    pub maker: Option<FeeRate>,
    /// As a taker; none: the market's.
    pub taker: Option<FeeRate>,
}

impl OwnFees {
    /// The rates in a market: as a maker, as a taker.
    pub(crate) fn rates(self, definition: &MarketDefinition) -> (FeeRate, FeeRate) {
        (
            self.maker.unwrap_or(definition.maker_fee),
            self.taker.unwrap_or(definition.taker_fee),
        )
    }
}
