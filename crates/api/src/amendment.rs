//! The body that changes an order.

use domain::{FieldError, Market};
use serde::Deserialize;
use trading::Amendment;

use crate::wire::DecimalText;

/// The body that changes an order: what is not given stays.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AmendOrderBody {
    price: Option<DecimalText>,
    quantity: Option<DecimalText>,
}

impl AmendOrderBody {
    /// A body that asks for this.
    pub(crate) const fn new(price: Option<DecimalText>, quantity: Option<DecimalText>) -> Self {
        Self { price, quantity }
    }

    /// Refuses a body that asks for nothing.
    pub(crate) fn check(&self) -> Result<(), FieldError> {
        match self {
            Self {
                price: None,
                quantity: None,
            } => Err(FieldError::new("price", "or quantity is required")),
            _ => Ok(()),
        }
    }

    /// The change, in the units of the order's market.
    pub(crate) fn into_amendment(self, market: &Market) -> Result<Amendment, FieldError> {
        let Self { price, quantity } = self;
        Ok(Amendment {
            price: price
                .map(|text| market.price("price", text.amount("price")?))
                .transpose()?,
            quantity: quantity
                .map(|text| market.quantity("quantity", text.amount("quantity")?))
                .transpose()?,
        })
    }
}
