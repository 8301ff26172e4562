//! The markets that a caller knows: rows carry decimals, and a market's tick and lot make prices and quantities of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::{Market, MarketNumber};

use crate::postgres::PgError;

/// Markets by symbol and by number. A row of any other market makes no sense to its reader.
#[derive(Debug, Clone, Default)]
pub struct MarketGrids {
    by_symbol: BTreeMap<String, Arc<Market>>,
    symbols: BTreeMap<MarketNumber, String>,
}

impl MarketGrids {
    /// These markets; of two with the same symbol the later.
    pub fn new(markets: impl IntoIterator<Item = Arc<Market>>) -> Self {
        let mut grids = Self::default();
        for market in markets {
            grids.insert(market);
        }
        grids
    }

    /// Adds a market, or changes it.
    pub fn insert(&mut self, market: Arc<Market>) {
        let symbol = market.symbol().to_string();
        self.symbols.insert(market.number(), symbol.clone());
        self.by_symbol.insert(symbol, market);
    }

    /// The market of a symbol as it stands in a row, such as `BTC/USDT`.
    pub fn get(&self, symbol: &str) -> Option<&Arc<Market>> {
        self.by_symbol.get(symbol)
    }

    /// The market of a number.
    pub fn numbered(&self, number: MarketNumber) -> Option<&Arc<Market>> {
        self.by_symbol.get(self.symbols.get(&number)?)
    }

    /// All markets, by symbol.
    pub fn all(&self) -> impl Iterator<Item = &Arc<Market>> {
        self.by_symbol.values()
    }

    /// The market of a row.
    pub(super) fn of(&self, table: &'static str, symbol: &str) -> Result<&Arc<Market>, PgError> {
        let market = self.get(symbol);
        market.ok_or_else(|| PgError::bad_row(table, format!("the market {symbol} is not known")))
    }

    /// The market of an order that is to be written.
    pub(crate) fn to_write(
        &self,
        table: &'static str,
        number: MarketNumber,
    ) -> Result<&Arc<Market>, PgError> {
        let market = self.numbered(number);
        market.ok_or_else(|| PgError::bad_row(table, format!("the market {} is not known", number.0)))
    }
}
