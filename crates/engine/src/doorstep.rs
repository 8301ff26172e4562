//! What a new order meets before its funds are asked for: time, the market's state, its limits and band, its trigger.

use domain::{
    ExpireReason, Market, MarketState, Place, Price, RejectReason, Side, Stamp, Step, Terms, TimeInForce,
};

/// A market as a new order meets it. The engine asks with what it is, and whoever watches the engine from outside may ask
/// with what it was a moment ago, to guess the engine's answer.
#[derive(Debug, Clone, Copy)]
pub struct Doorstep<'a> {
    /// The market.
    pub market: &'a Market,
    /// What it takes.
    pub state: MarketState,
    /// The price of its last trade, else its initial price.
    pub reference: Option<Price>,
    /// How many live orders the user has.
    pub live: u32,
}

impl Doorstep<'_> {
    /// Checks a placement of which the engine hears at this moment; `would_take` tells whether its price meets an order of
    /// the other side, and is asked in post-only markets alone.
    ///
    /// # Errors
    /// How the order ends instead of asking for its funds.
    pub fn check(&self, place: &Place, at: Stamp, would_take: impl FnOnce() -> bool) -> Result<(), Step> {
        if place.deadline() < at {
            return Err(Step::Expire(ExpireReason::TooLate));
        }
        if expires_at(place.time_in_force, at).is_some_and(|end| end <= at) {
            return Err(Step::Expire(ExpireReason::TimeInForce));
        }
        self.admit(place, would_take).map_err(Step::Reject)
    }

    fn admit(&self, place: &Place, would_take: impl FnOnce() -> bool) -> Result<(), RejectReason> {
        let rests = matches!(place.terms, Terms::Limit { .. })
            && !matches!(place.time_in_force, TimeInForce::Ioc | TimeInForce::Fok);
        let taken = match self.state {
            MarketState::Open => true,
            MarketState::PostOnly => rests && !would_take(),
            MarketState::CancelOnly | MarketState::Halted => false,
        };
        if !taken {
            return Err(RejectReason::MarketState);
        }
        if self.live >= self.market.definition().max_open_orders {
            return Err(RejectReason::TooManyOrders);
        }
        self.market.check_limits(&place.terms, self.reference)?;
        match (place.terms.stop_price(), self.reference, place.side) {
            (Some(stop), Some(last), Side::Buy) if last >= stop => Err(RejectReason::StopAlreadyTriggered),
            (Some(stop), Some(last), Side::Sell) if last <= stop => Err(RejectReason::StopAlreadyTriggered),
            _ => Ok(()),
        }
    }
}

/// When an order that enters at this moment expires; none: never.
pub(crate) const fn expires_at(time_in_force: TimeInForce, at: Stamp) -> Option<Stamp> {
    match time_in_force {
        TimeInForce::Day => Some(at.next_midnight()),
        TimeInForce::Gtd(end) => Some(end),
        TimeInForce::Gtc | TimeInForce::Ioc | TimeInForce::Fok => None,
    }
}
