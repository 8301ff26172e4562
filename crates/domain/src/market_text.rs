//! A market as operators write it, in decimal strings, and how it becomes a definition on the market's grid.

use crate::{Amount, Band, FeeRate, FieldError, Lots, MarketDefinition, MarketNumber, Price, parse_units};

/// Units of 1e-8 in one part of a band.
const BAND_PART: u64 = 10_000;

/// A market as operators write it. Numbers are decimal strings; bands and fees are fractions (`0.1` is 10 %).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MarketText<'a> {
    /// `BASE/QUOTE`.
    pub symbol: &'a str,
    /// The price step.
    pub tick: &'a str,
    /// The quantity step.
    pub lot: &'a str,
    /// The least quantity.
    pub min_quantity: &'a str,
    /// The largest quantity.
    pub max_quantity: &'a str,
    /// The highest price.
    pub max_price: &'a str,
    /// The least value of an order.
    pub min_notional: &'a str,
    /// How far market orders may trade from the reference price.
    pub market_band: Option<&'a str>,
    /// How far limit prices may lie from the reference price.
    pub limit_band: Option<&'a str>,
    /// The reference price before the first trade.
    pub initial_price: Option<&'a str>,
    /// What makers pay.
    pub maker_fee: &'a str,
    /// What takers pay.
    pub taker_fee: &'a str,
    /// How many live orders a user may have when placing here.
    pub max_open_orders: u32,
}

impl MarketText<'_> {
    /// The definition under this number; whether it makes a sound market is for [`crate::Market::new`] to say.
    ///
    /// # Errors
    /// The first field that cannot be read or does not lie on the grid.
    pub fn definition(&self, number: MarketNumber) -> Result<MarketDefinition, FieldError> {
        let tick = step("tick", self.tick)?;
        let lot = step("lot", self.lot)?;
        let price = |field, text| {
            u32::try_from(steps(field, text, "tick", tick)?)
                .ok()
                .and_then(Price::from_ticks)
                .ok_or_else(|| FieldError::new(field, "must be 1 to 4294967295 ticks"))
        };
        let lots = |field, text| steps(field, text, "lot", lot).map(Lots);
        Ok(MarketDefinition {
            number,
            symbol: self.symbol.parse()?,
            tick,
            lot,
            min_quantity: lots("min_quantity", self.min_quantity)?,
            max_quantity: lots("max_quantity", self.max_quantity)?,
            max_price: price("max_price", self.max_price)?,
            min_notional: amount("min_notional", self.min_notional)?,
            market_band: self
                .market_band
                .map(|text| band("market_band", text))
                .transpose()?,
            limit_band: self.limit_band.map(|text| band("limit_band", text)).transpose()?,
            initial_price: self
                .initial_price
                .map(|text| price("initial_price", text))
                .transpose()?,
            maker_fee: FeeRate::parse("maker_fee", self.maker_fee)?,
            taker_fee: FeeRate::parse("taker_fee", self.taker_fee)?,
            max_open_orders: self.max_open_orders,
        })
    }
}

fn amount(field: &'static str, text: &str) -> Result<Amount, FieldError> {
    parse_units(text)
        .map(Amount)
        .map_err(|error| FieldError::new(field, error.to_string()))
}

fn step(field: &'static str, text: &str) -> Result<Amount, FieldError> {
    match amount(field, text)? {
        Amount::ZERO => Err(FieldError::new(field, "must be greater than 0")),
        step => Ok(step),
    }
}

fn steps(field: &'static str, text: &str, name: &'static str, step: Amount) -> Result<u64, FieldError> {
    let amount = amount(field, text)?;
    if amount.0.is_multiple_of(step.0) {
        Ok(amount.0 / step.0)
    } else {
        Err(FieldError::new(
            field,
            format!("must be a multiple of the {name} {step}"),
        ))
    }
}

fn band(field: &'static str, text: &str) -> Result<Band, FieldError> {
    let units = amount(field, text)?.0;
    match u32::try_from(units / BAND_PART) {
        Ok(parts) if units.is_multiple_of(BAND_PART) => Ok(Band(parts)),
        Ok(_) => Err(FieldError::new(field, "must have at most 4 decimal places")),
        Err(_) => Err(FieldError::new(field, "is too large")),
    }
}
