//! What both shapes of the exchange count of their markets: trades, their value, and orders matched and ended.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use domain::{Event, Market, MarketEvent, MarketNumber, Order, OrderId, Side, Status, Trade};
use metrics::{Counter, counter};

/// One of an asset, in the units of an amount.
const ONE: u64 = 100_000_000;
/// How orders end.
const ENDS: [Status; 4] = [
    Status::Filled,
    Status::Cancelled,
    Status::Expired,
    Status::Rejected,
];

/// Counts what happens in markets, from the events that became durable.
#[derive(Debug, Default)]
pub struct MarketFigures(HashMap<MarketNumber, Figures>);

struct Figures {
    market: Arc<Market>,
    trades: Counter,
    matched: Counter,
    value: Counter,
    closed: [Counter; ENDS.len()],
    /// Value that is not a whole unit of the quote asset yet.
    left: u64,
    /// The order that came last and traded with those in the book.
    taker: Option<OrderId>,
}

impl fmt::Debug for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.market.symbol())
    }
}

impl MarketFigures {
    /// Shows a market, or takes its new definition.
    pub fn define(&mut self, market: Arc<Market>) {
        if let Some(figures) = self.0.get_mut(&market.number()) {
            figures.market = market;
            return;
        }
        let symbol = market.symbol().to_string();
        let of = |name: &'static str| counter!(name, "symbol" => symbol.clone());
        let figures = Figures {
            trades: of("trades_total"),
            matched: of("orders_matched_total"),
            value: of("traded_value_total"),
            closed: ENDS.map(
                |status| counter!("orders_closed_total", "symbol" => symbol.clone(), "status" => status.word()),
            ),
            left: 0,
            taker: None,
            market: Arc::clone(&market),
        };
        self.0.insert(market.number(), figures);
    }

    /// Counts events, in the order in which they happened in each market.
    pub fn count(&mut self, events: &[MarketEvent]) {
        for event in events {
            if let Event::MarketDefined(definition) = &event.event {
                if let Ok(market) = Market::new(definition.as_ref().clone()) {
                    self.define(Arc::new(market));
                }
                continue;
            }
            let Some(figures) = self.0.get_mut(&event.market) else {
                continue;
            };
            match &event.event {
                Event::Trade(trade) => figures.traded(trade),
                Event::OrderClosed(order) => figures.closed(order),
                _ => {}
            }
        }
    }
}

impl Figures {
    fn traded(&mut self, trade: &Trade) {
        self.trades.increment(1);
        let taker = match trade.maker_side {
            Side::Buy => trade.seller.order_id,
            Side::Sell => trade.buyer.order_id,
        };
        // Whoever trades with several orders of the book is one order.
        let is_another = self.taker.replace(taker) != Some(taker);
        self.matched.increment(1 + u64::from(is_another));
        self.left += trade.notional(&self.market).0;
        self.value.increment(self.left / ONE);
        self.left %= ONE;
    }

    fn closed(&self, order: &Order) {
        let status = order.state.status();
        let at = ENDS.iter().position(|end| *end == status);
        if let Some(closed) = at.and_then(|at| self.closed.get(at)) {
            closed.increment(1);
        }
    }
}
