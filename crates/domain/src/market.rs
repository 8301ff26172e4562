//! A market: its grid, its limits and its money rules, checked once when it is defined.

use serde::{Deserialize, Serialize};

use crate::{
    Amount, FeeRate, FieldError, Lots, MarketNumber, Price, Quantity, RejectReason, Side, Size, Symbol, Terms,
};

/// Units of 1e-8 in one.
const ONE: u64 = 100_000_000;
/// Market numbers fit 20 bits of a trade's id.
const MARKET_NUMBERS: u32 = 1 << 20;

/// How far a price may lie from a reference price, in parts of 1e-4 (basis points): `1_000` is 10 %.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Band(pub u32);

impl Band {
    /// The highest price inside the band, rounded down to a tick.
    const fn ceiling(self, reference: Price) -> u64 {
        let parts = reference.ticks() as u128 * (10_000 + self.0 as u128);
        (parts / 10_000) as u64
    }

    /// The lowest price inside the band, rounded up to a tick.
    const fn floor(self, reference: Price) -> u64 {
        let kept = if self.0 >= 10_000 {
            0
        } else {
            10_000 - self.0 as u64
        };
        (reference.ticks() as u64 * kept).div_ceil(10_000)
    }
}

/// What the market takes at present.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MarketState {
    /// Everything.
    #[default]
    Open,
    /// Limit orders that do not trade at once, amendments that do not, and cancels.
    PostOnly,
    /// Cancels only.
    CancelOnly,
    /// Nothing from users; what is in the book stays as it is until its time comes.
    Halted,
}

impl MarketState {
    /// Every state.
    pub const ALL: &'static [Self] = &[Self::Open, Self::PostOnly, Self::CancelOnly, Self::Halted];

    /// The word for it in the API and in SQL.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::PostOnly => "post_only",
            Self::CancelOnly => "cancel_only",
            Self::Halted => "halted",
        }
    }

    /// The state of a word of the API; none where the word is unknown.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|state| state.word() == word)
    }
}

/// How an operator describes a market, before it is checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MarketDefinition {
    /// Its number, below 2^20.
    pub number: MarketNumber,
    /// What it trades.
    pub symbol: Symbol,
    /// The price step: an amount of the quote asset for one whole base asset.
    pub tick: Amount,
    /// The quantity step: an amount of the base asset.
    pub lot: Amount,
    /// The least quantity of an order.
    pub min_quantity: Lots,
    /// The largest quantity of an order.
    pub max_quantity: Lots,
    /// The highest price.
    pub max_price: Price,
    /// The least value of an order in the quote asset.
    pub min_notional: Amount,
    /// How far market orders may trade from the reference price; none: as far as `max_price`.
    pub market_band: Option<Band>,
    /// How far limit prices may lie from the reference price; none: anywhere.
    pub limit_band: Option<Band>,
    /// The reference price before the first trade.
    pub initial_price: Option<Price>,
    /// What makers pay.
    pub maker_fee: FeeRate,
    /// What takers pay.
    pub taker_fee: FeeRate,
    /// How many live orders a user may have when placing here.
    pub max_open_orders: u32,
}

/// A market whose definition holds: price times quantity is exact and fits, whatever an order within its limits asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Market {
    definition: MarketDefinition,
    /// What one lot costs at a price of one tick, in units of the quote asset.
    tick_lot: u64,
}

impl Market {
    /// Checks a definition.
    ///
    /// # Errors
    /// Every field that breaks a rule, with the rule.
    pub fn new(definition: MarketDefinition) -> Result<Self, Vec<FieldError>> {
        let errors = broken_rules(&definition);
        if errors.is_empty() {
            let tick_lot = u128::from(definition.tick.0) * u128::from(definition.lot.0) / u128::from(ONE);
            let tick_lot = u64::try_from(tick_lot).unwrap_or(u64::MAX);
            Ok(Self { definition, tick_lot })
        } else {
            Err(errors)
        }
    }

    /// The definition.
    pub const fn definition(&self) -> &MarketDefinition {
        &self.definition
    }

    /// Its number.
    pub const fn number(&self) -> MarketNumber {
        self.definition.number
    }

    /// What it trades.
    pub const fn symbol(&self) -> Symbol {
        self.definition.symbol
    }

    /// What one lot costs at one tick, in units of the quote asset.
    pub const fn tick_lot(&self) -> u64 {
        self.tick_lot
    }

    /// Whether the other definition has the same grid, so that live orders keep their meaning.
    pub fn same_grid(&self, other: &Self) -> bool {
        let (a, b) = (&self.definition, &other.definition);
        (a.number, a.symbol, a.tick, a.lot) == (b.number, b.symbol, b.tick, b.lot)
    }

    /// A price from an amount of the quote asset.
    ///
    /// # Errors
    /// It is zero, not a multiple of the tick, or has more than 2^32 - 1 ticks.
    pub fn price(&self, field: &'static str, amount: Amount) -> Result<Price, FieldError> {
        let tick = self.definition.tick;
        if amount.is_zero() {
            return Err(FieldError::new(field, "must be greater than 0"));
        }
        if !amount.0.is_multiple_of(tick.0) {
            return Err(FieldError::new(
                field,
                format!("must be a multiple of the tick {tick}"),
            ));
        }
        u32::try_from(amount.0 / tick.0)
            .ok()
            .and_then(Price::from_ticks)
            .ok_or_else(|| {
                FieldError::new(
                    field,
                    format!(
                        "must not be above {}",
                        self.price_amount(self.definition.max_price)
                    ),
                )
            })
    }

    /// A quantity from an amount of the base asset.
    ///
    /// # Errors
    /// It is zero, or not a multiple of the lot.
    pub fn quantity(&self, field: &'static str, amount: Amount) -> Result<Quantity, FieldError> {
        let lot = self.definition.lot;
        if amount.is_zero() {
            return Err(FieldError::new(field, "must be greater than 0"));
        }
        match Quantity::from_lots(Lots(amount.0 / lot.0)) {
            Some(quantity) if amount.0.is_multiple_of(lot.0) => Ok(quantity),
            _ => Err(FieldError::new(
                field,
                format!("must be a multiple of the lot {lot}"),
            )),
        }
    }

    /// A price as an amount of the quote asset for one whole base asset.
    pub const fn price_amount(&self, price: Price) -> Amount {
        Amount(price.ticks() as u64 * self.definition.tick.0)
    }

    /// Lots as an amount of the base asset.
    pub const fn base_amount(&self, lots: Lots) -> Amount {
        Amount(lots.0 * self.definition.lot.0)
    }

    /// What lots cost at a price, exactly. Only for numbers within the market's limits.
    pub const fn notional(&self, price: Price, lots: Lots) -> Amount {
        Amount(price.ticks() as u64 * lots.0 * self.tick_lot)
    }

    /// The price beyond which a market order never trades, from the reference price and the market's band.
    pub fn protection_price(&self, side: Side, reference: Price) -> Price {
        let highest = self.definition.max_price;
        let ticks = match (side, self.definition.market_band) {
            (Side::Buy, Some(band)) => band.ceiling(reference).min(u64::from(highest.ticks())),
            (Side::Buy, None) => u64::from(highest.ticks()),
            (Side::Sell, Some(band)) => band.floor(reference),
            (Side::Sell, None) => 1,
        };
        u32::try_from(ticks)
            .ok()
            .and_then(Price::from_ticks)
            .unwrap_or(Price::ONE_TICK)
    }

    /// The lots of an order: for one by budget what the budget buys at one tick, at most the largest quantity.
    pub fn lots(&self, size: Size) -> Lots {
        match size {
            Size::Quantity(quantity) => quantity.lots(),
            Size::Budget(budget) => Lots((budget.0 / self.tick_lot).max(1)).min(self.definition.max_quantity),
        }
    }

    /// Checks an order's numbers against the market's limits and the band around the reference price.
    ///
    /// # Errors
    /// The first rule that it breaks.
    pub fn check_limits(&self, terms: &Terms, reference: Option<Price>) -> Result<(), RejectReason> {
        let d = &self.definition;
        if let Size::Quantity(quantity) = terms.size() {
            if quantity.lots() < d.min_quantity {
                return Err(RejectReason::QuantityTooSmall);
            }
            if quantity.lots() > d.max_quantity {
                return Err(RejectReason::QuantityTooLarge);
            }
        }
        if terms.price().is_some_and(|p| p > d.max_price)
            || terms.stop_price().is_some_and(|p| p > d.max_price)
        {
            return Err(RejectReason::PriceTooHigh);
        }
        let reference = terms.stop_price().or(reference);
        let price = match (terms.price(), reference) {
            (Some(price), _) => price,
            (None, Some(reference)) => reference,
            (None, None) => return Err(RejectReason::NoReferencePrice),
        };
        let notional = match terms.size() {
            Size::Quantity(quantity) => self.notional(price.min(d.max_price), quantity.lots()),
            Size::Budget(budget) => budget,
        };
        if notional < d.min_notional {
            return Err(RejectReason::NotionalTooSmall);
        }
        match (terms.price(), reference, d.limit_band) {
            (Some(price), Some(reference), Some(band)) => {
                let ticks = u64::from(price.ticks());
                let inside = band.floor(reference) <= ticks && ticks <= band.ceiling(reference);
                if inside {
                    Ok(())
                } else {
                    Err(RejectReason::PriceOutOfBand)
                }
            }
            _ => Ok(()),
        }
    }
}

/// Whether a rule holds, the field that it is about, and what it says.
type Rule = (bool, &'static str, &'static str);

/// Every field of a definition that breaks a rule, with the rule.
fn broken_rules(d: &MarketDefinition) -> Vec<FieldError> {
    let rules: [Rule; 12] = [
        (d.number.0 < MARKET_NUMBERS, "number", "must be below 1048576"),
        (
            d.symbol.base != d.symbol.quote,
            "symbol",
            "must name two different assets",
        ),
        (
            d.symbol.base.as_str().len() + d.symbol.quote.as_str().len() < 20,
            "symbol",
            "must have at most 20 characters",
        ),
        (!d.tick.is_zero(), "tick", "must be greater than 0"),
        (!d.lot.is_zero(), "lot", "must be greater than 0"),
        (
            decimals(d.tick) + decimals(d.lot) <= 8,
            "lot",
            "must have, together with the tick, at most 8 decimals",
        ),
        (
            d.initial_price.is_none_or(|p| p <= d.max_price),
            "initial_price",
            "must not be above max_price",
        ),
        (
            d.market_band.is_none_or(|b| b.0 > 0),
            "market_band",
            "must be greater than 0",
        ),
        (
            d.limit_band.is_none_or(|b| b.0 > 0),
            "limit_band",
            "must be greater than 0",
        ),
        (d.maker_fee.is_below_one(), "maker_fee", "must be below 1"),
        (d.taker_fee.is_below_one(), "taker_fee", "must be below 1"),
        (d.max_open_orders > 0, "max_open_orders", "must be greater than 0"),
    ];
    let broken = rules
        .into_iter()
        .chain(size_rules(d))
        .filter(|(holds, ..)| !holds);
    broken
        .map(|(_, field, rule)| FieldError::new(field, rule))
        .collect()
}

/// The rules of quantities and of the highest value.
fn size_rules(d: &MarketDefinition) -> [Rule; 5] {
    let tick_lot = u128::from(d.tick.0) * u128::from(d.lot.0);
    let highest = u128::from(d.max_price.ticks()) * u128::from(d.max_quantity.0);
    let value = (tick_lot / u128::from(ONE)).checked_mul(highest);
    let price = u128::from(d.tick.0) * u128::from(d.max_price.ticks());
    let base = u128::from(d.lot.0) * u128::from(d.max_quantity.0);
    let fits = |units: u128| units < 1 << 63;
    [
        (
            !d.min_quantity.is_zero(),
            "min_quantity",
            "must be at least one lot",
        ),
        (
            d.min_quantity <= d.max_quantity,
            "max_quantity",
            "must not be below min_quantity",
        ),
        (
            value.is_some_and(fits),
            "max_price",
            "times max_quantity must be below 92233720368.54775808 of the quote asset",
        ),
        (
            fits(price),
            "max_price",
            "must be below 92233720368.54775808 of the quote asset",
        ),
        (
            fits(base),
            "max_quantity",
            "must be below 92233720368.54775808 of the base asset",
        ),
    ]
}

/// How many decimals an amount has when written.
const fn decimals(amount: Amount) -> u32 {
    let (mut units, mut places) = (amount.0, 8);
    while places > 0 && units.is_multiple_of(10) {
        units /= 10;
        places -= 1;
    }
    places
}
