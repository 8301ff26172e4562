//! Why something was refused or ended: closed lists with stable codes, and errors that name a field and its rule.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

/// A value that breaks a rule: which field, and what the rule asks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field} {rule}")]
pub struct FieldError {
    /// The field as the caller wrote it.
    pub field: &'static str,
    /// The rule, readable behind the field's name: "must be a multiple of the tick 0.01".
    pub rule: Cow<'static, str>,
}

impl FieldError {
    /// An error about this field and rule.
    pub fn new(field: &'static str, rule: impl Into<Cow<'static, str>>) -> Self {
        Self {
            field,
            rule: rule.into(),
        }
    }
}

macro_rules! reasons {
    ($(#[$doc:meta])* $name:ident { $($(#[$line:meta])* $variant:ident = $code:literal),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum $name { $($(#[$line])* $variant),* }

        impl $name {
            /// Every reason, in the order of their numbers.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The stable code.
            pub const fn code(self) -> &'static str {
                match self { $(Self::$variant => $code),* }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.code())
            }
        }
    };
}

reasons! {
    /// Why the fold rejected an order. The order exists, with this reason. New reasons are added at the end.
    RejectReason {
        /// The market takes no such order in its present state.
        MarketState = "market_state",
        /// The quantity is below the market's least.
        QuantityTooSmall = "quantity_too_small",
        /// The quantity is above the market's most.
        QuantityTooLarge = "quantity_too_large",
        /// The price is above the market's highest.
        PriceTooHigh = "price_too_high",
        /// Price times quantity, or the budget, is below the market's least.
        NotionalTooSmall = "notional_too_small",
        /// The price lies outside the band around the reference price.
        PriceOutOfBand = "price_out_of_band",
        /// A market order came before the market has any price to protect it with.
        NoReferencePrice = "no_reference_price",
        /// The last price already fulfils the stop's condition.
        StopAlreadyTriggered = "stop_already_triggered",
        /// The user has too many live orders.
        TooManyOrders = "too_many_orders",
        /// The available balance does not cover the order.
        InsufficientBalance = "insufficient_balance",
        /// A post-only order would have traded at once.
        PostOnlyWouldTake = "post_only_would_take",
        /// The command could not be applied and was set aside by the operator's rules.
        Quarantined = "quarantined",
    }
}

reasons! {
    /// Why an order was cancelled. New reasons are added at the end.
    CancelReason {
        /// Its owner asked.
        Requested = "requested",
        /// A mass cancel took it.
        MassCancel = "mass_cancel",
        /// An amendment brought its quantity to or below what was filled.
        Amended = "amended",
        /// Self-trade prevention ended it.
        SelfTrade = "self_trade",
        /// An operator asked.
        Operator = "operator",
        /// Its owner's dead man's switch ran out.
        DeadMansSwitch = "dead_mans_switch",
        /// A connection that was to cancel its user's orders at its end has ended.
        Disconnected = "disconnected",
    }
}

reasons! {
    /// Why an order expired.
    ExpireReason {
        /// Immediate-or-cancel, or market: what could not trade at once.
        Immediate = "immediate",
        /// Fill-or-kill: not all of it could trade at once.
        FillOrKill = "fill_or_kill",
        /// Its time (DAY or GTD) has come.
        TimeInForce = "time_in_force",
        /// It was applied after its deadline.
        TooLate = "too_late",
    }
}
