//! The last trades of each market: a bounded ring.

use std::collections::VecDeque;

use domain::{MarketNumber, Trade};
use serde::{Deserialize, Serialize};

use crate::RECENT_TRADES;

/// The last trades of every market, by number.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tape(Vec<(MarketNumber, VecDeque<Trade>)>);

impl Tape {
    pub fn push(&mut self, trade: Trade) {
        let place = match self.0.binary_search_by_key(&trade.market, |(number, _)| *number) {
            Ok(place) => place,
            Err(place) => {
                self.0.insert(place, (trade.market, VecDeque::new()));
                place
            }
        };
        let ring = &mut self.0[place].1;
        if ring.len() == RECENT_TRADES {
            ring.pop_front();
        }
        ring.push_back(trade);
    }

    /// A market's trades, newest first.
    pub fn latest(&self, market: MarketNumber) -> impl Iterator<Item = &Trade> {
        let place = self.0.binary_search_by_key(&market, |(number, _)| *number).ok();
        place.into_iter().flat_map(|place| self.0[place].1.iter().rev())
    }
}
