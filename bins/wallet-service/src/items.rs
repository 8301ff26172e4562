//! Instructions one by one and in batches: each item is answered as it alone would have been.

use actix_web::web::Json;
use domain::Asset;
use http::Problem;
use serde::Serialize;
use utoipa::{PartialSchema, ToSchema};
use wallet_client::{Answer, Instruction, Refused, UserBalance};

use crate::refusal::{self, RefusalView};
use crate::state::State;
use crate::text::Decimal;

/// The most items of one batch.
pub(crate) const ITEMS: usize = 1_000;

/// The body of an instruction.
pub(crate) trait Item {
    /// How it is answered when it was done.
    type View: Serialize + From<Answer>;

    /// The instruction that it is.
    ///
    /// # Errors
    /// Its fields do not fit one another.
    fn instruction(self) -> Result<Instruction, Refused>;
}

/// A batch of instructions of one kind.
#[derive(Debug, serde::Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Batch<T: PartialSchema + ToSchema> {
    /// 1 to 1,000 items; they are done in this order, and one that is refused does not keep back those behind it.
    #[schema(min_items = 1, max_items = 1_000)]
    items: Vec<T>,
}

/// The answers, in the order of the items.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Results<V: PartialSchema + ToSchema> {
    results: Vec<ResultView<V>>,
}

/// What one item was answered.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum ResultView<V: PartialSchema + ToSchema> {
    /// It was done.
    Done(Done<V>),
    /// It was refused.
    Refused(RefusalView),
}

/// The answer to an item that was done.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Done<V: PartialSchema + ToSchema> {
    /// 200.
    status: u16,
    #[serde(flatten)]
    view: V,
}

/// Has one instruction done.
pub(crate) async fn one<T: Item>(state: &State, item: T) -> Result<Json<T::View>, Problem> {
    let instruction = item.instruction().map_err(refusal::problem)?;
    let mut answers = state.instruct(0, vec![instruction]).await?;
    let answer = answers
        .pop()
        .ok_or_else(|| Problem::internal("there is no answer"))?;
    answer
        .map(|answer| Json(T::View::from(answer)))
        .map_err(refusal::problem)
}

/// Has a batch done. What does not fit is refused in its place; all else goes to the wallet in one call.
pub(crate) async fn many<T>(state: &State, batch: Batch<T>) -> Result<Json<Results<T::View>>, Problem>
where
    T: Item + ToSchema,
    T::View: ToSchema,
{
    let Batch { items } = batch;
    check_count("items", items.len())?;
    let mut instructions = Vec::with_capacity(items.len());
    let mut places: Vec<Result<(), Refused>> = Vec::with_capacity(items.len());
    for item in items {
        places.push(
            item.instruction()
                .map(|instruction| instructions.push(instruction)),
        );
    }
    let mut answers = state.instruct(0, instructions).await?.into_iter();
    let mut results = Vec::with_capacity(places.len());
    for place in places {
        let answer = match place {
            Ok(()) => answers
                .next()
                .ok_or_else(|| Problem::internal("there is no answer"))?,
            Err(refused) => Err(refused),
        };
        results.push(match answer {
            Ok(answer) => ResultView::Done(Done {
                status: 200,
                view: T::View::from(answer),
            }),
            Err(refused) => ResultView::Refused(RefusalView::from(refused)),
        });
    }
    Ok(Json(Results { results }))
}

/// # Errors
/// 400 for none and for too many.
pub(crate) fn check_count(field: &'static str, count: usize) -> Result<(), Problem> {
    if (1..=ITEMS).contains(&count) {
        Ok(())
    } else {
        Err(Problem::invalid_field(field, format!("must be 1 to {ITEMS}")))
    }
}

/// A refusal that names the field and its rule.
pub(crate) fn invalid(field: &str, rule: &str) -> Refused {
    Refused::Invalid {
        field: field.to_owned(),
        rule: rule.to_owned(),
    }
}

/// What a user has of an asset after an instruction.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AssetBalance)]
pub(crate) struct AssetBalanceView {
    available: Decimal,
    reserved: Decimal,
}

/// The balances of a party by asset.
pub(crate) type ByAsset = std::collections::BTreeMap<String, AssetBalanceView>;

/// The balances by asset.
pub(crate) fn by_asset(balances: &[UserBalance]) -> ByAsset {
    let named = |balance: &UserBalance| {
        let UserBalance {
            user_id: _,
            asset,
            available,
            reserved,
            version: _,
        } = balance;
        let view = AssetBalanceView {
            available: Decimal(*available),
            reserved: Decimal(*reserved),
        };
        (Asset::to_string(asset), view)
    };
    balances.iter().map(named).collect()
}

/// What is free and what is held after an instruction that touches one balance.
pub(crate) fn only_balance(answer: &Answer) -> (Decimal, Decimal) {
    let balance = answer.balances.first();
    let (available, reserved) = balance.map_or_else(Default::default, |of| (of.available, of.reserved));
    (Decimal(available), Decimal(reserved))
}
