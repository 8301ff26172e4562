//! One market as this gateway knows it: its definition, its state, its shard, its book and its last price.

use std::sync::Arc;

use domain::{Amount, Event, Lots, Market, MarketEvent, MarketState, Place, Price, Side, Stamp};
use engine::Doorstep;
use market_data::{Depth, Level};
use persistence::postgres::views::MarketRow;
use trading::{DepthView, LevelView};

use super::BadOutset;
use crate::encoding::decode;

/// One market.
#[derive(Debug)]
pub(super) struct Followed {
    pub market: Arc<Market>,
    pub state: MarketState,
    pub shard: u32,
    pub depth: Depth,
    /// The price of its last trade.
    last_price: Option<Price>,
}

impl Followed {
    pub fn defined(market: Market, shard: u32) -> Self {
        Self {
            depth: Depth::new(market.number()),
            market: Arc::new(market),
            state: MarketState::Open,
            shard,
            last_price: None,
        }
    }

    pub fn from_row(row: &MarketRow) -> Result<Self, BadOutset> {
        let bad = |why: String| BadOutset(format!("market {}: {why}", row.symbol));
        let definition = decode(&row.definition).map_err(|error| bad(error.to_string()))?;
        let market = Market::new(definition).map_err(|errors| bad(format!("{errors:?}")))?;
        if market.number() != row.number {
            return Err(bad(format!("its definition is of market {}", market.number().0)));
        }
        let last_price = row
            .last_price
            .map(|price| market.price("last_price", Amount(price)));
        let last_price = last_price.transpose().map_err(|error| bad(error.to_string()))?;
        Ok(Self {
            depth: Depth::from_levels(row.number, row.event_seq, []),
            market: Arc::new(market),
            state: row.state,
            shard: row.shard,
            last_price,
        })
    }

    /// A level in units of 1e-8 in the market's own.
    pub fn level(&self, price: u64, quantity: u128) -> Result<Level, BadOutset> {
        let market = &self.market;
        let bad = |why: String| BadOutset(format!("a book of {}: {why}", market.symbol()));
        let lot = u128::from(market.definition().lot.0);
        let lots = u64::try_from(quantity / lot).ok();
        let lots = lots.filter(|lots| *lots > 0 && quantity.is_multiple_of(lot));
        Ok(Level {
            price: market
                .price("price", Amount(price))
                .map_err(|error| bad(error.to_string()))?,
            quantity: lots
                .map(Lots)
                .ok_or_else(|| bad(format!("{quantity} units at a price")))?,
        })
    }

    /// Takes an event that its book has taken. True: the market looks different now.
    pub fn take(&mut self, event: &MarketEvent, shard: u32) -> bool {
        self.shard = shard;
        match &event.event {
            Event::MarketDefined(definition) => match Market::new((**definition).clone()) {
                Ok(market) => {
                    self.market = Arc::new(market);
                    true
                }
                Err(errors) => {
                    tracing::error!(
                        market = event.market.0,
                        ?errors,
                        "a market's definition in a log breaks a rule"
                    );
                    false
                }
            },
            Event::MarketStateChanged(state) => {
                self.state = *state;
                true
            }
            Event::Trade(trade) => {
                self.last_price = Some(trade.price);
                false
            }
            _ => false,
        }
    }

    /// Whether a new order of a user with so many live ones ends before its funds are asked for.
    pub fn turns_away(&self, order: &Place, at: Stamp, live: u32) -> bool {
        let doorstep = Doorstep {
            market: &self.market,
            state: self.state,
            reference: self.last_price.or(self.market.definition().initial_price),
            live,
        };
        doorstep.check(order, at, || self.would_take(order)).is_err()
    }

    /// Whether the book shows an order that a new one would take.
    fn would_take(&self, order: &Place) -> bool {
        let best = |levels: &mut dyn Iterator<Item = Level>| levels.next().map(|level| level.price);
        let limit = order.terms.price();
        match order.side {
            Side::Buy => {
                best(&mut self.depth.asks()).is_some_and(|ask| limit.is_none_or(|limit| limit >= ask))
            }
            Side::Sell => {
                best(&mut self.depth.bids()).is_some_and(|bid| limit.is_none_or(|limit| limit <= bid))
            }
        }
    }

    pub fn view(&self, levels: usize) -> DepthView {
        let rows = |side: Side| -> Vec<LevelView> {
            let view = |Level { price, quantity }: Level| LevelView { price, quantity };
            match side {
                Side::Buy => self.depth.bids().take(levels).map(view).collect(),
                Side::Sell => self.depth.asks().take(levels).map(view).collect(),
            }
        };
        DepthView {
            market: self.market.number(),
            seq: self.depth.last_seq(),
            bids: rows(Side::Buy),
            asks: rows(Side::Sell),
        }
    }
}
