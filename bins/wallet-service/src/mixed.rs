//! A list of instructions of all kinds, done in its order: what exchanges send.

use actix_web::web::{Data, Json};
use domain::{Merge, Release, Reserve, Symbol};
use http::{JsonBody, Problem};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wallet_client::{Answer, Instruction, Refused, SettleTrade, TradeParty};

use crate::balances::BalanceView;
use crate::items::{check_count, invalid};
use crate::refusal::RefusalView;
use crate::state::State;
use crate::text::{AssetText, Decimal, EntryText, OrderText, RequestText, Text, TradeText, UserText};

/// Instructions of one shard of the exchange.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Instructions)]
pub(crate) struct InstructionsBody {
    /// Whose fee account takes the fees.
    #[schema(maximum = 2_147_483_647)]
    shard: u32,
    /// 1 to 1,000; they are done in this order, and one that is refused does not keep back those behind it.
    #[schema(min_items = 1, max_items = 1_000)]
    instructions: Vec<InstructionBody>,
}

/// One instruction under its own key.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[schema(as = Instruction)]
pub(crate) enum InstructionBody {
    /// Its key is the order's id, or the amendment's. Who does not know what the order receives names the asset that it
    /// pays with.
    Reserve {
        order_id: OrderText,
        request_id: Option<RequestText>,
        user_id: UserText,
        asset: AssetText,
        receives_asset: AssetText,
        amount: Decimal,
    },
    /// Its key is the order's id, or the amendment's, and the number.
    Release {
        order_id: OrderText,
        request_id: Option<RequestText>,
        user_id: UserText,
        number: u32,
        asset: AssetText,
        amount: Decimal,
        last: bool,
    },
    /// Its key is the trade's id.
    Settle {
        trade_id: TradeText,
        base_asset: AssetText,
        quote_asset: AssetText,
        base_amount: Decimal,
        quote_amount: Decimal,
        buyer: PartyBody,
        seller: PartyBody,
    },
    /// Its key is the amendment's id.
    Merge {
        request_id: RequestText,
        order_id: OrderText,
        user_id: UserText,
        asset: AssetText,
        amount: Decimal,
    },
}

/// One party of a trade.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Party)]
pub(crate) struct PartyBody {
    user_id: UserText,
    /// The order whose reservation pays; absent: the party's oldest reservations pay, in order.
    order_id: Option<OrderText>,
    /// Taken from what the party receives.
    fee: Decimal,
    /// What of its reservation is given back with the trade.
    release: Decimal,
}

impl From<PartyBody> for TradeParty {
    fn from(body: PartyBody) -> Self {
        let PartyBody {
            user_id: Text(user_id),
            order_id,
            fee: Decimal(fee),
            release: Decimal(release),
        } = body;
        Self {
            user_id,
            order_id: order_id.map(|Text(order_id)| order_id),
            fee,
            release,
        }
    }
}

impl InstructionBody {
    /// # Errors
    /// It is a trade of an asset with itself, which is no instruction at all.
    fn instruction(self) -> Result<Instruction, Refused> {
        Ok(match self {
            Self::Reserve {
                order_id: Text(order_id),
                request_id,
                user_id: Text(user_id),
                asset: Text(asset),
                receives_asset: Text(receives),
                amount: Decimal(amount),
            } => Instruction::Reserve(Reserve {
                order_id,
                request_id: request_id.map(|Text(request_id)| request_id),
                user_id,
                asset,
                receives,
                amount,
            }),
            Self::Release {
                order_id: Text(order_id),
                request_id,
                user_id: Text(user_id),
                number,
                asset: Text(asset),
                amount: Decimal(amount),
                last,
            } => Instruction::Release(Release {
                order_id,
                request_id: request_id.map(|Text(request_id)| request_id),
                user_id,
                number,
                asset,
                amount,
                last,
            }),
            Self::Settle {
                trade_id: Text(trade_id),
                base_asset: Text(base),
                quote_asset: Text(quote),
                base_amount: Decimal(base_amount),
                quote_amount: Decimal(quote_amount),
                buyer,
                seller,
            } => {
                if base == quote {
                    return Err(invalid("quote_asset", "must not be the base asset"));
                }
                Instruction::Settle(SettleTrade {
                    trade_id,
                    symbol: Symbol { base, quote },
                    base: base_amount,
                    quote: quote_amount,
                    buyer: buyer.into(),
                    seller: seller.into(),
                })
            }
            Self::Merge {
                request_id: Text(request_id),
                order_id: Text(order_id),
                user_id: Text(user_id),
                asset: Text(asset),
                amount: Decimal(amount),
            } => Instruction::Merge(Merge {
                request_id,
                order_id,
                user_id,
                asset,
                amount,
            }),
        })
    }
}

/// The answers, in the order of the instructions.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = InstructionResults)]
pub(crate) struct InstructionsView {
    results: Vec<InstructionResultView>,
}

/// What one instruction was answered.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
#[schema(as = InstructionResult)]
pub(crate) enum InstructionResultView {
    /// It was done, now or before under the same key.
    Done(InstructionDone),
    /// It was refused.
    Refused(RefusalView),
}

/// The answer to an instruction that was done.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct InstructionDone {
    /// 200.
    status: u16,
    /// The lines of the ledger that tell of it: one, or of a trade what the buyer and what the seller received.
    entry_ids: Vec<EntryText>,
    /// The balances that it touched, right after it: of a trade the buyer's base and quote, then the seller's.
    balances: Vec<BalanceView>,
}

impl From<Result<Answer, Refused>> for InstructionResultView {
    fn from(answer: Result<Answer, Refused>) -> Self {
        match answer {
            Ok(Answer { entry_ids, balances }) => Self::Done(InstructionDone {
                status: 200,
                entry_ids: entry_ids.into_iter().map(Text).collect(),
                balances: balances.into_iter().map(BalanceView::from).collect(),
            }),
            Err(refused) => Self::Refused(refused.into()),
        }
    }
}

/// Instructions of all kinds, in their order
#[utoipa::path(post, path = "/api/v1/wallets/instructions", tag = "instructions", operation_id = "instruct",
    request_body = InstructionsBody,
    responses((status = 200, description = "One result for each instruction", body = InstructionsView)))]
pub(crate) async fn instruct(
    state: Data<State>,
    JsonBody(body): JsonBody<InstructionsBody>,
) -> Result<Json<InstructionsView>, Problem> {
    let InstructionsBody { shard, instructions } = body;
    if i32::try_from(shard).is_err() {
        let rule = format!("must be at most {}", i32::MAX);
        return Err(Problem::invalid_field("shard", &rule).with("rule", rule));
    }
    check_count("instructions", instructions.len())?;
    let read: Result<Vec<Instruction>, Refused> = instructions
        .into_iter()
        .map(InstructionBody::instruction)
        .collect();
    let instructions = read.map_err(crate::refusal::problem)?;
    let answers = state.instruct(shard, instructions).await?;
    Ok(Json(InstructionsView {
        results: answers.into_iter().map(InstructionResultView::from).collect(),
    }))
}
