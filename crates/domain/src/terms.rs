//! What an order asks for: its type with exactly the numbers that the type needs, and the combinations that make sense.

use serde::{Deserialize, Serialize};

use crate::{Amount, FieldError, OrderType, Price, Quantity, SelfTradePrevention, Side, TimeInForce};

/// The most parts that an iceberg is shown in: each part is a fill of its own, and one order must not make millions.
const ICEBERG_PARTS: u64 = 100;

/// How much to trade.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Size {
    /// So many lots.
    Quantity(Quantity),
    /// As much as this amount of the quote asset buys. Buys only.
    Budget(Amount),
}

/// The type of an order with its numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Terms {
    /// Trade at this price or better; the rest waits in the book as time in force says.
    Limit {
        /// The worst price.
        price: Price,
        /// How much.
        quantity: Quantity,
        /// An iceberg shows no more than this at a time.
        display: Option<Quantity>,
        /// Reject rather than trade at once.
        post_only: bool,
    },
    /// Trade at once, at the market's prices, never beyond the protection price; the rest expires.
    Market {
        /// How much.
        size: Size,
    },
    /// A market order that waits until the last price reaches the stop price.
    Stop {
        /// A buy enters when the last price is at or above, a sell when it is at or below.
        stop_price: Price,
        /// How much.
        size: Size,
    },
    /// A limit order that waits until the last price reaches the stop price.
    StopLimit {
        /// A buy enters when the last price is at or above, a sell when it is at or below.
        stop_price: Price,
        /// The worst price.
        price: Price,
        /// How much.
        quantity: Quantity,
        /// An iceberg shows no more than this at a time.
        display: Option<Quantity>,
    },
}

impl Terms {
    /// The name of the type.
    pub const fn order_type(&self) -> OrderType {
        match self {
            Self::Limit { .. } => OrderType::Limit,
            Self::Market { .. } => OrderType::Market,
            Self::Stop { .. } => OrderType::Stop,
            Self::StopLimit { .. } => OrderType::StopLimit,
        }
    }

    /// The limit price, if the type has one.
    pub const fn price(&self) -> Option<Price> {
        match self {
            Self::Limit { price, .. } | Self::StopLimit { price, .. } => Some(*price),
            Self::Market { .. } | Self::Stop { .. } => None,
        }
    }

    /// The stop price, if the type has one.
    pub const fn stop_price(&self) -> Option<Price> {
        match self {
            Self::Stop { stop_price, .. } | Self::StopLimit { stop_price, .. } => Some(*stop_price),
            Self::Limit { .. } | Self::Market { .. } => None,
        }
    }

    /// How much.
    pub const fn size(&self) -> Size {
        match self {
            Self::Limit { quantity, .. } | Self::StopLimit { quantity, .. } => Size::Quantity(*quantity),
            Self::Market { size } | Self::Stop { size, .. } => *size,
        }
    }

    /// How much an iceberg shows at a time.
    pub const fn display(&self) -> Option<Quantity> {
        match self {
            Self::Limit { display, .. } | Self::StopLimit { display, .. } => *display,
            Self::Market { .. } | Self::Stop { .. } => None,
        }
    }

    /// Whether the order must not trade at once.
    pub const fn post_only(&self) -> bool {
        matches!(self, Self::Limit { post_only: true, .. })
    }

    /// What the order is once its trigger has come: a stop-limit order is a limit order, and so on.
    pub const fn triggered(self) -> Self {
        match self {
            Self::Limit { .. } | Self::Market { .. } => self,
            Self::Stop { size, .. } => Self::Market { size },
            Self::StopLimit {
                price,
                quantity,
                display,
                ..
            } => Self::Limit {
                price,
                quantity,
                display,
                post_only: false,
            },
        }
    }

    /// Checks that type, side, time in force and self-trade prevention make sense together.
    ///
    /// # Errors
    /// The field that does not fit the others, and the rule.
    pub fn check(
        &self,
        side: Side,
        time_in_force: TimeInForce,
        self_trade_prevention: SelfTradePrevention,
    ) -> Result<(), FieldError> {
        let immediate = matches!(time_in_force, TimeInForce::Ioc | TimeInForce::Fok);
        if matches!(self, Self::Market { .. }) && !immediate {
            return Err(FieldError::new(
                "time_in_force",
                "must be IOC or FOK for a MARKET order",
            ));
        }
        if self.post_only() && immediate {
            return Err(FieldError::new("post_only", "cannot be combined with IOC or FOK"));
        }
        match (self.display(), self.size()) {
            (Some(_), _) if immediate => {
                return Err(FieldError::new(
                    "display_quantity",
                    "cannot be combined with IOC or FOK",
                ));
            }
            (Some(display), Size::Quantity(quantity)) if display > quantity => {
                return Err(FieldError::new("display_quantity", "must not be above quantity"));
            }
            (Some(display), Size::Quantity(quantity))
                if quantity.lots().0.div_ceil(ICEBERG_PARTS) > display.lots().0 =>
            {
                return Err(FieldError::new(
                    "display_quantity",
                    "must be at least a hundredth of quantity",
                ));
            }
            _ => {}
        }
        match self.size() {
            Size::Budget(_) if side == Side::Sell => {
                Err(FieldError::new("quote_quantity", "is for buy orders only"))
            }
            Size::Budget(_) if self_trade_prevention == SelfTradePrevention::Decrement => {
                Err(FieldError::new(
                    "self_trade_prevention",
                    "DECREMENT needs a quantity, not a quote_quantity",
                ))
            }
            Size::Budget(Amount::ZERO) => Err(FieldError::new("quote_quantity", "must be greater than 0")),
            _ => Ok(()),
        }
    }
}
