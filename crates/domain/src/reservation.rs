//! What orders reserve, how far they may trade, and what an amendment makes of them: rules that intake and fold share.

use crate::{
    Amount, Asset, BadTransition, FieldError, Lots, Market, Order, Price, Quantity, Side, Size, Step, Symbol,
    Terms,
};

impl Symbol {
    /// The asset that a side pays with, and the one that it receives.
    pub const fn paid_and_received(self, side: Side) -> (Asset, Asset) {
        match side {
            Side::Buy => (self.quote, self.base),
            Side::Sell => (self.base, self.quote),
        }
    }
}

impl Market {
    /// The protection price of an order without a limit, from its stop price or else from the reference price; none where
    /// the market has no reference price yet.
    pub fn protection(&self, side: Side, terms: &Terms, reference: Option<Price>) -> Option<Price> {
        match *terms {
            Terms::Limit { .. } | Terms::StopLimit { .. } => None,
            Terms::Stop { stop_price, .. } => Some(self.protection_price(side, stop_price)),
            Terms::Market { .. } => Some(self.protection_price(side, reference?)),
        }
    }

    /// What an order of these terms reserves, in units of the asset that its side pays with.
    /// `worst` is its limit or protection price.
    pub fn reservation(&self, side: Side, size: Size, worst: Price) -> Amount {
        match (side, size) {
            (_, Size::Budget(budget)) => budget,
            (Side::Sell, Size::Quantity(quantity)) => self.base_amount(quantity.lots()),
            (Side::Buy, Size::Quantity(quantity)) => self.notional(worst, quantity.lots()),
        }
    }

    /// The same for numbers that may lie beyond the market's limits; none: no balance can cover it.
    pub fn reservation_of_any(&self, side: Side, size: Size, worst: Price) -> Option<Amount> {
        match (side, size) {
            (_, Size::Budget(budget)) => within(u128::from(budget.0)),
            (Side::Sell, Size::Quantity(quantity)) => self.base_of_any(quantity.lots()),
            (Side::Buy, Size::Quantity(quantity)) => self.notional_of_any(worst, quantity.lots()),
        }
    }

    /// What a live order still needs of its reservation: the rest of its budget, or what its remaining lots may cost.
    pub fn still_needed(&self, order: &Order) -> Amount {
        match (order.side, order.terms.size(), order.worst_price()) {
            (_, Size::Budget(budget), _) => budget - order.filled_notional,
            (Side::Buy, _, Some(worst)) => self.notional(worst, order.remaining()),
            (Side::Buy, _, None) => Amount::ZERO,
            (Side::Sell, ..) => self.base_amount(order.remaining()),
        }
    }

    /// The same for numbers that may lie beyond the market's limits; none: no balance can cover it.
    pub fn still_needed_of_any(&self, order: &Order) -> Option<Amount> {
        match (order.side, order.terms.size(), order.worst_price()) {
            (_, Size::Budget(budget), _) => budget.checked_sub(order.filled_notional),
            (Side::Buy, _, Some(worst)) => self.notional_of_any(worst, order.remaining()),
            (Side::Buy, _, None) => Some(Amount::ZERO),
            (Side::Sell, ..) => self.base_of_any(order.remaining()),
        }
    }

    /// Whether every number of these terms fits 2^63 - 1 units of 1e-8, so that it can be kept at all.
    ///
    /// # Errors
    /// The field that does not fit.
    pub fn check_size(&self, terms: &Terms) -> Result<(), FieldError> {
        let rule = "must be below 92233720368.54775808";
        let price = |price: Option<Price>| {
            price.is_none_or(|price| {
                within(u128::from(price.ticks()) * u128::from(self.definition().tick.0)).is_some()
            })
        };
        if !price(terms.price()) {
            return Err(FieldError::new("price", rule));
        }
        if !price(terms.stop_price()) {
            return Err(FieldError::new("stop_price", rule));
        }
        match terms.size() {
            Size::Budget(budget) if budget > Amount::MAX => Err(FieldError::new("quote_quantity", rule)),
            Size::Quantity(quantity) if self.base_of_any(quantity.lots()).is_none() => {
                Err(FieldError::new("quantity", rule))
            }
            _ => Ok(()),
        }
    }

    fn base_of_any(&self, lots: Lots) -> Option<Amount> {
        within(u128::from(lots.0) * u128::from(self.definition().lot.0))
    }

    fn notional_of_any(&self, price: Price, lots: Lots) -> Option<Amount> {
        let at_one_tick = u128::from(lots.0) * u128::from(self.tick_lot());
        within(at_one_tick.checked_mul(u128::from(price.ticks()))?)
    }
}

/// So many units, if they are no more than an amount may have.
fn within(units: u128) -> Option<Amount> {
    let units = u64::try_from(units).ok().map(Amount)?;
    (units <= Amount::MAX).then_some(units)
}

impl Terms {
    /// The terms with a new price and quantity; what is none stays. An iceberg never shows more than its quantity.
    ///
    /// # Errors
    /// The field that an order of this type does not have.
    pub fn amended(
        &self,
        new_price: Option<Price>,
        new_quantity: Option<Quantity>,
    ) -> Result<Self, FieldError> {
        let mut terms = *self;
        match &mut terms {
            Self::Limit {
                price,
                quantity,
                display,
                ..
            }
            | Self::StopLimit {
                price,
                quantity,
                display,
                ..
            } => {
                *price = new_price.unwrap_or(*price);
                *quantity = new_quantity.unwrap_or(*quantity);
                *display = display.map(|shown| shown.min(*quantity));
            }
            Self::Stop { .. } | Self::Market { .. } if new_price.is_some() => {
                let rule = "cannot be set on an order without a limit price";
                return Err(FieldError::new("price", rule));
            }
            Self::Stop {
                size: Size::Quantity(quantity),
                ..
            }
            | Self::Market {
                size: Size::Quantity(quantity),
            } => {
                *quantity = new_quantity.unwrap_or(*quantity);
            }
            Self::Stop { .. } | Self::Market { .. } if new_quantity.is_some() => {
                let rule = "cannot be set on an order by quote_quantity";
                return Err(FieldError::new("quantity", rule));
            }
            Self::Stop { .. } | Self::Market { .. } => {}
        }
        Ok(terms)
    }
}

impl Order {
    /// The order as it would be with these terms.
    ///
    /// # Errors
    /// It is not live.
    pub fn resized(&self, terms: &Terms, quantity: Lots) -> Result<Self, BadTransition> {
        Ok(Self {
            terms: *terms,
            quantity,
            state: self.state.after(Step::Resize(quantity))?,
            ..self.clone()
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may panic")]

    use super::*;
    use crate::{FeeRate, MarketDefinition, MarketNumber};

    fn market() -> Market {
        Market::new(MarketDefinition {
            number: MarketNumber(1),
            symbol: "BTC/USDT".parse().unwrap(),
            tick: Amount(1_000_000),
            lot: Amount(10_000),
            min_quantity: Lots(1),
            max_quantity: Lots(1_000_000),
            max_price: Price::from_ticks(100_000_000).unwrap(),
            min_notional: Amount::ZERO,
            market_band: None,
            limit_band: None,
            initial_price: None,
            maker_fee: FeeRate(0),
            taker_fee: FeeRate(0),
            max_open_orders: 1,
        })
        .unwrap()
    }

    #[test]
    fn within_the_limits_both_ways_of_counting_agree_and_beyond_them_nothing_overflows() {
        let market = market();
        let quantity = |lots| Size::Quantity(Quantity::from_lots(Lots(lots)).unwrap());
        let (most, highest) = (u64::MAX, Price::from_ticks(u32::MAX).unwrap());
        let worst = market.definition().max_price;
        for side in [Side::Buy, Side::Sell] {
            for size in [quantity(1), quantity(1_000_000), Size::Budget(Amount(7))] {
                if side == Side::Buy || !matches!(size, Size::Budget(_)) {
                    let exact = market.reservation(side, size, worst);
                    assert_eq!(market.reservation_of_any(side, size, worst), Some(exact));
                }
            }
            assert_eq!(market.reservation_of_any(side, quantity(most), highest), None);
        }
        assert_eq!(
            market.reservation_of_any(Side::Buy, Size::Budget(Amount(most)), worst),
            None
        );
    }

    #[test]
    fn what_cannot_be_kept_is_named() {
        let market = market();
        let quantity = Quantity::from_lots(Lots(u64::MAX)).unwrap();
        let price = Price::from_ticks(1).unwrap();
        let limit = Terms::Limit {
            price,
            quantity,
            display: None,
            post_only: false,
        };
        assert_eq!(market.check_size(&limit).unwrap_err().field, "quantity");
        let budget = Terms::Market {
            size: Size::Budget(Amount(u64::MAX)),
        };
        assert_eq!(market.check_size(&budget).unwrap_err().field, "quote_quantity");
        let small = Terms::Market {
            size: Size::Budget(Amount::MAX),
        };
        assert_eq!(market.check_size(&small), Ok(()));
    }
}
