//! Money instructions: all that the engine asks of balances. It reserves first, then settles in parts or releases.

use serde::{Deserialize, Serialize};

use crate::{Amount, Asset, OrderId, RequestId, Symbol, TradeId, UserId};

/// Move an amount from available to reserved, for one order. Its key is the order id (or the amendment's id).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reserve {
    /// The order that needs it.
    pub order_id: OrderId,
    /// The amendment that needs it, if it is not for the order's own start.
    pub request_id: Option<RequestId>,
    /// Who pays.
    pub user_id: UserId,
    /// The asset that the order pays with.
    pub asset: Asset,
    /// The asset that the order receives.
    pub receives: Asset,
    /// How much, in units of 1e-8.
    pub amount: Amount,
}

/// One party of a trade.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettleLeg {
    /// The party's order.
    pub order_id: OrderId,
    /// The party.
    pub user_id: UserId,
    /// The fee, taken from what the party receives.
    pub fee: Amount,
    /// What of the order's reservation goes back to available with this trade (a better price than reserved for).
    pub release: Amount,
}

/// Settle one trade: the buyer's reserved quote goes to the seller, the seller's reserved base to the buyer, less fees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settle {
    /// The trade; the key.
    pub trade_id: TradeId,
    /// What is traded.
    pub symbol: Symbol,
    /// The base asset that changes hands.
    pub base: Amount,
    /// The quote asset that changes hands.
    pub quote: Amount,
    /// Who receives the base asset.
    pub buyer: SettleLeg,
    /// Who receives the quote asset.
    pub seller: SettleLeg,
}

/// Give back a part of an order's reservation, or all of an amendment's that was refused after it was granted.
/// Its key is (order id, number), or the amendment's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    /// The order.
    pub order_id: OrderId,
    /// The amendment whose own reservation it is, if it is not the order's.
    pub request_id: Option<RequestId>,
    /// Its owner.
    pub user_id: UserId,
    /// Which release of this order it is, from 1.
    pub number: u32,
    /// The reserved asset.
    pub asset: Asset,
    /// How much.
    pub amount: Amount,
    /// Whether the order has ended, so that nothing may stay reserved.
    pub last: bool,
}

/// Add an amendment's reservation to its order's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Merge {
    /// The amendment; the key.
    pub request_id: RequestId,
    /// The order.
    pub order_id: OrderId,
    /// Its owner.
    pub user_id: UserId,
    /// The reserved asset.
    pub asset: Asset,
    /// How much.
    pub amount: Amount,
}

/// One money instruction, as the log and the messages carry it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MoneyInstruction {
    /// Reserve.
    Reserve(Reserve),
    /// Settle a trade.
    Settle(Settle),
    /// Release.
    Release(Release),
    /// Merge an amendment's reservation.
    Merge(Merge),
}
