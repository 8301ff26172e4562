//! The body that defines a market.

use domain::{FieldError, MarketDefinition, MarketNumber, MarketText, Symbol};
use serde::Deserialize;

use crate::wire::DecimalText;

/// The body that defines a market or changes one. Numbers are decimal strings; bands and fees are fractions
/// (`0.1` is 10 %).
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DefineMarketBody {
    symbol: String,
    tick: DecimalText,
    lot: DecimalText,
    min_quantity: DecimalText,
    max_quantity: DecimalText,
    max_price: DecimalText,
    min_notional: DecimalText,
    market_band: Option<DecimalText>,
    limit_band: Option<DecimalText>,
    initial_price: Option<DecimalText>,
    maker_fee: DecimalText,
    taker_fee: DecimalText,
    max_open_orders: u32,
}

impl DefineMarketBody {
    /// The definition; `number_of` says which number its symbol gets. Callers never choose numbers.
    ///
    /// # Errors
    /// The first field that cannot be read or does not lie on the grid.
    pub(crate) fn into_definition(
        self,
        number_of: impl FnOnce(Symbol) -> MarketNumber,
    ) -> Result<MarketDefinition, FieldError> {
        let symbol: Symbol = self.symbol.parse()?;
        let text = MarketText {
            symbol: &self.symbol,
            tick: self.tick.as_str(),
            lot: self.lot.as_str(),
            min_quantity: self.min_quantity.as_str(),
            max_quantity: self.max_quantity.as_str(),
            max_price: self.max_price.as_str(),
            min_notional: self.min_notional.as_str(),
            market_band: self.market_band.as_ref().map(DecimalText::as_str),
            limit_band: self.limit_band.as_ref().map(DecimalText::as_str),
            initial_price: self.initial_price.as_ref().map(DecimalText::as_str),
            maker_fee: self.maker_fee.as_str(),
            taker_fee: self.taker_fee.as_str(),
            max_open_orders: self.max_open_orders,
        };
        text.definition(number_of(symbol))
    }
}
