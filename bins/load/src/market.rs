//! A market as the load needs it: its grid, the price around which it trades, and the zones of prices.

use anyhow::Context;
use serde_json::Value;

use crate::api::Api;
use crate::decimal;
use crate::dice::Dice;

/// Steps in which makers stand that are meant to be hit.
const NEAR_STEPS: usize = 20;
/// How many steps from the middle takers go at most: beyond all near makers, short of all deep ones.
const TAKER_STEPS: i128 = 30;
/// The first step of the makers that nobody hits: cancels and amends find them live.
const DEEP_FROM: i128 = 100;
/// Steps in which they stand.
const DEEP_STEPS: usize = 200;

/// A side of the book.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Buy,
    Sell,
}

impl Side {
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Buy => "BUY",
            Self::Sell => "SELL",
        }
    }

    /// Towards better prices for the other side, as a sign.
    const fn sign(self) -> i128 {
        match self {
            Self::Buy => 1,
            Self::Sell => -1,
        }
    }
}

/// A market; all numbers in units of 1e-8.
#[derive(Debug, Clone)]
pub(crate) struct Market {
    pub(crate) symbol: String,
    pub(crate) base: String,
    pub(crate) quote: String,
    lot: i128,
    smallest: i128,
    middle: i128,
    step: i128,
}

impl Market {
    /// A market from its public description and the price around which to trade.
    ///
    /// # Errors
    /// A field is missing or is no number.
    pub(crate) fn new(view: &Value, middle: Option<i128>) -> anyhow::Result<Self> {
        let text = |field: &str| {
            let text = view[field].as_str();
            text.with_context(|| format!("a market has no `{field}`: {view}"))
        };
        let units = |field: &str| decimal::parse(text(field)?);
        let (tick, lot) = (units("tick")?.max(1), units("lot")?.max(1));
        let (min_quantity, min_notional) = (units("min_quantity")?, units("min_notional")?);
        let initial = view["initial_price"].as_str().map(decimal::parse).transpose()?;
        // Without any price there is only the grid to go by.
        let middle = middle.or(initial).unwrap_or(tick * 100_000);
        // Bands are wider than the deep zone, which ends at 3 % of the middle.
        let step = (middle / 10_000 / tick).max(1) * tick;
        let middle = (middle / tick * tick).max(step * (DEEP_FROM + DEEP_STEPS as i128 + 1));
        let lowest = middle - step * (DEEP_FROM + DEEP_STEPS as i128);
        let by_notional = min_notional * decimal::ONE / lowest.max(1);
        let smallest = min_quantity.max(by_notional + lot).div_euclid(lot) * lot;
        Ok(Self {
            symbol: text("symbol")?.to_owned(),
            base: text("base_asset")?.to_owned(),
            quote: text("quote_asset")?.to_owned(),
            lot,
            smallest: smallest.max(min_quantity).max(lot),
            middle,
            step,
        })
    }

    /// The symbol as it stands in paths and channels.
    pub(crate) fn dashed(&self) -> String {
        self.symbol.replace('/', "-")
    }

    /// The price of a maker that takers reach.
    pub(crate) fn near(&self, side: Side, dice: &mut Dice) -> i128 {
        let steps = 1 + dice.below(NEAR_STEPS) as i128;
        self.middle - side.sign() * steps * self.step
    }

    /// The price of a maker that takers do not reach.
    pub(crate) fn deep(&self, side: Side, dice: &mut Dice) -> i128 {
        let steps = DEEP_FROM + dice.below(DEEP_STEPS) as i128;
        self.middle - side.sign() * steps * self.step
    }

    /// The price up to which a taker goes.
    pub(crate) const fn across(&self, side: Side) -> i128 {
        self.middle + side.sign() * TAKER_STEPS * self.step
    }

    /// The allowed quantity that lies so many lots above the smallest.
    pub(crate) const fn nth_quantity(&self, lots: i128) -> i128 {
        self.smallest + lots * self.lot
    }

    /// A quantity of one to ten times what is allowed at least.
    pub(crate) fn quantity(&self, dice: &mut Dice) -> i128 {
        let more = self.smallest * 9 / self.lot;
        let more = usize::try_from(more).unwrap_or(usize::MAX);
        self.smallest + dice.below(more.saturating_add(1)) as i128 * self.lot
    }
}

/// The markets that are open, or those of them that were asked for.
///
/// # Errors
/// The gateway does not answer, or a wanted market is not there.
pub(crate) async fn open(api: &Api, wanted: &[String]) -> anyhow::Result<Vec<Market>> {
    let list = api.get("/api/v1/markets").await?.ok("the list of markets")?;
    let views = list["markets"]
        .as_array()
        .context("the list of markets has none")?;
    let mut markets = Vec::new();
    for view in views {
        let symbol = view["symbol"].as_str().unwrap_or_default();
        let asked = |name: &String| name == symbol || *name == symbol.replace('/', "-");
        let wants = wanted.is_empty() || wanted.iter().any(asked);
        if wants && view["state"] == "open" {
            markets.push(Market::new(view, last_price(api, symbol).await?)?);
        }
    }
    if markets.is_empty() || markets.len() < wanted.len() {
        let found: Vec<_> = markets.iter().map(|market| market.symbol.as_str()).collect();
        anyhow::bail!("not all wanted markets are open: {wanted:?}, found {found:?}");
    }
    Ok(markets)
}

async fn last_price(api: &Api, symbol: &str) -> anyhow::Result<Option<i128>> {
    let path = format!("/api/v1/markets/{}/trades?limit=1", symbol.replace('/', "-"));
    let answer = api.get(&path).await?.ok("the last trade")?;
    let price = answer["trades"][0]["price"].as_str();
    price.map(decimal::parse).transpose()
}

#[cfg(test)]
pub(crate) fn example() -> Market {
    let view = serde_json::json!({
        "symbol": "BTC/USDT", "base_asset": "BTC", "quote_asset": "USDT", "tick": "0.01", "lot": "0.000001",
        "min_quantity": "0.0001", "min_notional": "5", "initial_price": "60000"});
    Market::new(&view, None).unwrap()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_makers_are_reached_and_deep_ones_are_not() {
        let (market, mut dice) = (example(), Dice::new(1, 1));
        for _ in 0..1_000 {
            for (maker, taker) in [(Side::Buy, Side::Sell), (Side::Sell, Side::Buy)] {
                let reach = |price: i128| (price - market.across(taker)) * maker.sign() >= 0;
                let (near, deep) = (market.near(maker, &mut dice), market.deep(maker, &mut dice));
                assert!(reach(near) && !reach(deep), "{near} {deep}");
                assert!(near % 1_000_000 == 0 && deep % 1_000_000 == 0 && deep > 0);
                // Makers of the two sides never meet.
                assert!((market.middle - near) * maker.sign() > 0);
            }
        }
    }

    #[test]
    fn quantities_are_on_the_grid_and_large_enough_at_every_price() {
        let (market, mut dice) = (example(), Dice::new(1, 1));
        let (five, least) = (5 * decimal::ONE, decimal::parse("0.0001").unwrap());
        for _ in 0..1_000 {
            let (price, quantity) = (market.deep(Side::Buy, &mut dice), market.quantity(&mut dice));
            assert_eq!(quantity % market.lot, 0);
            assert!(quantity >= least && decimal::product(price, quantity) >= five);
        }
    }

    #[test]
    fn a_market_without_any_price_still_gets_prices_above_zero() {
        let view = serde_json::json!({
            "symbol": "A/B", "base_asset": "A", "quote_asset": "B", "tick": "0.0001", "lot": "0.1",
            "min_quantity": "10", "min_notional": "5", "initial_price": null});
        for middle in [None, Some(1), Some(decimal::ONE / 100)] {
            let market = Market::new(&view, middle).unwrap();
            let mut dice = Dice::new(1, 1);
            assert!((0..100).all(|_| market.deep(Side::Buy, &mut dice) > 0));
        }
    }

    #[test]
    fn a_description_with_a_hole_is_refused() {
        assert!(Market::new(&serde_json::json!({"symbol": "A/B"}), None).is_err());
    }
}
