//! An order as everybody sees it, and the enums that describe it.

use serde::{Deserialize, Serialize};

use crate::{
    Amount, ClientOrderId, FeeRate, InstitutionId, Lots, MarketNumber, OrderId, OrderState, Price, Quantity,
    Stamp, Terms, UserId,
};

macro_rules! words {
    ($($(#[$doc:meta])* $name:ident { $($(#[$line:meta])* $variant:ident = $word:literal),* $(,)? })*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "SCREAMING_SNAKE_CASE")]
        pub enum $name { $($(#[$line])* $variant),* }

        impl $name {
            /// Every value.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The word for it in the API and in SQL.
            pub const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word),* }
            }

            /// The value of a word of the API; none where the word is unknown.
            pub fn from_word(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)* _ => None }
            }
        }
    )*};
}

words! {
    /// The side of an order.
    Side {
        /// Receives the base asset, pays the quote asset.
        Buy = "BUY",
        /// Receives the quote asset, pays the base asset.
        Sell = "SELL",
    }
    /// The type of an order.
    OrderType {
        /// Trades at once at the market's prices.
        Market = "MARKET",
        /// Trades at its price or better.
        Limit = "LIMIT",
        /// A market order behind a trigger.
        Stop = "STOP",
        /// A limit order behind a trigger.
        StopLimit = "STOP_LIMIT",
    }
    /// The status of an order.
    Status {
        /// Stored, not applied yet.
        Pending = "PENDING",
        /// Live, nothing filled yet.
        Open = "OPEN",
        /// Live, partly filled.
        PartiallyFilled = "PARTIALLY_FILLED",
        /// Filled.
        Filled = "FILLED",
        /// Cancelled, perhaps partly filled.
        Cancelled = "CANCELLED",
        /// Never came to life.
        Rejected = "REJECTED",
        /// Expired, perhaps partly filled.
        Expired = "EXPIRED",
    }
    /// What happens when an order would trade with another of the same user. The taker's mode rules.
    SelfTradePrevention {
        /// They trade.
        None = "NONE",
        /// The taker's rest is cancelled.
        ExpireTaker = "EXPIRE_TAKER",
        /// The maker is cancelled.
        ExpireMaker = "EXPIRE_MAKER",
        /// Both are cancelled.
        ExpireBoth = "EXPIRE_BOTH",
        /// Both lose the smaller quantity without a trade.
        Decrement = "DECREMENT",
    }
}

impl Status {
    /// Whether an order in this status may still change.
    pub const fn is_live(self) -> bool {
        matches!(self, Self::Pending | Self::Open | Self::PartiallyFilled)
    }
}

impl Side {
    /// The other side.
    pub const fn opposite(self) -> Self {
        match self {
            Self::Buy => Self::Sell,
            Self::Sell => Self::Buy,
        }
    }
}

/// How long an order lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum TimeInForce {
    /// Good till cancelled.
    Gtc,
    /// What cannot trade at once expires.
    Ioc,
    /// All of it trades at once, or nothing.
    Fok,
    /// Until the next 00:00 UTC.
    Day,
    /// Until this moment.
    Gtd(Stamp),
}

impl TimeInForce {
    /// The word for it in the API and in SQL.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Gtc => "GTC",
            Self::Ioc => "IOC",
            Self::Fok => "FOK",
            Self::Day => "DAY",
            Self::Gtd(_) => "GTD",
        }
    }
}

/// An order and how far it has come, in the market's own units.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// Its id.
    pub order_id: OrderId,
    /// Its owner.
    pub user_id: UserId,
    /// The owner's institution; never changes.
    pub institution_id: Option<InstitutionId>,
    /// Its market.
    pub market: MarketNumber,
    /// Its side.
    pub side: Side,
    /// Its type and numbers; an amendment changes price and quantity in here.
    pub terms: Terms,
    /// How long it lives.
    pub time_in_force: TimeInForce,
    /// What happens when it meets an order of the same user.
    pub self_trade_prevention: SelfTradePrevention,
    /// Its owner's name for it.
    pub client_order_id: Option<ClientOrderId>,
    /// Lots in all. For an order by budget: what the budget buys at one tick, at most the market's largest quantity.
    pub quantity: Lots,
    /// The price beyond which a market order never trades; none for limit orders.
    pub protection_price: Option<Price>,
    /// State and progress.
    pub state: OrderState,
    /// What its fills came to, in units of the quote asset.
    pub filled_notional: Amount,
    /// Fees paid, in the asset that it receives.
    pub fee: Amount,
    /// Fee rate as a maker, fixed at entry.
    pub maker_fee: FeeRate,
    /// Fee rate as a taker, fixed at entry.
    pub taker_fee: FeeRate,
    /// Applied later than this, it ends expired.
    pub deadline: Stamp,
    /// When DAY or GTD ends it.
    pub expires_at: Option<Stamp>,
    /// When it was applied.
    pub created_at: Stamp,
    /// When it last changed.
    pub updated_at: Stamp,
    /// When its stop was triggered.
    pub triggered_at: Option<Stamp>,
    /// When it ended.
    pub ended_at: Option<Stamp>,
}

impl Order {
    /// Lots that were neither filled nor prevented: of a live order those that may still trade, of one that ended those
    /// that never will.
    pub fn remaining(&self) -> Lots {
        let progress = self.state.progress();
        self.quantity - progress.filled - progress.prevented
    }

    /// Lots that have traded.
    pub const fn filled(&self) -> Lots {
        self.state.progress().filled
    }

    /// Whether it still waits for its trigger.
    pub const fn awaits_trigger(&self) -> bool {
        self.terms.stop_price().is_some() && self.triggered_at.is_none() && !self.state.is_final()
    }

    /// The worst price at which it may trade: its limit, or the protection price.
    pub fn worst_price(&self) -> Option<Price> {
        self.terms.price().or(self.protection_price)
    }

    /// How much of it an iceberg shows at a time.
    pub const fn display(&self) -> Option<Quantity> {
        self.terms.display()
    }
}
