//! What the wallet is told to do, each under a key of its own.

use domain::{Amount, Merge, OrderId, Release, Reserve, Settle, Symbol, TradeId, UserId};
use serde::{Deserialize, Serialize};

/// One party of a trade.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TradeParty {
    /// The party.
    pub user_id: UserId,
    /// Its order, whose reservation pays; none: the party's oldest reservations of the asset pay, in order.
    pub order_id: Option<OrderId>,
    /// Its fee, taken from what it receives.
    pub fee: Amount,
    /// What of its reservation goes back to available with this trade.
    pub release: Amount,
}

/// Settle one trade. Its key is the trade's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettleTrade {
    /// The trade.
    pub trade_id: TradeId,
    /// What is traded.
    pub symbol: Symbol,
    /// The base asset that changes hands.
    pub base: Amount,
    /// The quote asset that changes hands.
    pub quote: Amount,
    /// Who receives the base asset.
    pub buyer: TradeParty,
    /// Who receives the quote asset.
    pub seller: TradeParty,
}

impl From<Settle> for SettleTrade {
    fn from(settle: Settle) -> Self {
        let Settle {
            trade_id,
            symbol,
            base,
            quote,
            buyer,
            seller,
        } = settle;
        let party = |leg: domain::SettleLeg| TradeParty {
            user_id: leg.user_id,
            order_id: Some(leg.order_id),
            fee: leg.fee,
            release: leg.release,
        };
        Self {
            trade_id,
            symbol,
            base,
            quote,
            buyer: party(buyer),
            seller: party(seller),
        }
    }
}

/// An instruction. The same key again gives the first answer, as it was stored; with another body it is refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Instruction {
    /// Reserve. Its key is the order's id, or the amendment's. A caller that does not know what the order will receive
    /// names the asset that it pays with: then the first trade that names the order says what it receives.
    Reserve(Reserve),
    /// Release. Its key is the reservation's id (the order's, or the amendment's) and the number. Number 0 is that of
    /// callers who know no numbers: its amount must be all that is left. The release of an unknown reservation leaves a
    /// tombstone that refuses a late reserve.
    Release(Release),
    /// Settle a trade. Its key is the trade's id.
    Settle(SettleTrade),
    /// Add an amendment's reservation to its order's. Its key is the amendment's id.
    Merge(Merge),
}
