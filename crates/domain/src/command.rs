//! Commands: all that can be asked of the exchange, as the log keeps them. New kinds are added at the end.

use serde::{Deserialize, Serialize};

use crate::{
    Amount, ApiKey, ApiKeyId, Asset, ClientOrderId, Digest, FieldError, InstitutionId, MarketDefinition,
    MarketNumber, MarketState, OrderId, Price, Quantity, RequestId, SelfTradePrevention, SessionId, Side,
    Size, Stamp, Terms, Tier, TierName, TimeInForce, TransferKey, UserId,
};

/// Place an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The order's id, made by the owner of the sequence.
    pub order_id: OrderId,
    /// Its owner.
    pub user_id: UserId,
    /// The owner's institution.
    pub institution_id: Option<InstitutionId>,
    /// Its market.
    pub market: MarketNumber,
    /// Its side.
    pub side: Side,
    /// Its type and numbers.
    pub terms: Terms,
    /// How long it lives.
    pub time_in_force: TimeInForce,
    /// What happens when it meets an order of the same user.
    pub self_trade_prevention: SelfTradePrevention,
    /// Its owner's name for it.
    pub client_order_id: Option<ClientOrderId>,
    /// When the caller's request was received.
    pub received_at: Stamp,
    /// The caller's deadline; none: five seconds for what trades at once, a minute otherwise.
    pub deadline: Option<Stamp>,
    /// The protection price as fixed at entry; none for orders with a limit price.
    pub protection_price: Option<Price>,
}

/// Seconds until an order that trades at once is too late.
const IMMEDIATE_DEADLINE_MICROS: u64 = 5_000_000;
/// Seconds until any other order is too late.
const RESTING_DEADLINE_MICROS: u64 = 60_000_000;

impl Place {
    /// The moment after which the order is too late.
    pub fn deadline(&self) -> Stamp {
        let immediate = matches!(self.terms, Terms::Market { .. })
            || matches!(self.time_in_force, TimeInForce::Ioc | TimeInForce::Fok)
            || self.terms.post_only();
        let default = if immediate {
            IMMEDIATE_DEADLINE_MICROS
        } else {
            RESTING_DEADLINE_MICROS
        };
        self.deadline
            .unwrap_or_else(|| self.received_at.plus_micros(default))
    }

    /// Adds what the placement asks for to a digest, without ids and times: the same body adds the same.
    pub fn add_body(&self, digest: &mut Digest) {
        let mut word = |w: u64| digest.word(w);
        word(u64::from(self.market.0));
        word(self.side as u64);
        word(self.self_trade_prevention as u64);
        match self.time_in_force {
            TimeInForce::Gtc => word(0),
            TimeInForce::Ioc => word(1),
            TimeInForce::Fok => word(2),
            TimeInForce::Day => word(3),
            TimeInForce::Gtd(at) => word(4 + at.micros()),
        }
        word(self.terms.order_type() as u64);
        word(self.terms.price().map_or(0, |p| u64::from(p.ticks())));
        word(self.terms.stop_price().map_or(0, |p| u64::from(p.ticks())));
        word(self.terms.display().map_or(0, |q| q.lots().0));
        word(u64::from(self.terms.post_only()));
        match self.terms.size() {
            Size::Quantity(quantity) => word(quantity.lots().0),
            Size::Budget(budget) => {
                word(0);
                word(budget.0);
            }
        }
    }
}

/// How a caller names an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderRef {
    /// By its id.
    Id(OrderId),
    /// By its owner's name for it.
    Client(ClientOrderId),
}

/// Cancel one order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cancel {
    /// The owner. An operator's cancel names the owner too.
    pub user_id: UserId,
    /// The order.
    pub order: OrderRef,
}

/// Change an order's price or quantity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Amend {
    /// The amendment's own id.
    pub request_id: RequestId,
    /// The owner.
    pub user_id: UserId,
    /// The order.
    pub order: OrderRef,
    /// The new limit price; none: as it is.
    pub price: Option<Price>,
    /// The new total quantity; none: as it is.
    pub quantity: Option<Quantity>,
}

/// Which orders a mass cancel takes: those that match every field that is set.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Selection {
    /// Of this user.
    pub user_id: Option<UserId>,
    /// In this market.
    pub market: Option<MarketNumber>,
    /// On this side.
    pub side: Option<Side>,
}

/// Cancel all orders that match.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CancelAll {
    /// Which.
    pub selection: Selection,
    /// Whether an operator asks, whom market states do not bind.
    pub by_operator: bool,
}

/// Define a market, or change one's limits, bands and fees.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DefineMarket {
    /// The definition.
    pub definition: MarketDefinition,
}

/// Change what a market takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetMarketState {
    /// The market.
    pub market: MarketNumber,
    /// The new state.
    pub state: MarketState,
}

/// Whether money comes in or goes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum TransferKind {
    /// Money comes in from outside.
    Deposit,
    /// Money goes out.
    Withdrawal,
}

/// A deposit or a withdrawal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transfer {
    /// Which.
    pub kind: TransferKind,
    /// The caller's key: the same key again gives the first answer.
    pub key: TransferKey,
    /// Whose account.
    pub user_id: UserId,
    /// Of what.
    pub asset: Asset,
    /// How much.
    pub amount: Amount,
}

/// Arm, renew or disarm a user's dead man's switch: when it runs out, all orders of the user are cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CancelAllAfter {
    /// The user.
    pub user_id: UserId,
    /// Microseconds from the command's stamp; 0 disarms it.
    pub timeout_micros: u64,
}

impl CancelAllAfter {
    /// Whether the time is one that a switch may be armed for: a second to a day, or 0.
    ///
    /// # Errors
    /// It is not; the field is the one of the API.
    pub fn check(&self) -> Result<(), FieldError> {
        match self.timeout_micros {
            0 | 1_000_000..=86_400_000_000 => Ok(()),
            _ => Err(FieldError::new("timeout_ms", "must be 0 or 1000 to 86400000")),
        }
    }
}

/// A connection has come at whose end all orders of its user are to be cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenSession {
    /// The session's id, made by the owner of the sequence.
    pub session_id: SessionId,
    /// Its user.
    pub user_id: UserId,
}

/// Such a connection has ended, or no longer wants it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CloseSession {
    /// The session.
    pub session_id: SessionId,
    /// Whether its user's orders are cancelled.
    pub cancel: bool,
}

/// Define an account tier, or change one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DefineTier {
    /// The tier.
    pub tier: Tier,
}

/// Put a user into a tier.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetAccountTier {
    /// The user.
    pub user_id: UserId,
    /// The tier; none: no tier.
    pub tier: Option<TierName>,
}

/// Keep a new API key. Its time of making is the command's stamp, whatever it says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddApiKey {
    /// The key.
    pub key: ApiKey,
}

/// Revoke an API key, for ever.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevokeApiKey {
    /// The key.
    pub key_id: ApiKeyId,
}

impl Command {
    /// Whether it changes the register (tiers and API keys) and nothing else.
    pub const fn is_registers(&self) -> bool {
        match self {
            Self::DefineTier(_) | Self::SetAccountTier(_) | Self::AddApiKey(_) | Self::RevokeApiKey(_) => {
                true
            }
            Self::DefineMarket(_)
            | Self::SetMarketState(_)
            | Self::Place(_)
            | Self::Cancel(_)
            | Self::Amend(_)
            | Self::CancelAll(_)
            | Self::Transfer(_)
            | Self::Tick
            | Self::CancelAllAfter(_)
            | Self::OpenSession(_)
            | Self::CloseSession(_) => false,
        }
    }
}

/// A command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// Define or change a market.
    DefineMarket(DefineMarket),
    /// Change a market's state.
    SetMarketState(SetMarketState),
    /// Place an order.
    Place(Place),
    /// Cancel an order.
    Cancel(Cancel),
    /// Amend an order.
    Amend(Amend),
    /// Cancel all orders that match.
    CancelAll(CancelAll),
    /// Deposit or withdraw.
    Transfer(Transfer),
    /// Nothing but the passing of time: what is due is done, and mass steps go on.
    Tick,
    /// Arm, renew or disarm a dead man's switch.
    CancelAllAfter(CancelAllAfter),
    /// A connection that cancels at its end.
    OpenSession(OpenSession),
    /// The end of such a connection.
    CloseSession(CloseSession),
    /// Define or change a tier.
    DefineTier(DefineTier),
    /// Put a user into a tier.
    SetAccountTier(SetAccountTier),
    /// Keep an API key.
    AddApiKey(Box<AddApiKey>),
    /// Revoke an API key.
    RevokeApiKey(RevokeApiKey),
}
