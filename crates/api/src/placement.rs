//! The body that places an order, and the one place where it becomes an order.

use domain::{FieldError, Market, OrderType, Price, Quantity, SelfTradePrevention, Size, Terms, TimeInForce};
use serde::Deserialize;
use serde_json::Value;
use trading::{Markets, NewOrder};

use crate::wire::{DecimalText, id, side, stamp, word};

/// The words for how long an order lives.
const TIMES_IN_FORCE: [&str; 5] = ["GTC", "IOC", "FOK", "DAY", "GTD"];

/// The body that places an order. Numbers are decimal strings; fields that are not listed are refused.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlaceOrderBody {
    symbol: String,
    side: String,
    order_type: String,
    quantity: Option<DecimalText>,
    quote_quantity: Option<DecimalText>,
    price: Option<DecimalText>,
    stop_price: Option<DecimalText>,
    display_quantity: Option<DecimalText>,
    post_only: Option<bool>,
    time_in_force: Option<String>,
    expires_at: Option<String>,
    self_trade_prevention: Option<String>,
    client_order_id: Option<String>,
    deadline: Option<String>,
}

/// Why a body is no order.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// A field breaks a rule.
    #[error(transparent)]
    Field(#[from] FieldError),
    /// There is no market of this symbol.
    #[error("there is no such market")]
    UnknownSymbol,
}

impl PlaceOrderBody {
    /// What the caller calls the order.
    pub(crate) fn client_order_id(&self) -> Option<&str> {
        self.client_order_id.as_deref()
    }

    /// The field of a would-be body that cannot be read, and why.
    pub(crate) fn fault(body: &Value) -> Option<(String, String)> {
        let error = serde_path_to_error::deserialize::<_, Self>(body).err()?;
        let path = error.path().to_string();
        let rule = error.inner().to_string();
        (path != "." && path != "?").then_some((path, rule))
    }

    /// The order that the body asks for.
    ///
    /// # Errors
    /// The first field that breaks a rule, or a symbol that no market has.
    pub fn into_order(self, markets: &Markets) -> Result<NewOrder, BodyError> {
        let symbol = self.symbol.parse()?;
        let market = &markets.by_symbol(symbol).ok_or(BodyError::UnknownSymbol)?.market;
        let side = side(&self.side)?;
        let order_type = word("order_type", &self.order_type, OrderType::ALL, OrderType::word)?;
        let time_in_force = self.time_in_force(order_type)?;
        let self_trade_prevention = match &self.self_trade_prevention {
            Some(text) => {
                let modes = SelfTradePrevention::ALL;
                word("self_trade_prevention", text, modes, SelfTradePrevention::word)?
            }
            None => SelfTradePrevention::ExpireTaker,
        };
        let client_order_id = self.client_order_id.as_deref();
        let client_order_id = client_order_id
            .map(|text| id("client_order_id", text))
            .transpose()?;
        let deadline = self
            .deadline
            .as_deref()
            .map(|text| stamp("deadline", text))
            .transpose()?;
        let terms = self.terms(market, order_type)?;
        terms.check(side, time_in_force, self_trade_prevention)?;
        Ok(NewOrder {
            market: market.number(),
            side,
            terms,
            time_in_force,
            self_trade_prevention,
            client_order_id,
            deadline,
        })
    }

    /// How long it lives: as it says, else at once for MARKET and until cancelled for all others.
    fn time_in_force(&self, order_type: OrderType) -> Result<TimeInForce, FieldError> {
        let default = if order_type == OrderType::Market {
            "IOC"
        } else {
            "GTC"
        };
        let text = self.time_in_force.as_deref().unwrap_or(default);
        let text = word("time_in_force", text, &TIMES_IN_FORCE, |word| word)?;
        match (text, &self.expires_at) {
            ("GTD", Some(at)) => Ok(TimeInForce::Gtd(stamp("expires_at", at)?)),
            ("GTD", None) => Err(FieldError::new("expires_at", "is required for GTD")),
            (_, Some(_)) => Err(FieldError::new("expires_at", "is for GTD only")),
            ("IOC", None) => Ok(TimeInForce::Ioc),
            ("FOK", None) => Ok(TimeInForce::Fok),
            ("DAY", None) => Ok(TimeInForce::Day),
            (_, None) => Ok(TimeInForce::Gtc),
        }
    }

    /// The type with exactly the numbers that it needs.
    fn terms(&self, market: &Market, order_type: OrderType) -> Result<Terms, FieldError> {
        self.forbid(order_type)?;
        let price = || required_price(market, order_type, "price", self.price.as_ref());
        let stop_price = || required_price(market, order_type, "stop_price", self.stop_price.as_ref());
        let quantity = || match &self.quantity {
            Some(text) => market.quantity("quantity", text.amount("quantity")?),
            None => Err(missing("quantity", order_type)),
        };
        Ok(match order_type {
            OrderType::Market => Terms::Market {
                size: self.size(market)?,
            },
            OrderType::Stop => Terms::Stop {
                stop_price: stop_price()?,
                size: self.size(market)?,
            },
            OrderType::Limit => Terms::Limit {
                price: price()?,
                quantity: quantity()?,
                display: self.display(market)?,
                post_only: self.post_only.unwrap_or(false),
            },
            OrderType::StopLimit => Terms::StopLimit {
                stop_price: stop_price()?,
                price: price()?,
                quantity: quantity()?,
                display: self.display(market)?,
            },
        })
    }

    /// Refuses the fields that the type does not take.
    fn forbid(&self, order_type: OrderType) -> Result<(), FieldError> {
        use OrderType::{Limit, Market, Stop, StopLimit};
        let given: [(&'static str, bool, &[OrderType]); 5] = [
            ("price", self.price.is_some(), &[Limit, StopLimit]),
            ("stop_price", self.stop_price.is_some(), &[Stop, StopLimit]),
            ("quote_quantity", self.quote_quantity.is_some(), &[Market, Stop]),
            (
                "display_quantity",
                self.display_quantity.is_some(),
                &[Limit, StopLimit],
            ),
            ("post_only", self.post_only == Some(true), &[Limit]),
        ];
        match given
            .iter()
            .find(|(_, given, takers)| *given && !takers.contains(&order_type))
        {
            Some((field, ..)) => {
                let rule = format!("is not allowed for a {} order", order_type.word());
                Err(FieldError::new(field, rule))
            }
            None => Ok(()),
        }
    }

    /// A quantity, or a budget in the quote asset.
    fn size(&self, market: &Market) -> Result<Size, FieldError> {
        match (&self.quantity, &self.quote_quantity) {
            (Some(text), None) => market
                .quantity("quantity", text.amount("quantity")?)
                .map(Size::Quantity),
            (None, Some(text)) => text.amount("quote_quantity").map(Size::Budget),
            (Some(_), Some(_)) => Err(FieldError::new(
                "quote_quantity",
                "cannot be given together with quantity",
            )),
            (None, None) => Err(FieldError::new("quantity", "or quote_quantity is required")),
        }
    }

    fn display(&self, market: &Market) -> Result<Option<Quantity>, FieldError> {
        let field = "display_quantity";
        let display = self.display_quantity.as_ref();
        display
            .map(|text| market.quantity(field, text.amount(field)?))
            .transpose()
    }
}

fn required_price(
    market: &Market,
    order_type: OrderType,
    field: &'static str,
    text: Option<&DecimalText>,
) -> Result<Price, FieldError> {
    match text {
        Some(text) => market.price(field, text.amount(field)?),
        None => Err(missing(field, order_type)),
    }
}

fn missing(field: &'static str, order_type: OrderType) -> FieldError {
    FieldError::new(field, format!("is required for a {} order", order_type.word()))
}
