//! What a caller gets to see: markets, depth, balances, health.

use std::sync::Arc;

use domain::{Amount, Asset, Lots, Market, MarketNumber, MarketState, Price, Symbol};

/// A market and its present state.
#[derive(Debug, Clone)]
pub struct MarketView {
    /// The market.
    pub market: Arc<Market>,
    /// What it takes at present.
    pub state: MarketState,
}

/// The markets at one moment, ordered by number.
#[derive(Debug, Clone, Default)]
pub struct Markets(Vec<MarketView>);

impl Markets {
    /// These markets; sorts them by number.
    pub fn new(mut markets: Vec<MarketView>) -> Self {
        markets.sort_by_key(|view| view.market.number());
        Self(markets)
    }

    /// Every market, by number.
    pub fn all(&self) -> &[MarketView] {
        &self.0
    }

    /// The market of this number.
    pub fn by_number(&self, number: MarketNumber) -> Option<&MarketView> {
        let at = self
            .0
            .binary_search_by_key(&number, |view| view.market.number())
            .ok()?;
        self.0.get(at)
    }

    /// The market of this symbol.
    pub fn by_symbol(&self, symbol: Symbol) -> Option<&MarketView> {
        self.0.iter().find(|view| view.market.symbol() == symbol)
    }
}

/// One level of a book.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LevelView {
    /// Its price.
    pub price: Price,
    /// The lots shown at it.
    pub quantity: Lots,
}

/// A book's levels, best first, as of one sequence number of the market.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DepthView {
    /// The market.
    pub market: MarketNumber,
    /// The number of the last event in it.
    pub seq: u64,
    /// Bids, highest first.
    pub bids: Vec<LevelView>,
    /// Asks, lowest first.
    pub asks: Vec<LevelView>,
}

/// What a user has of one asset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccountBalance {
    /// The asset.
    pub asset: Asset,
    /// What can be spent or reserved.
    pub available: Amount,
    /// What live orders have reserved.
    pub reserved: Amount,
    /// Grows with every change.
    pub version: u64,
}

/// Whether the exchange can do its work, and what each thing it needs says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// Whether placements are taken now.
    pub ready: bool,
    /// Each dependency with what is wrong with it; none: nothing.
    pub dependencies: Vec<(&'static str, Option<String>)>,
}
