//! The markets in the form in which rows are read, made anew when they change.

use std::sync::{Arc, Mutex, PoisonError};

use persistence::postgres::orders::MarketGrids;
use trading::Markets;

use super::MarketTable;

/// The market table with what rows need of it.
pub(crate) struct Grids {
    table: Arc<dyn MarketTable>,
    made: Mutex<Option<(Arc<Markets>, Arc<MarketGrids>)>>,
}

impl Grids {
    /// Of this table.
    pub fn new(table: Arc<dyn MarketTable>) -> Self {
        Self {
            table,
            made: Mutex::new(None),
        }
    }

    /// The table.
    pub fn table(&self) -> &dyn MarketTable {
        &*self.table
    }

    /// The markets as rows need them.
    pub fn get(&self) -> Arc<MarketGrids> {
        let markets = self.table.markets();
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((of, grids)) = &*made
            && Arc::ptr_eq(of, &markets)
        {
            return Arc::clone(grids);
        }
        let views = markets.all().iter();
        let grids = Arc::new(MarketGrids::new(views.map(|view| Arc::clone(&view.market))));
        *made = Some((markets, Arc::clone(&grids)));
        grids
    }
}
