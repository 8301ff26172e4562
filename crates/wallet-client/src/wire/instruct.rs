//! Instructions and their answers on the wire.

use domain::{Amount, Asset, Merge, OrderId, Release, RequestId, Reserve, TradeId, UserId};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Garbage, decimal};
use crate::{Answer, Instruction, Refused, SettleTrade, TradeParty, UserBalance};

/// The body of a call: the instructions in their order.
#[derive(Debug, Serialize)]
pub(crate) struct Instructions {
    shard: u32,
    instructions: Vec<InstructionBody>,
}

impl Instructions {
    pub(crate) fn new(shard: u32, instructions: Vec<Instruction>) -> Self {
        let instructions = instructions.into_iter().map(InstructionBody::from).collect();
        Self { shard, instructions }
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
enum InstructionBody {
    Reserve {
        order_id: OrderId,
        #[serde(skip_serializing_if = "Option::is_none")]
        request_id: Option<RequestId>,
        user_id: UserId,
        asset: Asset,
        receives_asset: Asset,
        #[serde(with = "decimal")]
        amount: Amount,
    },
    Release {
        order_id: OrderId,
        #[serde(skip_serializing_if = "Option::is_none")]
        request_id: Option<RequestId>,
        user_id: UserId,
        number: u32,
        asset: Asset,
        #[serde(with = "decimal")]
        amount: Amount,
        last: bool,
    },
    Settle {
        trade_id: TradeId,
        base_asset: Asset,
        quote_asset: Asset,
        #[serde(with = "decimal")]
        base_amount: Amount,
        #[serde(with = "decimal")]
        quote_amount: Amount,
        buyer: PartyBody,
        seller: PartyBody,
    },
    Merge {
        request_id: RequestId,
        order_id: OrderId,
        user_id: UserId,
        asset: Asset,
        #[serde(with = "decimal")]
        amount: Amount,
    },
}

#[derive(Debug, Serialize)]
struct PartyBody {
    user_id: UserId,
    #[serde(skip_serializing_if = "Option::is_none")]
    order_id: Option<OrderId>,
    #[serde(with = "decimal")]
    fee: Amount,
    #[serde(with = "decimal")]
    release: Amount,
}

impl From<TradeParty> for PartyBody {
    fn from(party: TradeParty) -> Self {
        let TradeParty {
            user_id,
            order_id,
            fee,
            release,
        } = party;
        Self {
            user_id,
            order_id,
            fee,
            release,
        }
    }
}

impl From<Instruction> for InstructionBody {
    fn from(instruction: Instruction) -> Self {
        match instruction {
            Instruction::Reserve(reserve) => Self::from(reserve),
            Instruction::Release(release) => Self::from(release),
            Instruction::Settle(settle) => Self::from(settle),
            Instruction::Merge(merge) => Self::from(merge),
        }
    }
}

impl From<Reserve> for InstructionBody {
    fn from(reserve: Reserve) -> Self {
        let Reserve {
            order_id,
            request_id,
            user_id,
            asset,
            receives,
            amount,
        } = reserve;
        Self::Reserve {
            order_id,
            request_id,
            user_id,
            asset,
            receives_asset: receives,
            amount,
        }
    }
}

impl From<Release> for InstructionBody {
    fn from(release: Release) -> Self {
        let Release {
            order_id,
            request_id,
            user_id,
            number,
            asset,
            amount,
            last,
        } = release;
        Self::Release {
            order_id,
            request_id,
            user_id,
            number,
            asset,
            amount,
            last,
        }
    }
}

impl From<SettleTrade> for InstructionBody {
    fn from(settle: SettleTrade) -> Self {
        let SettleTrade {
            trade_id,
            symbol,
            base,
            quote,
            buyer,
            seller,
        } = settle;
        Self::Settle {
            trade_id,
            base_asset: symbol.base,
            quote_asset: symbol.quote,
            base_amount: base,
            quote_amount: quote,
            buyer: buyer.into(),
            seller: seller.into(),
        }
    }
}

impl From<Merge> for InstructionBody {
    fn from(merge: Merge) -> Self {
        let Merge {
            request_id,
            order_id,
            user_id,
            asset,
            amount,
        } = merge;
        Self::Merge {
            request_id,
            order_id,
            user_id,
            asset,
            amount,
        }
    }
}

/// The answer to a call: one result for each instruction, in order.
#[derive(Debug, Deserialize)]
pub(crate) struct Results {
    results: Vec<ResultView>,
}

#[derive(Debug, Deserialize)]
struct ResultView {
    status: u16,
    #[serde(default)]
    entry_ids: Vec<Uuid>,
    #[serde(default)]
    balances: Vec<BalanceView>,
    code: Option<String>,
    detail: Option<String>,
    field: Option<String>,
    rule: Option<String>,
    balance: Option<BalanceView>,
}

#[derive(Debug, Deserialize)]
pub(super) struct BalanceView {
    user_id: UserId,
    asset: Asset,
    #[serde(with = "decimal")]
    available_balance: Amount,
    #[serde(with = "decimal")]
    reserved_balance: Amount,
    version: u64,
}

impl From<BalanceView> for UserBalance {
    fn from(view: BalanceView) -> Self {
        let BalanceView {
            user_id,
            asset,
            available_balance,
            reserved_balance,
            version,
        } = view;
        Self {
            user_id,
            asset,
            available: available_balance,
            reserved: reserved_balance,
            version,
        }
    }
}

impl Results {
    /// What the results say, if they are the answers to so many instructions.
    ///
    /// # Errors
    /// They are not.
    pub(crate) fn read(self, expected: usize) -> Result<Vec<Result<Answer, Refused>>, Garbage> {
        if self.results.len() != expected {
            return Err(Garbage("there are not as many results as instructions"));
        }
        self.results.into_iter().map(ResultView::read).collect()
    }
}

impl ResultView {
    fn read(self) -> Result<Result<Answer, Refused>, Garbage> {
        if self.status == 200 {
            let balances = self.balances.into_iter().map(UserBalance::from).collect();
            return Ok(Ok(Answer {
                entry_ids: self.entry_ids,
                balances,
            }));
        }
        let refused = match self.code.as_deref() {
            Some("INSUFFICIENT_BALANCE") => Refused::InsufficientBalance {
                balance: self.balance.ok_or(Garbage("a refusal lacks its balance"))?.into(),
            },
            Some("INVALID_RELEASE_AMOUNT") => Refused::InvalidReleaseAmount,
            Some("RESERVATION_RELEASED") => Refused::Released,
            Some("NOT_RESERVED") => Refused::NotReserved(self.detail.unwrap_or_default()),
            Some("KEY_CONFLICT") => Refused::KeyConflict,
            Some("INVALID_INSTRUCTION") => Refused::Invalid {
                field: self.field.ok_or(Garbage("a refusal lacks its field"))?,
                rule: self.rule.unwrap_or_default(),
            },
            Some("BALANCE_TOO_LARGE") => Refused::TooLarge,
            _ => return Err(Garbage("a refusal has a code that is not known")),
        };
        Ok(Err(refused))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn results_that_do_not_fit_are_garbage() {
        for (results, fits) in [
            (json!([]), false),
            (json!([{"status": 200}]), true),
            (json!([{"status": 200}, {"status": 200}]), false),
            (
                json!([{"status": 400, "code": "INVALID_RELEASE_AMOUNT", "more": 1}]),
                true,
            ),
            (json!([{"status": 400, "code": "INSUFFICIENT_BALANCE"}]), false),
            (json!([{"status": 422, "code": "INVALID_INSTRUCTION"}]), false),
            (json!([{"status": 503}]), false),
            (json!([{"status": 400, "code": "NEW"}]), false),
        ] {
            let read: Results = serde_json::from_value(json!({ "results": results })).unwrap();
            assert_eq!(read.read(1).is_ok(), fits, "{results}");
        }
    }
}
