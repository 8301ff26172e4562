//! What operators change: definitions and states of markets.

use std::sync::Arc;

use domain::{Event, FieldError, Market, MarketDefinition, MarketNumber, MarketState, Refusal};

use crate::engine::Answer;
use crate::funds::Funds;
use crate::market::MarketRow;
use crate::turn::Turn;

impl<F: Funds> Turn<'_, F> {
    pub fn define_market(&mut self, definition: &MarketDefinition) -> Answer {
        let market = match Market::new(definition.clone()) {
            Ok(market) => market,
            Err(errors) => return Answer::Refused(Refusal::Definition(errors)),
        };
        let (number, symbol) = (market.number(), market.symbol());
        let taken = |row: &MarketRow| row.market.symbol() == symbol && row.market.number() != number;
        if self.engine.markets.iter().any(taken) {
            let error = FieldError::new("symbol", "is the symbol of another market");
            return Answer::Refused(Refusal::Definition(vec![error]));
        }
        let place = match self.engine.place_of(number) {
            Some(place) if !self.row(place).market.same_grid(&market) => {
                let error = FieldError::new("tick", "and lot and symbol of a market never change");
                return Answer::Refused(Refusal::Definition(vec![error]));
            }
            Some(place) if self.row(place).market.definition() == definition => return Answer::Done,
            Some(place) => {
                self.row_mut(place).market = Arc::new(market);
                place
            }
            None => self.engine.add(MarketRow::new(Arc::new(market))),
        };
        self.emit(place, Event::MarketDefined(Box::new(definition.clone())));
        Answer::Done
    }

    pub fn set_market_state(&mut self, number: MarketNumber, state: MarketState) -> Answer {
        let Some(place) = self.engine.place_of(number) else {
            return Answer::Refused(Refusal::UnknownMarket);
        };
        if self.row(place).state != state {
            self.row_mut(place).state = state;
            self.emit(place, Event::MarketStateChanged(state));
        }
        Answer::Done
    }
}
