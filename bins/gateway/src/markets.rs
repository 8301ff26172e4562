//! The markets of the settings as definitions.

use anyhow::{anyhow, bail};
use domain::{MarketDefinition, MarketNumber, MarketText, Symbol};
use runtime::Settings;
use trading::Markets;

/// How many live orders a user may have.
const MAX_OPEN_ORDERS: u32 = 10_000;

/// The definitions; their numbers are given when the exchange is opened.
///
/// # Errors
/// The market and the field that cannot be read.
pub(crate) fn definitions(settings: &Settings) -> anyhow::Result<Vec<MarketDefinition>> {
    let markets = settings.matching.markets();
    let definition = |market: runtime::settings::Market| {
        let text = MarketText {
            symbol: &market.symbol,
            tick: &market.tick,
            lot: &market.lot,
            min_quantity: &market.min_quantity,
            max_quantity: &market.max_quantity,
            max_price: &market.max_price,
            min_notional: &market.min_notional,
            market_band: Some(&market.market_band),
            limit_band: Some(&market.limit_band),
            initial_price: market.initial_price.as_deref(),
            maker_fee: &market.maker_fee,
            taker_fee: &market.taker_fee,
            max_open_orders: MAX_OPEN_ORDERS,
        };
        text.definition(MarketNumber(0))
            .map_err(|error| anyhow!("market {}: {error}", market.symbol))
    };
    markets.into_iter().map(definition).collect()
}

/// Whether every market of the settings is defined.
///
/// # Errors
/// The first that is not.
pub(crate) fn all_there(settings: &Settings, markets: &Markets) -> anyhow::Result<()> {
    for definition in definitions(settings)? {
        let symbol = definition.symbol;
        if markets.by_symbol(symbol).is_none() {
            bail!("market {symbol} is not defined yet");
        }
    }
    Ok(())
}

/// The number of a symbol's market, or the next free one.
pub(crate) fn number(markets: &Markets, symbol: Symbol) -> MarketNumber {
    let known = markets.by_symbol(symbol).map(|view| view.market.number());
    let last = markets.all().iter().map(|view| view.market.number().0).max();
    known.unwrap_or(MarketNumber(last.unwrap_or(0).saturating_add(1)))
}
