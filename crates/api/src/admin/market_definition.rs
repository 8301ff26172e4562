//! The body that defines a market, and how it becomes a definition.

use domain::{Amount, Band, FeeRate, FieldError, Lots, MarketDefinition, MarketNumber, Price, Symbol};
use serde::Deserialize;

use crate::wire::DecimalText;

/// Units of 1e-8 in one part of a band.
const BAND_PART: u64 = 10_000;

/// The body that defines a market or changes one. Numbers are decimal strings; bands and fees are fractions
/// (`0.1` is 10 %).
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DefineMarketBody {
    number: Option<u32>,
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
    /// The definition. Where the body gives no number, `number_of` says which number its symbol gets.
    ///
    /// # Errors
    /// The first field that cannot be read or does not lie on the grid.
    pub(crate) fn into_definition(
        self,
        number_of: impl FnOnce(Symbol) -> MarketNumber,
    ) -> Result<MarketDefinition, FieldError> {
        let symbol: Symbol = self.symbol.parse()?;
        let tick = step("tick", &self.tick)?;
        let lot = step("lot", &self.lot)?;
        let price = |field, text: &DecimalText| {
            u32::try_from(steps(field, text, "tick", tick)?)
                .ok()
                .and_then(Price::from_ticks)
                .ok_or_else(|| FieldError::new(field, "must be 1 to 4294967295 ticks"))
        };
        let lots = |field, text: &DecimalText| steps(field, text, "lot", lot).map(Lots);
        Ok(MarketDefinition {
            number: self.number.map_or_else(|| number_of(symbol), MarketNumber),
            symbol,
            tick,
            lot,
            min_quantity: lots("min_quantity", &self.min_quantity)?,
            max_quantity: lots("max_quantity", &self.max_quantity)?,
            max_price: price("max_price", &self.max_price)?,
            min_notional: self.min_notional.amount("min_notional")?,
            market_band: self
                .market_band
                .map(|text| band("market_band", &text))
                .transpose()?,
            limit_band: self
                .limit_band
                .map(|text| band("limit_band", &text))
                .transpose()?,
            initial_price: self
                .initial_price
                .map(|text| price("initial_price", &text))
                .transpose()?,
            maker_fee: fee("maker_fee", &self.maker_fee)?,
            taker_fee: fee("taker_fee", &self.taker_fee)?,
            max_open_orders: self.max_open_orders,
        })
    }
}

fn step(field: &'static str, text: &DecimalText) -> Result<Amount, FieldError> {
    match text.amount(field)? {
        Amount::ZERO => Err(FieldError::new(field, "must be greater than 0")),
        step => Ok(step),
    }
}

fn steps(
    field: &'static str,
    text: &DecimalText,
    name: &'static str,
    step: Amount,
) -> Result<u64, FieldError> {
    let amount = text.amount(field)?;
    if amount.0.is_multiple_of(step.0) {
        Ok(amount.0 / step.0)
    } else {
        Err(FieldError::new(
            field,
            format!("must be a multiple of the {name} {step}"),
        ))
    }
}

fn band(field: &'static str, text: &DecimalText) -> Result<Band, FieldError> {
    let units = text.amount(field)?.0;
    match u32::try_from(units / BAND_PART) {
        Ok(parts) if units.is_multiple_of(BAND_PART) => Ok(Band(parts)),
        Ok(_) => Err(FieldError::new(field, "must have at most 4 decimal places")),
        Err(_) => Err(FieldError::new(field, "is too large")),
    }
}

fn fee(field: &'static str, text: &DecimalText) -> Result<FeeRate, FieldError> {
    let units = text.amount(field)?.0;
    u32::try_from(units)
        .map(FeeRate)
        .map_err(|_| FieldError::new(field, "must be below 1"))
}
