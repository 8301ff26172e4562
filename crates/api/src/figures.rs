//! What is counted of order entry, whatever carries it: orders taken and refused, how long that takes, and how long frames
//! wait for their sockets.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use actix_web::http::StatusCode;
use domain::{OrderType, RejectReason, Side, Symbol};
use http::Problem;
use metrics::{Counter, Histogram, counter, histogram};
use trading::{Markets, NewOrder};

/// The codes of answers to orders that were not taken, besides those of the fold.
const CODES: [&str; 9] = [
    "already_placed",
    "client_order_id_conflict",
    "internal",
    "invalid_field",
    "not_found",
    "outcome_unknown",
    "unavailable",
    "unknown_symbol",
    OTHER,
];
/// What every other code counts as, so that there are no more series than these.
const OTHER: &str = "other";

static REJECTED: LazyLock<HashMap<&'static str, Counter>> = LazyLock::new(|| {
    let reasons = RejectReason::ALL.iter().map(|reason| reason.code());
    let reasons = reasons.chain(CODES);
    reasons
        .map(|reason| (reason, counter!("orders_rejected_total", "reason" => reason)))
        .collect()
});

static FANOUT: LazyLock<Histogram> =
    LazyLock::new(|| histogram!("order_stage_duration_seconds", "stage" => "fanout"));

thread_local! {
    /// Each thread has its own, so that none waits for another.
    static MARKETS: RefCell<HashMap<Symbol, Arc<OfMarket>>> = RefCell::default();
}

/// The series of one market.
struct OfMarket {
    took: Histogram,
    /// By type and side, in the order of their lists.
    placed: Vec<Counter>,
}

impl OfMarket {
    fn new(symbol: Symbol) -> Self {
        let symbol = symbol.to_string();
        let kinds = OrderType::ALL
            .iter()
            .flat_map(|of| Side::ALL.iter().map(move |side| (of, side)));
        let placed = |(of, side): (&OrderType, &Side)| counter!("orders_placed_total", "symbol" => symbol.clone(), "type" => of.word(), "side" => side.word());
        Self {
            took: histogram!("order_placement_duration_seconds", "symbol" => symbol.clone()),
            placed: kinds.map(placed).collect(),
        }
    }

    fn of(symbol: Symbol) -> Arc<Self> {
        MARKETS.with_borrow_mut(|markets| {
            let made = markets
                .entry(symbol)
                .or_insert_with(|| Arc::new(Self::new(symbol)));
            Arc::clone(made)
        })
    }

    fn placed(&self, order_type: OrderType, side: Side) -> Option<&Counter> {
        let of = OrderType::ALL.iter().position(|one| *one == order_type)?;
        let side_at = Side::ALL.iter().position(|one| *one == side)?;
        self.placed.get(of * Side::ALL.len() + side_at)
    }
}

/// Shows all series of order entry in these markets, so that each is there before the first order.
pub fn show(markets: &Markets) {
    LazyLock::force(&REJECTED);
    LazyLock::force(&FANOUT);
    for view in markets.all() {
        OfMarket::of(view.market.symbol());
    }
}

/// An order that is being placed.
pub(crate) struct Placing {
    market: Option<Arc<OfMarket>>,
    order_type: OrderType,
    side: Side,
}

impl Placing {
    pub(crate) fn of(order: &NewOrder, markets: &Markets) -> Self {
        let market = markets.by_number(order.market);
        Self {
            market: market.map(|view| OfMarket::of(view.market.symbol())),
            order_type: order.terms.order_type(),
            side: order.side,
        }
    }

    /// It was answered so. A repetition of an order that was placed before counts as neither taken nor refused.
    pub(crate) fn answered<T>(self, answer: &Result<(StatusCode, T), Problem>, took: Duration) {
        if let Some(market) = &self.market {
            market.took.record(took.as_secs_f64());
            if let Ok((StatusCode::CREATED | StatusCode::ACCEPTED, _)) = answer
                && let Some(placed) = market.placed(self.order_type, self.side)
            {
                placed.increment(1);
            }
        }
        if let Err(problem) = answer {
            rejected(problem);
        }
    }
}

/// An order was not taken.
pub(crate) fn rejected(problem: &Problem) {
    let counter = REJECTED.get(problem.code()).or_else(|| REJECTED.get(OTHER));
    if let Some(counter) = counter {
        counter.increment(1);
    }
}

/// A frame was handed to its socket, so long after it was queued.
pub(crate) fn sent(waited: Duration) {
    FANOUT.record(waited.as_secs_f64());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_type_and_side_of_a_market_has_a_series_of_its_own() {
        let market = OfMarket::new("BTC/USDT".parse().unwrap());
        let all = OrderType::ALL.len() * Side::ALL.len();
        assert_eq!(market.placed.len(), all);
        let found = OrderType::ALL
            .iter()
            .flat_map(|of| Side::ALL.iter().map(move |side| (*of, *side)));
        let mut at: Vec<*const Counter> = found
            .filter_map(|(of, side)| market.placed(of, side))
            .map(std::ptr::from_ref)
            .collect();
        at.sort_unstable();
        at.dedup();
        assert_eq!(at.len(), all);
    }
}
